"""Minute, hour and day caps of a sender, counted in PostgreSQL: no FLUSHALL resets a day.

The hour and the day slide by whole minutes: they are the last 60 and 1,440 of them and the present
one, so that no span that begins within a minute holds more. A message counts in the minute in which
its window was opened, and from its end in that one: nobody knows when between the two the server
said yes. The minute is the throttle's business, by its own sliding log; here it only catches what
Redis may have forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text

from campaign_app.extensions import db
from campaign_app.models.senders import Sender

# The sender's row is locked for the rest of the transaction, so that two connections take turns.
_LOCK = text("SELECT 1 FROM senders WHERE id = :sender FOR UPDATE")
_USED = text(
    """
    SELECT COALESCE(sum(handed_over) FILTER (WHERE minute >= t.now), 0) AS m,
           COALESCE(sum(handed_over) FILTER (WHERE minute >= t.now - interval '1 hour'), 0) AS h,
           COALESCE(sum(handed_over), 0) AS d
    FROM (SELECT date_trunc('minute', clock_timestamp()) AS now) t
    LEFT JOIN sender_usage u
           ON u.sender_id = :sender AND u.minute >= t.now - interval '1 day'
    """
)
_USE = text(
    """
    INSERT INTO sender_usage (sender_id, minute, handed_over)
    VALUES (:sender, date_trunc('minute', clock_timestamp()), :count)
    ON CONFLICT (sender_id, minute)
    DO UPDATE SET handed_over = sender_usage.handed_over + excluded.handed_over
    RETURNING minute, xmax = 0 AS is_new
    """
)
_FORGET = text(
    """
    DELETE FROM sender_usage
    WHERE sender_id = :sender AND minute < clock_timestamp() - interval '25 hours'
    """
)
_SETTLE = text(
    """
    WITH t AS (SELECT date_trunc('minute', clock_timestamp()) AS now), opened AS (
        UPDATE sender_usage u
        SET handed_over = handed_over - CASE WHEN u.minute = t.now THEN :unused ELSE :count END
        FROM t WHERE u.sender_id = :sender AND u.minute = :minute)
    INSERT INTO sender_usage (sender_id, minute, handed_over)
    SELECT :sender, t.now, :count - :unused FROM t WHERE t.now <> :minute
    ON CONFLICT (sender_id, minute)
    DO UPDATE SET handed_over = sender_usage.handed_over + excluded.handed_over
    """
)


@dataclass(frozen=True, slots=True)
class Allowance:
    """`count` messages may be handed over now; when 0, try again after `wait_seconds`."""

    count: int
    wait_seconds: float = 0.0
    cap: str = ""
    """The cap that is used up: minute, hour or day."""
    words: str = ""
    """Why the sender waits, for its owner."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What a window has counted, and in which minute."""

    count: int
    minute: datetime


def allow(sender: Sender, *, want: int) -> Allowance:
    """How many of `want` messages the sender's caps allow now. Nothing is counted yet."""
    caps = {"minute": sender.per_minute, "hour": sender.per_hour, "day": sender.per_day}
    if not any(caps.values()):
        return Allowance(want)
    db.session.execute(_LOCK, {"sender": sender.id})
    used = db.session.execute(_USED, {"sender": sender.id}).one()
    left = {
        name: cap - spent
        for (name, cap), spent in zip(caps.items(), (used.m, used.h, used.d), strict=True)
        if cap
    }
    tightest = min(left, key=lambda name: left[name])
    if left[tightest] > 0:
        return Allowance(min(want, left[tightest]))
    waits = {"minute": 15.0, "hour": 60.0, "day": 600.0}
    words = f"{caps[tightest]:,} e-mails a {tightest} are allowed, and they are used up"
    return Allowance(0, waits[tightest], tightest, words)


def count(sender: Sender, *, handed_over: int) -> Counted | None:
    """Count messages against the sender's caps, in the transaction that opens their window."""
    if not (sender.per_minute or sender.per_hour or sender.per_day):
        return None
    used = db.session.execute(_USE, {"sender": sender.id, "count": handed_over}).one()
    if used.is_new:
        db.session.execute(_FORGET, {"sender": sender.id})
    return Counted(handed_over, used.minute)


def settle(sender: Sender, counted: Counted, *, unused: int) -> None:
    """Let the messages count from now, and those that did not leave no longer."""
    values = {"count": counted.count, "minute": counted.minute, "unused": unused}
    db.session.execute(_LOCK, {"sender": sender.id})  # first, as everywhere, or two would wait
    db.session.execute(_SETTLE, {"sender": sender.id} | values)
