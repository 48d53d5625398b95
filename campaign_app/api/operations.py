"""Everything that programs can do, in the order of the document."""

from __future__ import annotations

from campaign_app.api import (
    campaign_actions,
    campaigns,
    groups,
    imports,
    messages,
    recipients,
    segments,
    senders,
    uploads,
)

OPERATIONS = tuple(
    operation
    for noun in (
        senders,
        campaigns,
        campaign_actions,
        messages,
        uploads,
        imports,
        recipients,
        groups,
        segments,
    )
    for operation in noun.routes.operations
)
