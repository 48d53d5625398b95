"""A sender that is told to slow down: it halves what it did, and finds its way back by steps.

Additive increase, multiplicative decrease, as TCP does it (RFC 5681): the servers' limits are not
known, change, and are shared with other programs, so the rate that is right must be found, and
found again. The brake is one number in the sender's row, which every drain reads for every window
anyway; a sender in no trouble pays nothing for it.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import text

from campaign_app.extensions import db
from campaign_app.lib import clock
from campaign_app.models.senders import Sender
from campaign_app.sending.replies import HOUR, Action, Scope, Verdict

SLOWEST = 1.0
"""E-mails a minute. Whoever is still told off at this pace is helped by the rests, not by the gap;
and a slower one would take hours to learn that its server has calmed down."""
RAISE_SECONDS = 10.0
STEPS_BACK = 24
"""Raises from half the rate to the whole: four minutes. Sooner, it would swing up and down."""
BRAKING_SHARE = 0.7
"""Of the braked rate: who sends more than this would send more without the brake."""
LONGEST_WAY = 360
"""Raises to the sender's set pace at most, from wherever it began: an hour."""

# The newest batches are enough: a quick sender fills forty in a second, a slow one has fewer.
_DID = text(
    """
    SELECT count(*) AS sent, extract(epoch FROM clock_timestamp() - min(m.sent_at)) AS seconds
    FROM messages m
    WHERE m.sent_at > now() - interval '1 minute' AND m.batch_id = ANY(ARRAY(
        (SELECT id FROM batches
         WHERE sender_id = :sender AND state = 'sending' LIMIT 40)
        UNION ALL
        (SELECT id FROM batches
         WHERE sender_id = :sender AND finished_at > now() - interval '1 minute'
           AND workspace_id = (SELECT workspace_id FROM senders WHERE id = :sender)
         ORDER BY finished_at DESC LIMIT 40)))
    """
)
_BRAKE = text(
    """
    UPDATE senders
    SET brake_from = LEAST(CAST(:did AS float), brake_rate), brake_reason = :words,
        brake_rate = GREATEST(:slowest, LEAST(CAST(:did AS float), brake_rate) / 2),
        braked_at = now(), brake_raised_at = now()
    WHERE id = :sender AND COALESCE(CAST(:did AS float), brake_rate) IS NOT NULL
    """
)
_RAISE = text(
    """
    UPDATE senders SET brake_rate = brake_rate + :step, brake_raised_at = now()
    WHERE id = :sender AND brake_raised_at <= now() - make_interval(secs => :seconds)
    RETURNING brake_rate
    """
)
_RISE_ON = text("UPDATE senders SET brake_from = brake_rate WHERE id = :sender")
_LIFT = text(
    """
    UPDATE senders SET brake_rate = NULL, brake_raised_at = NULL, brake_reason = ''
    WHERE id = :sender
    """
)


def asks_for_less(verdict: Verdict) -> bool:
    """True for words about the pace; a quota that comes back in hours is no matter of pace."""
    is_quota = verdict.wait_seconds is not None and verdict.wait_seconds >= HOUR
    return verdict.scope == Scope.SENDER and verdict.action == Action.COOL and not is_quota


def slow_down(sender_id: int, words: str, *, just_sent: int = 0) -> None:
    """Halve what the sender did in the last minute; the caller commits.

    `just_sent` messages are not written down yet. A sender that has sent nothing lately has nothing
    to halve: its rest must do.
    """
    rate = _rate(sender_id, just_sent=just_sent)
    values = {"sender": sender_id, "words": words, "did": rate, "slowest": SLOWEST}
    db.session.execute(_BRAKE, values)


def _rate(sender_id: int, *, just_sent: int = 0) -> float | None:
    """E-mails a minute that the sender really did lately; None when it did nothing."""
    did = db.session.execute(_DID, {"sender": sender_id}).one()
    sent = did.sent + just_sent
    return sent * 60 / max(1.0, float(did.seconds or 0)) if sent else None


def ease(sender: Sender) -> None:
    """All is well: raise the braked sender's rate when it is time, or lift its brake.

    A sender without a set pace may have been told off several times on its way down. So its goal is
    only the next one as long as the brake is what holds it: then it rises on, in larger steps.
    """
    raised = sender.brake_raised_at
    if not raised or clock.now() - raised < timedelta(seconds=RAISE_SECONDS):
        return
    goal = sender.brake_goal
    step = max((sender.brake_from or 0.0) / 2 / STEPS_BACK, goal / LONGEST_WAY)
    values = {"sender": sender.id, "step": step, "seconds": RAISE_SECONDS}
    rate = db.session.scalar(_RAISE, values)
    if rate is None or rate < goal:
        return
    is_braking = (_rate(sender.id) or 0.0) > rate * BRAKING_SHARE
    statement = _RISE_ON if is_braking and not sender.set_rate else _LIFT
    db.session.execute(statement, {"sender": sender.id})
