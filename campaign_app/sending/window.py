"""A window of messages over one open connection, each handed over at most once.

What must never be wrong is what is known when the conversation breaks. The server may have taken a
message only if the dot that ends it may have left; until then it certainly has not. So the phase
is noted before every step, the journal is written before a body leaves, and the write that holds
the dot is measured.

With PIPELINING (RFC 2920) one write carries a body, its dot and the next envelope, and one read
brings the four answers: one round trip a message. The envelope of the next window's first message
may ride with the last body, so that a window's end costs none either.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic

from campaign_app.sending import envelope
from campaign_app.sending.envelope import Envelope
from campaign_app.sending.handover import (
    Fate,
    Journalling,
    Outcome,
    Outgoing,
    Phase,
    Reply,
    Stop,
    Timeouts,
    TransportError,
    WindowResult,
)
from campaign_app.sending.journal import JournalError
from campaign_app.sending.replies import Scope, classify
from campaign_app.sending.wire import Wire, WireError

DOT = b".\r\n"
RSET = b"RSET\r\n"
_BEGUN = (Phase.BODY, Phase.DOT)
"""Where the journal has named the message: what is then heard belongs there, too."""

# The usual answers to a body and the envelope that rode with it: taken, and go on.
_TAKEN_AND_OPEN = re.compile(rb"(2\d\d) [^\n]*\n2\d\d [^\n]*\n2\d\d [^\n]*\n354 [^\n]*\n")


@dataclass(slots=True)
class _Refusal:
    """A refused envelope. `awaits_body`: the server said 354 all the same and wants a dot."""

    phase: Phase
    reply: Reply
    awaits_body: bool = False


@dataclass(slots=True)
class WindowRun:
    """The state of one window.

    After `until` (monotonic seconds), or once `is_called()`, no further message is begun. `ahead`
    is the envelope that may ride with the last body; `led` is set when it did, for the next
    window's run to go on from: `is_open` when the server has said yes to it already. `over` is set
    when a reply concerns more than one recipient: a wrong password is not tried for all the others.
    """

    wire: Wire
    timeouts: Timeouts
    should_stop: Stop
    journal: Journalling
    extensions: frozenset[str]
    until: float
    is_called: Stop
    ahead: Envelope | None = None
    led: Envelope | None = None
    is_open: bool = False
    phase: Phase = Phase.MAIL
    begun: bool = False
    over: bool = False
    dot_may_have_left: bool = False
    outcomes: list[Outcome] = field(default_factory=list)

    def run(self, window: Sequence[Outgoing]) -> WindowResult:
        """Hand over `window`; never raises for what a server or a network can do."""
        unfit = {
            m.message_id: fault for m in window if (fault := envelope.fault_of(m, self.extensions))
        }
        fit = [m for m in window if m.message_id not in unfit] if unfit else window
        broken: TransportError | None = None
        if fit:
            try:
                self._listen(Envelope(*fit[0][:3]))
                self._converse(fit)
            except (TransportError, WireError, JournalError) as error:
                broken = self._account_for(error, fit)
            with suppress(JournalError):  # then the next `begin` will say so
                self.journal.flush()
        done = iter([*self.outcomes, *(_not_sent(m) for m in fit[len(self.outcomes) :])])
        return WindowResult([unfit.get(m.message_id) or next(done) for m in window], broken)

    def _listen(self, first: Envelope) -> None:
        """Notice what the server said while nobody asked: mostly an old 421."""
        if self.led and self.led != first:
            raise self._lost("Another message was announced to the server")
        overheard = self.wire.overheard()
        if self.led and not self.is_open:  # then it has been asked
            return
        if overheard:
            raise self._lost("The server ended the conversation", overheard)
        if self.wire.has_unread:
            raise self._lost("The server sent something nobody asked for")

    def _converse(self, window: Sequence[Outgoing]) -> None:
        pipelined = "PIPELINING" in self.extensions
        self.begun = True
        if pipelined and not self.led:
            self._send(envelope.commands(window[0], self.extensions))
        self.led = None
        for index, message in enumerate(window, start=1):
            refusal = self._answers() if pipelined else self._ask_for(message)
            if refusal:
                self._settle(message, Fate.REFUSED, refusal.phase, refusal.reply)
            following = self._following(window, index) if pipelined else b""
            if refusal:
                self._step_back(refusal, following)
            else:
                self._hand_over(message, following)
            if not following and (pipelined or self._enough()):
                return

    def _following(self, window: Sequence[Outgoing], index: int) -> bytes:
        """The envelope that rides with the body before `window[index]`, if any may."""
        if self._enough():
            return b""
        if index < len(window):
            return envelope.commands(window[index], self.extensions)
        if self.ahead is None or not envelope.can_lead(self.ahead, self.extensions):
            return b""
        self.led = self.ahead
        return envelope.leading(self.ahead)

    def _enough(self) -> bool:
        stopped = self.over or self.should_stop() or self.is_called()
        return stopped or monotonic() > self.until

    def _answers(self) -> _Refusal | None:
        """The three answers to an envelope sent in one group."""
        if self.is_open:
            self.is_open = False
            return None
        mail = self._answer(Phase.MAIL, b"245")
        rcpt = self._answer(Phase.RCPT, b"245")
        data = self._answer(Phase.DATA, b"345")
        go = data[:1] == b"3"
        if mail[:1] != b"2":
            if go and rcpt[:1] == b"2":  # a dot would now deliver an empty mail: hang up instead
                raise self._lost("The server refused the sender and accepted the recipient", mail)
            return _Refusal(Phase.MAIL, Reply.parse(mail), go)
        if rcpt[:1] != b"2":
            return _Refusal(Phase.RCPT, Reply.parse(rcpt), go)
        return None if go else _Refusal(Phase.DATA, Reply.parse(data))

    def _ask_for(self, message: Outgoing) -> _Refusal | None:
        """The envelope step by step, for a server without PIPELINING."""
        steps = (
            (Phase.MAIL, envelope.mail(message, self.extensions), b"245"),
            (Phase.RCPT, envelope.rcpt(message), b"245"),
            (Phase.DATA, b"DATA\r\n", b"345"),
        )
        for phase, line, allowed in steps:
            self.phase = phase
            self._send(line)
            raw = self._answer(phase, allowed)
            if raw[:1] in b"45":
                return _Refusal(phase, Reply.parse(raw))
        return None

    def _step_back(self, refusal: _Refusal, following: bytes) -> None:
        """End the transaction of a refused envelope: a 4xx at DATA leaves it open."""
        self.phase = Phase.MAIL
        dot = DOT if refusal.awaits_body else b""
        self._send(dot + RSET + following)
        if dot:  # for nobody: the only recipient was refused, whatever the answer is
            self._answer(Phase.MAIL, b"245")
        self._answer(Phase.MAIL, b"2")

    def _hand_over(self, message: Outgoing, following: bytes) -> None:
        if self.wire.has_unread:
            raise self._lost("The server's answers are out of step")
        self.phase = Phase.BODY
        self.journal.begin(message.message_id)
        self._send_body(message, DOT + following)
        self.dot_may_have_left = True
        self.phase = Phase.DOT
        if following and (taken := self.wire.take(_TAKEN_AND_OPEN)):
            self.outcomes.append(Outcome(message.message_id, Fate.ACCEPTED, Phase.DOT))
            self.dot_may_have_left = False
            self.is_open = True
            self.journal.done(message.message_id, int(taken[1]), hold=True)
            return
        raw = self._answer(Phase.DOT, b"245")
        reply = Reply.parse(raw)
        fate = Fate.ACCEPTED if raw[:1] == b"2" else Fate.REFUSED
        self._settle(message, fate, Phase.DOT, reply)
        # With the next answers here already, its body leaves at once and both lines with it.
        self._note(message, reply, hold=bool(following) and self.wire.has_unread)

    def _send_body(self, message: Outgoing, tail: bytes) -> None:
        try:
            self.wire.send(
                message.data,
                tail,
                seconds=self.timeouts.body,
                after_stop=self.timeouts.stop_command,
            )
        except WireError as error:
            self.dot_may_have_left = error.handed_over > len(message.data)
            self._heed_last_words(message)
            raise

    def _heed_last_words(self, message: Outgoing) -> None:
        """The server hung up on us; if it said why, as in `552 too large`, that is its answer."""
        with suppress(WireError):
            raw = self.wire.overheard()
            if raw and raw[:3] == b"421":
                self.dot_may_have_left = False
                raise self._lost("The server ended the conversation", raw)
            if raw and raw[:1] in b"45":
                self._settle(message, Fate.REFUSED, Phase.BODY, Reply.parse(raw))
                self._note(message, Reply.parse(raw))
            elif raw and raw[:1] == b"2" and self.dot_may_have_left:
                self._settle(message, Fate.ACCEPTED, Phase.DOT, Reply.parse(raw))
                self._note(message, Reply.parse(raw))

    def _note(self, message: Outgoing, reply: Reply, *, hold: bool = False) -> None:
        why = "" if reply.code < 300 else reply.text
        self.journal.done(message.message_id, reply.code, words=why, hold=hold)

    def _settle(self, message: Outgoing, fate: Fate, phase: Phase, reply: Reply) -> None:
        self.outcomes.append(Outcome(message.message_id, fate, phase, reply))
        self.dot_may_have_left = False
        if fate is Fate.REFUSED and classify(phase, reply).scope is not Scope.RECIPIENT:
            self.over = True

    def _send(self, data: bytes) -> None:
        self.wire.send(data, seconds=self.timeouts.command, after_stop=self.timeouts.stop_command)

    def _answer(self, phase: Phase, allowed: bytes) -> bytes:
        """The next reply. Raises TransportError for a 421 and for one that makes no sense here."""
        self.phase = phase
        timeouts = self.timeouts
        if phase is Phase.DOT:
            raw = self.wire.reply(timeouts.dot, after_stop=timeouts.stop_dot)
        else:
            seconds = timeouts.data if phase is Phase.DATA else timeouts.command
            raw = self.wire.reply(seconds, after_stop=timeouts.stop_command)
        if raw[:3] == b"421":  # also after the dot it is an answer, and a negative one
            self.dot_may_have_left = False
            raise self._lost("The server ended the conversation", raw)
        if raw[:1] not in allowed or (phase is Phase.MAIL and raw[:3] == b"503"):
            raise self._lost("The server's answers are out of step", raw)
        return raw

    def _lost(self, message: str, raw: bytes | None = None) -> TransportError:
        reply = Reply.parse(raw) if raw else None
        words = f"{message}: {reply}" if reply else f"{message}."
        return TransportError(words, phase=self.phase, reply=reply)

    def _account_for(self, error: Exception, window: Sequence[Outgoing]) -> TransportError:
        """Give the message whose turn it was its fate, and say what broke."""
        blameless = not self.begun or isinstance(error, JournalError)
        if not isinstance(error, TransportError):
            error = TransportError(str(error), phase=self.phase)
        if self.begun and len(self.outcomes) < len(window):
            message = window[len(self.outcomes)]
            error.in_flight = None if blameless else message.message_id
            fate = Fate.UNCONFIRMED if self.dot_may_have_left else Fate.NOT_SENT
            self.outcomes.append(Outcome(message.message_id, fate, self.phase, error.reply))
            if error.reply and fate is Fate.NOT_SENT and self.phase in _BEGUN:
                with suppress(JournalError):
                    self._note(message, error.reply)
        return error


def _not_sent(message: Outgoing) -> Outcome:
    return Outcome(message.message_id, Fate.NOT_SENT)
