"""What became of messages, written down: one statement for the sent, one for all the others.

Writing the same results twice changes nothing: only `pending` rows are touched, and the batches'
counts are taken from the rows that really changed. So a commit whose answer got lost can be
repeated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text

from campaign_app.extensions import db
from campaign_app.lib import metrics
from campaign_app.models.messages import MessageStatus

_OTHERS = text(
    """
    UPDATE messages m
    SET status = r.status, attempts = m.attempts + r.attempts, breaks = m.breaks + r.breaks,
        next_attempt_at = r.next_attempt_at
    FROM unnest(CAST(:ids AS bigint[]), CAST(:statuses AS text[]), CAST(:attempts AS int[]),
                CAST(:breaks AS int[]), CAST(:nexts AS timestamptz[]))
         AS r(id, status, attempts, breaks, next_attempt_at)
    WHERE m.id = r.id AND m.status = 'pending'
    RETURNING m.id, m.batch_id, m.status
    """
)
_EVENTS = text(
    """
    INSERT INTO delivery_events
        (workspace_id, campaign_id, message_id, status, phase, code, enhanced, reply)
    SELECT m.workspace_id, m.campaign_id, m.id, e.status, e.phase, e.code, e.enhanced, e.reply
    FROM unnest(CAST(:ids AS bigint[]), CAST(:statuses AS text[]), CAST(:phases AS text[]),
                CAST(:codes AS int[]), CAST(:enhanced AS text[]), CAST(:replies AS text[]))
         AS e(id, status, phase, code, enhanced, reply)
    JOIN messages m ON m.id = e.id
    """
)
_LEFT = """b.size - COALESCE(t.sent, 0) - b.sent - b.deferred - b.failed - b.unconfirmed
           - b.skipped - b.cancelled - c.deferred - c.failed - c.unconfirmed - c.skipped
           - c.cancelled"""
_WRITE = text(
    f"""
    WITH done AS (
        UPDATE messages SET status = 'sent', sent_at = now(), attempts = attempts + 1
        WHERE id = ANY(CAST(:sent AS bigint[])) AND status = 'pending' RETURNING batch_id
    ), tally AS (SELECT batch_id, count(*) AS sent FROM done GROUP BY batch_id)
    UPDATE batches b
    SET sent = b.sent + COALESCE(t.sent, 0), deferred = b.deferred + c.deferred,
        failed = b.failed + c.failed, unconfirmed = b.unconfirmed + c.unconfirmed,
        skipped = b.skipped + c.skipped, cancelled = b.cancelled + c.cancelled,
        opened = 0, opened_through = NULL,
        state = CASE WHEN {_LEFT} = 0 THEN 'done' ELSE b.state END,
        finished_at = CASE WHEN {_LEFT} = 0 THEN now() ELSE b.finished_at END,
        lease_until = CASE WHEN {_LEFT} = 0 THEN NULL ELSE b.lease_until END,
        worker = CASE WHEN {_LEFT} = 0 THEN '' ELSE b.worker END
    FROM unnest(CAST(:ids AS bigint[]), CAST(:fences AS bigint[]),
                CAST(:deferred AS int[]), CAST(:failed AS int[]), CAST(:unconfirmed AS int[]),
                CAST(:skipped AS int[]), CAST(:cancelled AS int[]))
         AS c(id, fence, deferred, failed, unconfirmed, skipped, cancelled)
    LEFT JOIN tally t ON t.batch_id = c.id
    WHERE b.id = c.id AND b.fence = c.fence
    RETURNING b.id, b.state = 'done' AS is_done,
              (SELECT count(*) FROM tally WHERE batch_id <> ALL(CAST(:ids AS bigint[]))) AS foreign_
    """  # noqa: S608  the braces hold a constant
)
OTHERS = ("deferred", "failed", "unconfirmed", "skipped", "cancelled")


class FenceError(Exception):
    """A batch has another holder by now: its former holder must write nothing."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a message that was not sent became, and what the server said.

    `pending` with `breaks` 1 gives it back after its connection broke.
    """

    message_id: int
    status: MessageStatus
    attempts: int = 0
    breaks: int = 0
    next_attempt_at: datetime | None = None
    phase: str = ""
    code: int | None = None
    enhanced: str = ""
    reply: str = ""


def record(
    held: Mapping[int, int], *, sent: Sequence[int] = (), others: Sequence[Result] = ()
) -> list[int]:
    """Write results into the messages and batches of `held` (fence by batch id).

    Gives the batches that are finished by it. Raises FenceError, and then nothing may be committed,
    when one of the batches has another holder. The caller commits.
    """
    tally: dict[int, Counter[str]] = {batch_id: Counter() for batch_id in held}
    for batch_id, status in _record_others(others) if others else ():
        tally.setdefault(batch_id, Counter())[status] += 1
    finished = _write(held, sent, tally)
    # No judgement holds them: they are found on the way into a window.
    metrics.mails({"skipped": sum(counts["skipped"] for counts in tally.values())})
    return finished


def _record_others(others: Sequence[Result]) -> Iterable[tuple[int, str]]:
    changed = db.session.execute(
        _OTHERS,
        {
            "ids": [result.message_id for result in others],
            "statuses": [result.status.value for result in others],
            "attempts": [result.attempts for result in others],
            "breaks": [result.breaks for result in others],
            "nexts": [result.next_attempt_at for result in others],
        },
    ).all()
    written = {row.id for row in changed}
    _record_events([result for result in others if result.message_id in written])
    return [(row.batch_id, row.status) for row in changed if row.status != "pending"]


def _record_events(results: Sequence[Result]) -> None:
    told = [result for result in results if result.phase or result.reply]
    if told:
        db.session.execute(
            _EVENTS,
            {
                "ids": [result.message_id for result in told],
                "statuses": [result.status.value for result in told],
                "phases": [result.phase for result in told],
                "codes": [result.code for result in told],
                "enhanced": [result.enhanced for result in told],
                "replies": [result.reply for result in told],
            },
        )


def _write(
    held: Mapping[int, int], sent: Sequence[int], tally: Mapping[int, Counter[str]]
) -> list[int]:
    if set(tally) - set(held):
        raise FenceError(f"Messages of foreign batches: {set(tally) - set(held)}")
    if not held:
        return []
    ids = sorted(held)  # always the same order: two holders can never wait for each other
    values: dict[str, list[int]] = {
        "sent": list(sent),
        "ids": ids,
        "fences": [held[batch_id] for batch_id in ids],
    }
    for name in OTHERS:
        values[name] = [tally[batch_id][name] for batch_id in ids]
    rows = db.session.execute(_WRITE, values).all()
    if len(rows) != len(held) or rows[0].foreign_:
        raise FenceError("The lease was taken over.")
    return [row.id for row in rows if row.is_done]
