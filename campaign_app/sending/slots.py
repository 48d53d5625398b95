"""Slots: the right to one SMTP connection of a sender. `max_connections`, enforced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select, text

from campaign_app.extensions import db
from campaign_app.models.senders import Sender
from campaign_app.sending.claims import Claim
from campaign_app.sending.leases import LEASE_SECONDS, Lease, boot_clock, deadline

_MAKE = text(
    """
    INSERT INTO sender_slots (sender_id, slot)
    SELECT id, generate_series(0, max_connections - 1) FROM senders WHERE id = :sender
    ON CONFLICT DO NOTHING
    """
)
_WIN = text(
    """
    UPDATE sender_slots
    SET fence = fence + 1, worker = :worker, lease_until = now() + make_interval(secs => :seconds)
    WHERE (sender_id, slot) = (
        SELECT s.sender_id, s.slot FROM sender_slots s
        JOIN senders ON senders.id = s.sender_id AND s.slot < senders.max_connections
        WHERE s.sender_id = :sender AND s.slot >= 0
          AND (s.lease_until IS NULL OR s.lease_until < now())
          AND (CAST(:most AS int) IS NULL OR :most > (
              SELECT count(*) FROM sender_slots busy JOIN senders o ON o.id = busy.sender_id
              WHERE o.workspace_id = senders.workspace_id AND busy.slot >= 0
                AND busy.lease_until > now()))
        ORDER BY s.slot LIMIT 1 FOR UPDATE OF s SKIP LOCKED)
    RETURNING slot, fence
    """
)
_RELEASE = text(
    """
    UPDATE sender_slots SET lease_until = NULL, worker = ''
    WHERE sender_id = :sender AND slot = :slot AND fence = :fence
    """
)
# Both in one trip, because it is made for every window. xmin tells one update from another.
_NOW = text(
    """
    SELECT s.xmin::text AS version, c.tpm
    FROM senders s LEFT JOIN campaigns c ON c.id = :campaign AND c.status = 'sending'
    WHERE s.id = :sender
    """
)
_TAKE_BACK = text(
    """
    UPDATE sender_slots SET fence = fence + 1, lease_until = NULL, worker = ''
    WHERE (sender_id, slot) IN (
        SELECT sender_id, slot FROM sender_slots WHERE lease_until < now()
        ORDER BY sender_id, slot FOR UPDATE SKIP LOCKED)
    """
)


def win(
    sender_id: int, *, worker: str, seconds: int = LEASE_SECONDS, most: int | None = None
) -> Lease | None:
    """Win a free slot of the sender and commit; None when all are taken.

    Won before connecting, so ten copies of a doorbell open no eleventh connection. `most` is what
    the sender's workspace may hold over all its senders.
    """
    asked_at = boot_clock()
    values = {"sender": sender_id, "worker": worker, "seconds": seconds, "most": most}
    won = db.session.execute(_WIN, values).one_or_none()
    if won is None:
        db.session.execute(_MAKE, {"sender": sender_id})
        won = db.session.execute(_WIN, values).one_or_none()
    db.session.commit()
    return lease_of(won, sender_id, asked_at=asked_at, seconds=seconds)


def lease_of(
    won: Row[Any] | None, sender_id: int, *, asked_at: float, seconds: int
) -> Lease | None:
    """The lease on a slot that was won, by the clock before it was asked for; None without one."""
    if won is None:
        return None
    ends = deadline(asked_at, seconds)
    return Lease(sender_id, won.slot, won.fence, ends, seconds=seconds)


@dataclass(frozen=True, slots=True)
class Seen:
    """A sender as it was read, belonging to no session, and the version of its row."""

    sender: Sender
    version: str


def look(lease: Lease, last: Seen | None, claim: Claim | None) -> Seen:
    """The sender as it is now: `last` itself while nobody has changed the row.

    `claim` is told its campaign's rate of now, which is None, too, when the campaign may not send.
    """
    values = {"sender": lease.sender_id, "campaign": claim.campaign_id if claim else 0}
    version, tpm = db.session.execute(_NOW, values).one_or_none() or ("", None)
    if claim:
        claim.tpm = tpm
    if last and last.version == version:
        return last
    sender = db.session.scalars(
        select(Sender)
        .where(Sender.id == lease.sender_id)
        .execution_options(all_workspaces=True, populate_existing=True)  # a drain has one sender
    ).one()
    db.session.expunge(sender)
    return Seen(sender, version)


def release(lease: Lease) -> None:
    """Give the slot back and commit. A slot lost meanwhile is left to its new holder."""
    values = {"sender": lease.sender_id, "slot": lease.slot, "fence": lease.slot_fence}
    db.session.execute(_RELEASE, values)
    db.session.commit()


def take_back() -> None:
    """Free the slots of workers that died; the caller commits.

    A slot whose lease ran out can be won anyhow. But one that nobody needs any more would name a
    dead worker for ever.
    """
    db.session.execute(_TAKE_BACK)
