"""Claiming batches, opening windows in them, and giving them back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from sqlalchemy import Row, text

from campaign_app.extensions import db
from campaign_app.lib import logs
from campaign_app.models.messages import MessageStatus
from campaign_app.sending.leases import LEASE_SECONDS
from campaign_app.sending.results import FenceError, Result, record

log = logs.get(__name__)

_CLAIM = text(
    """
    WITH first AS (
        SELECT b.campaign_id FROM batches b
        JOIN campaigns c ON c.id = b.campaign_id AND c.status = 'sending'
        JOIN senders s ON s.id = b.sender_id AND s.state = 'active'
        WHERE b.sender_id = :sender AND b.state = 'dispatched' AND b.not_before <= now()
        ORDER BY b.not_before, b.id LIMIT 1 FOR UPDATE OF b SKIP LOCKED
    ), won AS (
        SELECT b.id FROM batches b JOIN first ON first.campaign_id = b.campaign_id
        WHERE b.sender_id = :sender AND b.state = 'dispatched' AND b.not_before <= now()
        ORDER BY b.not_before, b.id LIMIT :most FOR UPDATE OF b SKIP LOCKED
    )
    UPDATE batches
    SET state = 'sending', fence = fence + 1, worker = :worker, journal = :journal,
        lease_until = now() + make_interval(secs => :seconds), opened = 0, opened_through = NULL
    -- an IN could be asked again for every row, and win more than :most
    WHERE id = ANY(ARRAY(SELECT id FROM won))
    RETURNING id, fence, campaign_id, workspace_id,
              (SELECT tpm FROM campaigns WHERE campaigns.id = batches.campaign_id) AS tpm
    """
)
# The recipient is looked at now, not at planning: nobody is handed over after opting out. What is
# found is opened at once; one message more than that is looked at, so that its envelope can ride
# with the last body.
_OPEN_NEXT = text(
    """
    WITH next AS MATERIALIZED (
        SELECT m.id, m.batch_id, m.address, r.name, r.attributes, m.attempts, m.breaks,
               CASE WHEN r.id IS NULL THEN 'deleted'
                    WHEN r.status <> 'subscribed' THEN r.status
                    WHEN s.id IS NOT NULL THEN 'suppressed' ELSE '' END AS left_out
        FROM messages m
        LEFT JOIN recipients r ON r.id = m.recipient_id
        LEFT JOIN suppressions s ON s.workspace_id = m.workspace_id
          -- the hash is in every entry; of an erased person there is nothing else
          AND s.email_hash = sha256(convert_to(m.address, 'UTF8'))
        WHERE m.batch_id = ANY(:ids) AND m.status = 'pending'
        ORDER BY m.batch_id, m.id LIMIT :most + 1
    ), wanted AS (
        SELECT batch_id, max(id) AS through, count(*) AS opened
        FROM (SELECT * FROM next ORDER BY batch_id, id LIMIT :most) AS turn
        WHERE left_out = '' GROUP BY batch_id
    ), opened AS (
        UPDATE batches b SET opened_through = w.through, opened = w.opened
        FROM unnest(CAST(:ids AS bigint[]), CAST(:fences AS bigint[])) AS held(id, fence)
        JOIN wanted w ON w.batch_id = held.id, campaigns c
        WHERE b.id = held.id AND b.fence = held.fence AND b.state = 'sending'
          AND c.id = b.campaign_id AND c.status = 'sending'
        RETURNING b.id
    )
    SELECT next.*, (SELECT count(*) FROM wanted) = (SELECT count(*) FROM opened) AS is_open
    FROM next ORDER BY batch_id, id
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


class Turn(NamedTuple):
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
    """Batches of one campaign, held under a lease: fence by batch id.

    `tpm` is the campaign's rate, as read last. `ahead` is the message that will most likely come
    after the open window.
    """

    campaign_id: int
    workspace_id: int
    held: dict[int, int] = field(default_factory=dict)
    tpm: int | None = None
    ahead: Turn | None = None

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
        "most": most,
    }
    rows = db.session.execute(_CLAIM, values).all()
    if not rows:
        return None
    held = {row.id: row.fence for row in rows}
    won = rows[0]
    logs.bind(workspace=won.workspace_id, campaign=won.campaign_id, batches=list(held))
    return Claim(won.campaign_id, won.workspace_id, held, won.tpm)


def open_window(claim: Claim, *, most: int) -> list[Turn] | None:
    """The next messages to hand over, at most `most`, as an open window; the caller commits.

    Those who opted out meanwhile are skipped and counted. Empty when no message is left; None when
    the campaign may not send now. Raises FenceError when the batches have another holder.
    """
    values = {"ids": list(claim.held), "fences": list(claim.held.values()), "most": most}
    rows = db.session.execute(_OPEN_NEXT, values).all()
    turns = [Turn._make(row[:7]) for row in rows if not row[7]]
    claim.ahead = turns.pop() if len(rows) > most and not rows[-1][7] else None
    if len(turns) < min(most, len(rows)):
        _skip([row for row in rows[:most] if row.left_out], claim)
        return open_window(claim, most=most)
    if rows and not rows[0].is_open:
        _insist_on_fence(claim)
        return None
    return turns


def _skip(rows: Sequence[Row[Any]], claim: Claim) -> None:
    touched = {row.batch_id: claim.held[row.batch_id] for row in rows}
    for batch_id in record(touched, others=[_skipped(row) for row in rows]):
        del claim.held[batch_id]


def _insist_on_fence(claim: Claim) -> None:
    """A window did not open: either its campaign may not send now, or, FenceError, we lost it."""
    status = db.session.scalar(
        text("SELECT status FROM campaigns WHERE id = :id"), {"id": claim.campaign_id}
    )
    if status == "sending":
        raise FenceError("The lease was taken over.")


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


def _skipped(row: Row[Any]) -> Result:
    why = {
        "deleted": "The recipient was deleted after the campaign had started.",
        "suppressed": "The address was put on the suppression list.",
    }
    reason = why.get(row.left_out, f"The recipient is {row.left_out} by now.")
    return Result(row.id, MessageStatus.SKIPPED, reply=reason)
