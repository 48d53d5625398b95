"""Messages whose fate nobody knows, and what a person decides about them.

They had left when the connection or the worker was lost, so they may have arrived or not. The
batches' counts lead to them: no index may name a message's status.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import text

from campaign_app.extensions import db
from campaign_app.lib.errors import Conflict, NotFound
from campaign_app.lib.paging import Page
from campaign_app.lib.tenancy import HasId
from campaign_app.models.campaigns import Campaign
from campaign_app.models.people import User
from campaign_app.services import audit, regroup, reopening, transitions

PAGE_SIZE = 50
AT_ONCE = 5_000
LOST = "lost"
"""The phase of what was lost with its worker, journal and all."""
ENDED = "ended"
"""The phase of what had left when its worker ended, as the journal tells."""

_TALLY = text(
    """
    SELECT b.campaign_id, c.name, c.status, sum(b.unconfirmed) AS messages
    FROM batches b JOIN campaigns c ON c.id = b.campaign_id
    WHERE b.workspace_id = :workspace AND b.unconfirmed > 0
      AND b.campaign_id = COALESCE(CAST(:campaign AS bigint), b.campaign_id)
    GROUP BY b.campaign_id, c.name, c.status ORDER BY b.campaign_id DESC
    """
)
_PAGE = text(
    """
    WITH shown AS MATERIALIZED (
        SELECT m.id, m.batch_id, m.campaign_id, m.recipient_id, m.address, m.attempts,
               m.opened_at, m.clicked_at, b.sender_id
        FROM batches b JOIN messages m ON m.batch_id = b.id AND m.status = 'unconfirmed'
        WHERE b.workspace_id = :workspace AND b.unconfirmed > 0
          AND b.campaign_id = COALESCE(CAST(:campaign AS bigint), b.campaign_id)
        ORDER BY b.id DESC, m.id DESC LIMIT :size OFFSET :skip
    )
    SELECT shown.id, shown.campaign_id, c.name AS campaign, shown.address,
           COALESCE(r.name, '') AS name, shown.attempts, e.created_at,
           COALESCE(e.phase, '') AS phase, COALESCE(e.reply, '') AS reply,
           COALESCE(s.name, '') AS sender, COALESCE(s.host, '') AS server,
           shown.opened_at, shown.clicked_at
    FROM shown
    JOIN campaigns c ON c.id = shown.campaign_id
    LEFT JOIN recipients r ON r.id = shown.recipient_id
    LEFT JOIN senders s ON s.id = shown.sender_id
    LEFT JOIN LATERAL (
        SELECT created_at, phase, reply FROM delivery_events
        WHERE workspace_id = :workspace AND message_id = shown.id AND status = 'unconfirmed'
        ORDER BY id DESC LIMIT 1) e ON true
    ORDER BY shown.batch_id DESC, shown.id DESC
    """
)
# A suppressed address would only be skipped, and nobody would look at it any more.
_FIND = text(
    """
    SELECT m.id FROM batches b JOIN messages m ON m.batch_id = b.id AND m.status = 'unconfirmed'
    WHERE b.workspace_id = :workspace AND b.campaign_id = :campaign AND b.unconfirmed > 0
      AND (CAST(:ids AS bigint[]) IS NULL OR m.id = ANY(:ids))
      AND (NOT :mailable OR NOT EXISTS (
              SELECT FROM suppressions s
              WHERE s.workspace_id = m.workspace_id
                        AND s.email_hash = sha256(convert_to(m.address, 'UTF8'))))
    ORDER BY m.id LIMIT :most FOR UPDATE OF m
    """
)
_LOCK_BATCHES = text(
    """
    SELECT id FROM batches
    WHERE workspace_id = :workspace
      AND id IN (SELECT batch_id FROM messages WHERE id = ANY(:ids))
    ORDER BY id FOR UPDATE
    """
)
# The moment of the hand-over is the best that is known of when it was sent.
_MARK = text(
    """
    WITH marked AS (
        UPDATE messages m
        SET status = 'sent', sent_at = COALESCE(
            (SELECT max(e.created_at) FROM delivery_events e
             WHERE e.message_id = m.id AND e.status = 'unconfirmed'), now())
        WHERE m.workspace_id = :workspace AND m.id = ANY(:ids) AND m.status = 'unconfirmed'
        RETURNING m.batch_id
    ), counted AS (
        SELECT batch_id, count(*) AS n FROM marked GROUP BY batch_id
    ), moved AS (
        UPDATE batches b SET unconfirmed = b.unconfirmed - n, sent = b.sent + n
        FROM counted WHERE b.id = counted.batch_id
        RETURNING n
    )
    SELECT COALESCE(sum(n), 0) FROM moved
    """
)
_KNOWN = text(
    """
    SELECT EXISTS (SELECT FROM messages WHERE workspace_id = :workspace
                   AND campaign_id = :campaign AND id = ANY(:ids))
    """
)


class Action(StrEnum):
    """What can be decided. Sending again may make a second copy."""

    MARK_AS_SENT = "mark_as_sent"
    SEND_AGAIN = "send_again"


@dataclass(frozen=True, slots=True)
class Tally:
    """How many messages of a campaign are unconfirmed."""

    campaign_id: int
    name: str
    status: str
    messages: int


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """One message, with everything that is known of it."""

    message_id: int
    campaign_id: int
    campaign: str
    address: str
    name: str
    attempts: int
    since: datetime | None
    """When it was handed over, to some seconds (after a lost worker: to a minute or so)."""
    phase: str
    """`dot`: the connection ended before the answer, `ended`: the worker did, `lost`: the worker
    and its journal."""
    words: str
    sender: str
    server: str
    """The mail server's host; empty, as the sender, when the sender was deleted."""
    opened_at: datetime | None
    """Who opened or clicked it has got it."""
    clicked_at: datetime | None


def tallies(workspace: HasId, *, campaign: Campaign | None = None) -> list[Tally]:
    """The campaigns with unconfirmed messages (or this one, if it has any), the newest first."""
    values = {"workspace": workspace.id, "campaign": campaign.id if campaign else None}
    rows = db.session.execute(_TALLY, values)
    return [Tally(row.campaign_id, row.name, row.status, int(row.messages)) for row in rows]


def page(
    workspace: HasId, *, campaign: Campaign | None = None, number: int = 1, size: int = PAGE_SIZE
) -> Page[Unconfirmed]:
    """Unconfirmed messages of a campaign or of all, the newest first; the nearest page there is."""
    total = sum(one.messages for one in tallies(workspace, campaign=campaign))
    number = max(1, min(number, -(-total // size)))
    values = {
        "workspace": workspace.id,
        "campaign": campaign.id if campaign else None,
        "size": size,
        "skip": (number - 1) * size,
    }
    rows = db.session.execute(_PAGE, values).all() if total else []
    return Page([Unconfirmed(*row) for row in rows], number, total, size)


def resolve(
    workspace: HasId,
    campaign: Campaign,
    *,
    action: Action,
    message_ids: Sequence[int] | None = None,
    user: User,
) -> int:
    """Mark unconfirmed messages as sent, or send them again; gives how many.

    `message_ids` None means all of the campaign. A completed campaign is reopened when something
    is sent again; suppressed addresses are left as they are then. Raises NotFound when none of the
    ids is a message of the campaign, Conflict when none is unconfirmed any more, or when the
    campaign cannot send (cancelled, or without its sender). The caller commits and rings.
    """
    if action == Action.SEND_AGAIN:
        reopening.hold_open(campaign)
    else:
        transitions.hold(campaign)
    number = _resolve_each(workspace, campaign, action, message_ids)
    if not number:
        raise _nothing(workspace, campaign, action, message_ids)
    reopening.recount(workspace, campaign)
    _record(workspace, campaign, action, number, user)
    return number


def _resolve_each(
    workspace: HasId, campaign: Campaign, action: Action, message_ids: Sequence[int] | None
) -> int:
    """Some at a time, under the rows' locks: what somebody else has decided is not touched."""
    values = {
        "workspace": workspace.id,
        "campaign": campaign.id,
        "ids": None if message_ids is None else list(message_ids),
        "mailable": action == Action.SEND_AGAIN,
        "most": AT_ONCE,
    }
    number = 0
    while found := db.session.scalars(_FIND, values).all():
        if action == Action.SEND_AGAIN:
            number += regroup.into_new_batches(found, afresh=True)
        else:
            number += mark_as_sent(workspace, found)
    return number


def mark_as_sent(workspace: HasId, message_ids: Sequence[int]) -> int:
    """Make those of the locked messages that are unconfirmed `sent`; gives how many."""
    values = {"workspace": workspace.id, "ids": list(message_ids)}
    db.session.execute(_LOCK_BATCHES, values)
    return int(db.session.scalar(_MARK, values) or 0)


def _nothing(
    workspace: HasId, campaign: Campaign, action: Action, message_ids: Sequence[int] | None
) -> Conflict | NotFound:
    if message_ids is not None:
        values = {"workspace": workspace.id, "campaign": campaign.id, "ids": list(message_ids)}
        if not db.session.scalar(_KNOWN, values):
            return NotFound()
    if action == Action.SEND_AGAIN and tallies(workspace, campaign=campaign):
        return Conflict(
            "Nothing was sent: these are decided by now, or their addresses suppressed."
        )
    return Conflict(f"No such message of “{campaign.name}” is unconfirmed any more.")


def _record(workspace: HasId, campaign: Campaign, action: Action, number: int, user: User) -> None:
    what = f"{number:,} unconfirmed {'message' if number == 1 else 'messages'}"
    did = {
        Action.MARK_AS_SENT: f"marked {what} of “{campaign.name}” as sent",
        Action.SEND_AGAIN: f"sent {what} of “{campaign.name}” again",
    }
    summary = f"{user.name} {did[action]}"
    audit.record(workspace, "campaign.resolved", summary, user=user, subject_id=campaign.id)
