"""Claiming batches, opening windows in them, and giving them back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Row, text

from campaign_app.extensions import db
from campaign_app.lib import logs
from campaign_app.models.messages import MessageStatus
from campaign_app.sending.leases import LEASE_SECONDS
from campaign_app.sending.results import FenceError, Result, record

log = logs.get(__name__)

_CLAIM = text(
    """
    UPDATE batches
    SET state = 'sending', fence = fence + 1, worker = :worker, journal = :journal,
        lease_until = now() + make_interval(secs => :seconds), opened = 0, opened_through = NULL
    WHERE id = ANY(ARRAY(  -- an IN could be asked again for every row, and win more than :most
        SELECT b.id FROM batches b
        JOIN campaigns c ON c.id = b.campaign_id AND c.status = 'sending'
        JOIN senders s ON s.id = b.sender_id AND s.state = 'active'
        WHERE b.sender_id = :sender AND b.state = 'dispatched' AND b.not_before <= now()
          AND b.campaign_id = COALESCE(CAST(:campaign AS bigint), b.campaign_id)
        ORDER BY b.not_before, b.id LIMIT :most FOR UPDATE OF b SKIP LOCKED))
    RETURNING id, fence, campaign_id, workspace_id
    """
)
# The recipient is looked at now, not at planning: nobody is handed over after opting out.
_NEXT = text(
    """
    SELECT m.id, m.batch_id, m.address, m.attempts, m.breaks, r.name, r.attributes,
           CASE WHEN r.id IS NULL THEN 'deleted'
                WHEN r.status <> 'subscribed' THEN r.status
                WHEN s.id IS NOT NULL THEN 'suppressed' ELSE '' END AS left_out
    FROM messages m
    LEFT JOIN recipients r ON r.id = m.recipient_id
    LEFT JOIN suppressions s ON s.workspace_id = m.workspace_id AND s.email = m.address
    WHERE m.batch_id = ANY(:ids) AND m.status = 'pending'
    ORDER BY m.batch_id, m.id LIMIT :most
    """
)
_OPEN = text(
    """
    UPDATE batches b SET opened_through = w.through, opened = w.opened
    FROM unnest(CAST(:ids AS bigint[]), CAST(:fences AS bigint[]), CAST(:throughs AS bigint[]),
                CAST(:opened AS int[])) AS w(id, fence, through, opened), campaigns c
    WHERE b.id = w.id AND b.fence = w.fence AND b.state = 'sending'
      AND c.id = b.campaign_id AND c.status = 'sending'
    RETURNING b.id
    """
)
_GIVE_BACK = text(
    """
    UPDATE batches b
    SET state = 'pending', lease_until = NULL, worker = '', opened = 0, opened_through = NULL,
        not_before = now() + make_interval(secs => :seconds)
    FROM unnest(CAST(:ids AS bigint[]), CAST(:fences AS bigint[])) AS held(id, fence)
    WHERE b.id = held.id AND b.fence = held.fence AND b.state = 'sending'
    """
)
_UNDO_DISPATCH = text(
    """
    UPDATE batches SET state = 'pending'
    WHERE id = ANY(ARRAY(
        SELECT id FROM batches
        WHERE sender_id = :sender AND state = 'dispatched' AND campaign_id = :campaign
        ORDER BY id FOR UPDATE SKIP LOCKED))
    """
)


@dataclass(frozen=True, slots=True)
class Turn:
    """A message whose turn it is."""

    message_id: int
    batch_id: int
    address: str
    name: str
    attributes: Mapping[str, Any]
    attempts: int
    breaks: int


@dataclass(slots=True)
class Claim:
    """Batches of one campaign, held under a lease: fence by batch id."""

    campaign_id: int
    workspace_id: int
    held: dict[int, int] = field(default_factory=dict)

    def copy(self) -> Claim:
        """The same batches in a dictionary of its own."""
        return replace(self, held=dict(self.held))


def claim(
    sender_id: int, *, worker: str, journal: str, most: int, seconds: int = LEASE_SECONDS
) -> Claim | None:
    """Win up to `most` dispatched batches of one campaign of the sender; the caller commits.

    The lease is for `seconds`. The oldest come first. None when there is nothing to win.
    """
    values = {
        "sender": sender_id,
        "worker": worker,
        "journal": journal,
        "seconds": seconds,
        "campaign": None,
    }
    rows = db.session.execute(_CLAIM, values | {"most": 1}).all()
    if not rows:
        return None
    first = rows[0]
    won = Claim(first.campaign_id, first.workspace_id, {first.id: first.fence})
    if most > 1:
        more = db.session.execute(
            _CLAIM, values | {"most": most - 1, "campaign": first.campaign_id}
        )
        won.held.update({row.id: row.fence for row in more})
    return won


def open_window(claim: Claim, *, most: int) -> list[Turn] | None:
    """The next messages to hand over, at most `most`, as an open window; the caller commits.

    Those who opted out meanwhile are skipped and counted. Empty when no message is left; None when
    the campaign may not send now. Raises FenceError when the batches have another holder.
    """
    rows = db.session.execute(_NEXT, {"ids": list(claim.held), "most": most}).all()
    skipped = [_skip(row) for row in rows if row.left_out]
    turns = [_turn(row) for row in rows if not row.left_out]
    if skipped:
        touched = {row.batch_id: claim.held[row.batch_id] for row in rows if row.left_out}
        for batch_id in record(touched, others=skipped):
            del claim.held[batch_id]
    if turns and not _open(claim, turns):
        return None
    if skipped and not turns:
        return open_window(claim, most=most)
    return turns


def _open(claim: Claim, turns: Sequence[Turn]) -> bool:
    through: dict[int, int] = {}
    opened: dict[int, int] = {}
    for turn in turns:
        through[turn.batch_id] = turn.message_id
        opened[turn.batch_id] = opened.get(turn.batch_id, 0) + 1
    ids = list(through)
    values = {
        "ids": ids,
        "fences": [claim.held[batch_id] for batch_id in ids],
        "throughs": list(through.values()),
        "opened": list(opened.values()),
    }
    won = db.session.scalars(_OPEN, values).all()
    if len(won) == len(ids):
        return True
    status = db.session.scalar(
        text("SELECT status FROM campaigns WHERE id = :id"), {"id": claim.campaign_id}
    )
    if status == "sending":
        raise FenceError("The lease was taken over.")
    return False


def give_back(claim: Claim, *, seconds: float = 0) -> None:
    """Return the batches for anybody to claim in `seconds` from now; the caller commits."""
    if claim.held:
        values = {"ids": list(claim.held), "fences": list(claim.held.values())}
        db.session.execute(_GIVE_BACK, values | {"seconds": seconds})
        claim.held.clear()


def close_empty(claim: Claim) -> None:
    """Finish batches that hold nothing to send any more; the caller commits."""
    for batch_id in record(claim.held):
        del claim.held[batch_id]
    if claim.held:
        log.error("batches without messages", batches=list(claim.held))
        give_back(claim, seconds=60)


def hold(claim: Claim, *, sender_id: int, seconds: float) -> None:
    """Give the batches back for `seconds`, in which no other of the campaign is marked either.

    Or every batch would be tried in turn, only to find that its campaign has to wait. The caller
    commits.
    """
    give_back(claim, seconds=seconds)
    values = {"sender": sender_id, "campaign": claim.campaign_id}
    db.session.execute(_UNDO_DISPATCH, values)


def _turn(row: Row[Any]) -> Turn:
    return Turn(
        row.id, row.batch_id, row.address, row.name, row.attributes, row.attempts, row.breaks
    )


def _skip(row: Row[Any]) -> Result:
    why = {
        "deleted": "The recipient was deleted after the campaign had started.",
        "suppressed": "The address was put on the suppression list.",
    }
    reason = why.get(row.left_out, f"The recipient is {row.left_out} by now.")
    return Result(row.id, MessageStatus.SKIPPED, reply=reason)
