"""The right to mail a sender's confirmations: two at once at most, whatever its server does.

Its number is below zero, so that no drain wins it. Who has it wins a connection of the sender as a
drain does: confirmations open none more than the sender may have. They are few, and somebody waits
for them, so a campaign that has all connections gives one up.
"""

from __future__ import annotations

from time import monotonic

from sqlalchemy import text

from campaign_app.extensions import db
from campaign_app.sending import sharing, slots, stopping
from campaign_app.sending.leases import Lease, boot_clock

OF_A_WORKSPACE = 4
"""Rights that all senders of a workspace may use at once: fifty accounts at a server that hangs
must do its neighbours no more harm than two."""
REST_SECONDS = 30
"""How long a right stays taken after its server has let somebody down."""
CONNECTION_SECONDS = 8.0
"""How long to wait for a campaign's connection; a drain's window takes no longer."""
LOOK_SECONDS = 0.5

_MAKE = text(
    """
    INSERT INTO sender_slots (sender_id, slot)
    SELECT id, generate_series(-2, -1) FROM senders WHERE id = :sender
    ON CONFLICT DO NOTHING
    """
)
# The second only where campaigns keep a connection, and where e-mails do not go one by one.
_WIN = text(
    """
    UPDATE sender_slots
    SET fence = fence + 1, worker = :worker, lease_until = now() + make_interval(secs => :seconds)
    WHERE (sender_id, slot) = (
        SELECT t.sender_id, t.slot FROM sender_slots t JOIN senders s ON s.id = t.sender_id
        WHERE t.sender_id = :sender AND t.slot < 0
          AND (t.lease_until IS NULL OR t.lease_until < now())
          AND (t.slot = -1 OR (s.max_connections > 2 AND s.delay_seconds < 1))
          AND :most > (
              SELECT count(*) FROM sender_slots busy JOIN senders o ON o.id = busy.sender_id
              WHERE o.workspace_id = s.workspace_id AND busy.slot < 0 AND busy.worker <> ''
                AND busy.lease_until > now())
        ORDER BY t.slot DESC LIMIT 1 FOR UPDATE OF t SKIP LOCKED)
    RETURNING slot, fence
    """
)
_LEAVE = text(
    """
    UPDATE sender_slots
    SET worker = '', lease_until = CASE WHEN :rest > 0
                                        THEN now() + make_interval(secs => :rest) END
    WHERE sender_id = :sender AND slot = :slot AND fence = :fence
    """
)


def win(sender_id: int, *, worker: str, seconds: int) -> Lease | None:
    """Win the right for `seconds` and commit; None when enough others have it, or it rests."""
    asked_at = boot_clock()
    values = {
        "sender": sender_id,
        "worker": worker,
        "seconds": seconds,
        "most": OF_A_WORKSPACE,
    }
    db.session.execute(_MAKE, {"sender": sender_id})
    won = db.session.execute(_WIN, values).one_or_none()
    db.session.commit()
    return slots.lease_of(won, sender_id, asked_at=asked_at, seconds=seconds)


def connection(right: Lease, *, worker: str) -> Lease | None:
    """Win one of the sender's connections, from a campaign if need be; None when none is let go."""
    lease = slots.win(right.sender_id, worker=worker, seconds=right.seconds)
    if lease:
        return lease
    until = monotonic() + CONNECTION_SECONDS
    with sharing.asking(right.sender_id, right.slot):
        while not (lease or monotonic() > until or stopping.is_wanted()):
            stopping.sleep(LOOK_SECONDS)
            lease = slots.win(right.sender_id, worker=worker, seconds=right.seconds)
    return lease


def leave(right: Lease, *, is_to_rest: bool) -> None:
    """Give the right back, after a rest if its server let us down. Commits."""
    values = {"sender": right.sender_id, "slot": right.slot, "fence": right.slot_fence}
    db.session.execute(_LEAVE, values | {"rest": REST_SECONDS if is_to_rest else 0})
    db.session.commit()
