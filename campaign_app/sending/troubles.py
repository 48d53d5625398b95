"""What concerns a whole sender or campaign: cooling, stopping, pausing, and the way back."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text

from campaign_app.extensions import db
from campaign_app.lib import logs, metrics
from campaign_app.sending import brakes
from campaign_app.sending.replies import Action, Verdict
from campaign_app.services import audit

COOLING_TIERS = (30.0, 60.0, 300.0)
"""Seconds. Shorter than the messages' tiers: a mail server that restarts must not cost an hour."""

_COOL = text(
    """
    UPDATE senders
    SET state = 'cooling', state_reason = :words, cooling_tier = cooling_tier + 1,
        cooling_until = now() + make_interval(secs => COALESCE(CAST(:told AS float),
            (CAST(:tiers AS float[]))[LEAST(cooling_tier + 1, :last)]))
    WHERE id = :sender AND state = 'active'
    RETURNING name, workspace_id
    """
)
_STOP = text(
    """
    UPDATE senders SET state = 'stopped', state_reason = :words, cooling_until = NULL
    WHERE id = :sender AND state <> 'stopped' RETURNING name, workspace_id
    """
)
_WELL = text("UPDATE senders SET cooling_tier = 0 WHERE id = :sender AND cooling_tier > 0")
_WAKE = text(
    """
    UPDATE senders SET state = 'active', cooling_until = NULL, state_reason = ''
    WHERE state = 'cooling' AND cooling_until <= now() RETURNING id
    """
)
_PAUSE = text(
    """
    UPDATE campaigns SET status = 'paused', paused_by = 'policy', pause_reason = :words
    WHERE id = :campaign AND status = 'sending' RETURNING name, workspace_id
    """
)


log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class Ref:
    """A workspace, by its id alone."""

    id: int


def act_on(
    verdict: Verdict, words: str, *, sender_id: int, campaign_id: int, just_sent: int = 0
) -> None:
    """Cool or stop the sender, or pause the campaign; the caller commits.

    A connection that cannot be had cools the sender, too. One that is told to slow down rests, and
    goes on slower: `just_sent` of its messages were taken and are not written down yet.
    """
    if verdict.action == Action.STOP:
        stop(sender_id, words)
    elif verdict.action == Action.PAUSE:
        pause(campaign_id, words)
    elif cool(sender_id, words, seconds=verdict.wait_seconds) and brakes.asks_for_less(verdict):
        brakes.slow_down(sender_id, words, just_sent=just_sent)


def cool(sender_id: int, words: str, *, seconds: float | None = None) -> bool:
    """Let the sender rest as long as its server said, else by the tiers. Nothing fails by it.

    False when it rests already: its connections are all told the same.
    """
    row = db.session.execute(
        _COOL,
        {
            "sender": sender_id,
            "words": words,
            "told": seconds,
            "tiers": list(COOLING_TIERS),
            "last": len(COOLING_TIERS),
        },
    ).one_or_none()
    if row:
        log.warning(
            "sender cooled", sender=sender_id, workspace=row.workspace_id, told=seconds, words=words
        )
        metrics.sender_trouble("cooled")
    return row is not None


def stop(sender_id: int, words: str) -> None:
    """Stop the sender until a person changes it, and say so in the activity log."""
    row = db.session.execute(_STOP, {"sender": sender_id, "words": words}).one_or_none()
    if row:
        summary = f"The sender “{row.name}” was stopped: {words}"
        audit.record(Ref(row.workspace_id), "sender.stopped", summary, subject_id=sender_id)
        metrics.sender_trouble("stopped")


def pause(campaign_id: int, words: str) -> None:
    """Pause the campaign: the server objects to the mail or the sender, not to one recipient."""
    row = db.session.execute(
        _PAUSE, {"campaign": campaign_id, "words": f"the server refused it: {words}"}
    ).one_or_none()
    if row:
        summary = f"“{row.name}” was paused, the server refused it: {words}"
        audit.record(Ref(row.workspace_id), "campaign.paused", summary, subject_id=campaign_id)


def is_well(sender_id: int) -> None:
    """The sender's server took a message: the next trouble starts at the first tier again."""
    db.session.execute(_WELL, {"sender": sender_id})


def wake() -> list[int]:
    """End the rest of senders whose time has come; gives their ids. The caller commits."""
    return list(db.session.scalars(_WAKE))
