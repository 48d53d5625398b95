"""From a server's words to what becomes of a message, its sender and its campaign."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from campaign_app.lib import clock
from campaign_app.models.messages import MessageStatus
from campaign_app.sending.claims import Turn
from campaign_app.sending.handover import Fate, Outcome, Phase, Reply, TransportError
from campaign_app.sending.replies import (
    Action,
    Scope,
    Verdict,
    classify,
    classify_error,
    tier_delay,
)
from campaign_app.sending.results import Result

BREAKS_BEFORE_TIERS = 3
"""Connections that may break in one message's own phase before it waits by the tiers."""
STEP_ASIDE_SECONDS = 60.0


@dataclass(slots=True)
class Judgement:
    """What a window's outcomes come to.

    `trouble` is what concerns more than one message: a sender to cool or stop, a campaign to
    pause, with the server's words.
    """

    sent: list[int] = field(default_factory=list)
    others: list[Result] = field(default_factory=list)
    bounced: dict[int, str] = field(default_factory=dict)
    """Hard bounces: the server's words by message id."""
    trouble: Verdict | None = None
    words: str = ""
    not_sent: int = 0
    is_line_lost: bool = False
    """The connection is of no use any more."""

    @property
    def ends(self) -> Counter[str]:
        """How many messages came to each end; those that are given back came to none."""
        ends = Counter(result.status.value for result in self.others)
        del ends[MessageStatus.PENDING]
        return ends + Counter(sent=len(self.sent))

    @property
    def outlives_connection(self) -> bool:
        """True for a trouble that another connection would meet again."""
        return self.trouble is not None and self.trouble.scope != Scope.CONNECTION


def judge(
    outcomes: list[Outcome], turns: Mapping[int, Turn], broken: TransportError | None
) -> Judgement:
    """Judge a window. Messages that never left are in neither list: they simply stay pending."""
    judgement = Judgement()
    for outcome in outcomes:
        _JUDGES[outcome.fate](judgement, outcome, turns[outcome.message_id])
    if broken is not None:
        _blame_break(judgement, broken, turns)
    return judgement


def _accepted(judgement: Judgement, outcome: Outcome, turn: Turn) -> None:
    del turn
    judgement.sent.append(outcome.message_id)


def _unconfirmed(judgement: Judgement, outcome: Outcome, turn: Turn) -> None:
    del turn
    words = "The connection ended after the message had left and before the server answered."
    judgement.others.append(
        Result(
            outcome.message_id,
            MessageStatus.UNCONFIRMED,
            attempts=1,
            phase=Phase.DOT.value,
            reply=words,
        )
    )


def _not_sent(judgement: Judgement, outcome: Outcome, turn: Turn) -> None:
    del outcome, turn
    judgement.not_sent += 1


def _refused(judgement: Judgement, outcome: Outcome, turn: Turn) -> None:
    phase, reply = outcome.phase or Phase.RCPT, outcome.reply or Reply(0, "")
    verdict = classify(phase, reply)
    if verdict.scope in (Scope.SENDER, Scope.CONNECTION):
        judgement.not_sent += 1
        result = _not_to_blame(turn, verdict, phase, reply)
        judgement.others.append(result)
        if result.status == MessageStatus.PENDING or verdict.scope == Scope.CONNECTION:
            _note_trouble(judgement, verdict, reply)
        return
    if verdict.action == Action.RETRY:
        judgement.others.append(retry_later(turn, verdict, phase, reply))
    else:
        judgement.others.append(_said(turn, MessageStatus.FAILED, phase, reply))
    if verdict.suppress:
        judgement.bounced[turn.message_id] = str(reply)
    if verdict.action == Action.PAUSE:
        _note_trouble(judgement, verdict, reply)


def _not_to_blame(turn: Turn, verdict: Verdict, phase: Phase, reply: Reply) -> Result:
    """The message stays pending and costs no attempt; it can never fail by this.

    One that provokes such a reply again and again steps aside, and the sender rests no more for it,
    or it would hold up all the others.
    """
    if turn.breaks + 1 < BREAKS_BEFORE_TIERS or verdict.action == Action.STOP:
        return Result(turn.message_id, MessageStatus.PENDING, breaks=1)
    wait = max(verdict.wait_seconds or 0.0, STEP_ASIDE_SECONDS)
    return replace(_said(turn, MessageStatus.DEFERRED, phase, reply, wait=wait), attempts=0)


def _note_trouble(judgement: Judgement, verdict: Verdict, reply: Reply) -> None:
    if judgement.trouble is None or verdict.action == Action.STOP:
        judgement.trouble, judgement.words = verdict, str(reply)


_JUDGES: dict[Fate, Callable[[Judgement, Outcome, Turn], None]] = {
    Fate.ACCEPTED: _accepted,
    Fate.UNCONFIRMED: _unconfirmed,
    Fate.NOT_SENT: _not_sent,
    Fate.REFUSED: _refused,
}


def retry_later(turn: Turn, verdict: Verdict, phase: Phase, reply: Reply) -> Result:
    """The message's next tier, or its end after the last one."""
    delay = tier_delay(turn.attempts + 1)
    if delay is None:
        return _said(turn, MessageStatus.FAILED, phase, reply)
    wait = max(delay, verdict.wait_seconds or 0.0)
    return _said(turn, MessageStatus.DEFERRED, phase, reply, wait=wait)


def _said(
    turn: Turn, status: MessageStatus, phase: Phase, reply: Reply, *, wait: float | None = None
) -> Result:
    return Result(
        turn.message_id,
        status,
        attempts=1,
        next_attempt_at=None if wait is None else clock.now() + timedelta(seconds=wait),
        phase=phase.value,
        code=reply.code or None,
        enhanced=reply.enhanced,
        reply=reply.text,
    )


def _blame_break(judgement: Judgement, broken: TransportError, turns: Mapping[int, Turn]) -> None:
    """When connections break in one message's own phase again and again, it is the message."""
    verdict = classify_error(broken)
    if verdict.scope == Scope.SENDER:
        judgement.trouble, judgement.words = verdict, broken.message
    turn = turns.get(broken.in_flight or 0)
    judged = {result.message_id for result in judgement.others} | set(judgement.sent)
    if turn is None or turn.message_id in judged:
        return
    if turn.breaks + 1 >= BREAKS_BEFORE_TIERS:
        reply = broken.reply or Reply(0, broken.message)
        judgement.others.append(retry_later(turn, verdict, broken.phase, reply))
    else:
        judgement.others.append(Result(turn.message_id, MessageStatus.PENDING, breaks=1))
