"""Where a link of a mail leads, and whose mail it was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, text

from campaign_app.extensions import db
from campaign_app.lib import liquid, merge
from campaign_app.lib.errors import Invalid

_LINK = text(
    """
    SELECT l.url, m.address, r.name, r.attributes
    FROM messages m
    JOIN links l ON l.campaign_id = m.campaign_id AND l.number = :number
    LEFT JOIN recipients r ON r.id = m.recipient_id
    WHERE m.id = :message
    """
)
_OWNER = text(
    """
    SELECT m.workspace_id, m.campaign_id, m.recipient_id, m.address, w.name AS workspace_name,
           s.from_name, c.id IS NOT NULL AS has_campaign
    FROM messages m
    JOIN workspaces w ON w.id = m.workspace_id
    LEFT JOIN campaigns c ON c.id = m.campaign_id
    LEFT JOIN senders s ON s.id = c.sender_id
    WHERE m.id = :message
    """
)


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail that somebody holds in their hands: whose list it came from, and to whom."""

    workspace_id: int
    campaign_id: int
    recipient_id: int
    address: str
    list_name: str
    has_campaign: bool
    """Whether the campaign is still there: once it has been deleted, its links lead nowhere."""


def target(message_id: int, *, number: int) -> str | None:
    """The address a link leads to, its merge fields filled in for the mail's recipient.

    None when the mail has no such link.
    """
    row = db.session.execute(_LINK, {"message": message_id, "number": number}).one_or_none()
    if row is None:
        return None
    return row.url if "{" not in row.url else _filled(row)


def _filled(row: Row[Any]) -> str | None:
    values = merge.values(row.address, row.name or "", row.attributes or {}, unsubscribe_url="")
    try:
        return liquid.compile(row.url, escape=liquid.Escape.URL).render(values)
    except Invalid:
        return None


def mail_of(message_id: int) -> Mail | None:
    """The mail behind a public link; None when it is gone."""
    row = db.session.execute(_OWNER, {"message": message_id}).one_or_none()
    if row is None:
        return None
    name = row.from_name or row.workspace_name
    of = (row.workspace_id, row.campaign_id, row.recipient_id)
    return Mail(*of, row.address, name, row.has_campaign)
