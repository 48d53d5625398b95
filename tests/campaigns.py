"""Campaigns before their start, and what the activity log says of them."""

from __future__ import annotations

from typing import Any

from campaign_app.extensions import db
from campaign_app.models.audit import AuditEntry
from campaign_app.models.campaigns import Campaign
from tests import factories
from tests.people import Person


def ready(person: Person, **values: Any) -> Campaign:
    """A campaign that nothing blocks."""
    place = person.workspace
    group = factories.group(place, members=[factories.recipient(place)])
    values = {"sender_id": factories.sender(place).id, **values}
    return factories.campaign(place, groups=[group], **values)


def said(person: Person) -> list[str]:
    """The lines of the workspace's activity log, the oldest first."""
    entries = db.session.query(AuditEntry).filter_by(workspace_id=person.workspace.id)
    return [entry.summary for entry in entries.order_by(AuditEntry.id)]
