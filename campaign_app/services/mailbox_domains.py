"""How a campaign fares with each mailbox provider: the part of the address after the @.

Counting a million addresses takes a second, so that a large campaign is judged by every n-th of its
batches, and the answer is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from campaign_app.extensions import db
from campaign_app.lib.kept import kept
from campaign_app.lib.tenancy import HasId
from campaign_app.models.campaigns import Campaign

SAMPLE = 100_000
"""Messages that are counted; of a larger campaign, a sample of about this size."""
KEPT_LIVE = 60
KEPT_DONE = 3600

_COUNT = text(
    """
    SELECT split_part(m.address, '@', 2) AS name, count(*) AS total,
           count(*) FILTER (WHERE m.status = 'sent') AS sent,
           count(*) FILTER (WHERE m.status = 'failed') AS failed,
           count(*) FILTER (WHERE m.opened_at IS NOT NULL) AS opened
    FROM batches b JOIN messages m ON m.batch_id = b.id
    WHERE b.workspace_id = :workspace AND b.campaign_id = :campaign AND b.id % :stride = 0
    GROUP BY 1 ORDER BY total DESC, name LIMIT :most
    """
)


@dataclass(frozen=True, slots=True)
class Domain:
    """One provider's messages: planned, and of these sent, failed, opened."""

    name: str
    total: int
    sent: int
    failed: int
    opened: int


@dataclass(frozen=True, slots=True)
class Domains:
    """The largest providers; `stride` above 1 says that every stride-th batch was counted."""

    top: list[Domain]
    stride: int = 1


def largest(workspace: HasId, campaign: Campaign, *, most: int = 8) -> Domains:
    """The providers with the most recipients of the campaign, at most an hour old."""
    stride = max(1, campaign.total // SAMPLE)
    moment = campaign.finished_at or campaign.status
    key = f"domains:{workspace.id}:{campaign.id}:{moment}:{most}"
    values = {
        "workspace": workspace.id,
        "campaign": campaign.id,
        "stride": stride,
        "most": most,
    }
    seconds = KEPT_LIVE if campaign.final_counts is None else KEPT_DONE
    return Domains([Domain(**row) for row in kept(key, seconds, lambda: _count(values))], stride)


def _count(values: dict[str, int]) -> list[dict[str, Any]]:
    return [dict(row) for row in db.session.execute(_COUNT, values).mappings()]
