"""A window of messages over one open connection, each handed over at most once.

What must never be wrong is what is known when the conversation breaks. The server may have taken a
message only if the dot that ends it may have left; until then it certainly has not. So the phase
is noted before every step, the journal is written before a body leaves, and the write that holds
the dot is measured.

With PIPELINING (RFC 2920) one write carries a body, its dot and the next envelope, and one read
brings the four answers: one round trip a message.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic

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

_PATH = re.compile(r"[!-;=?-~\x80-\U0010ffff]*")  # no space, no control character, no < or >


@dataclass(slots=True)
class _Refusal:
    """A refused envelope. `awaits_body`: the server said 354 all the same and wants a dot."""

    phase: Phase
    reply: Reply
    awaits_body: bool = False


@dataclass(slots=True)
class WindowRun:
    """The state of one window.

    `until` is when no further message is begun (monotonic seconds). `over` is set when a reply
    concerns more than one recipient: a wrong password is not tried for all the others, too.
    """

    wire: Wire
    timeouts: Timeouts
    should_stop: Stop
    journal: Journalling
    extensions: frozenset[str]
    until: float
    phase: Phase = Phase.MAIL
    begun: bool = False
    over: bool = False
    dot_may_have_left: bool = False
    outcomes: list[Outcome] = field(default_factory=list)

    def run(self, window: Sequence[Outgoing]) -> WindowResult:
        """Hand over `window`; never raises for what a server or a network can do."""
        unfit = {m.message_id: fault for m in window if (fault := self._fault_of(m))}
        fit = [m for m in window if m.message_id not in unfit] if unfit else window
        broken: TransportError | None = None
        if fit:
            try:
                self._listen()
                self._converse(fit)
            except (TransportError, WireError, JournalError) as error:
                broken = self._account_for(error, fit)
            with suppress(JournalError):  # then the next `begin` will say so
                self.journal.flush()
        done = iter([*self.outcomes, *(_not_sent(m) for m in fit[len(self.outcomes) :])])
        return WindowResult([unfit.get(m.message_id) or next(done) for m in window], broken)

    def _fault_of(self, message: Outgoing) -> Outcome | None:
        """The refusal of a message that must not reach the wire: it would change the protocol."""
        rcpt, data = message.rcpt_to, message.data
        if not _PATH.fullmatch(rcpt) or not rcpt:
            code, text, phase = 553, "5.1.3 This is not an e-mail address", Phase.RCPT
        elif not rcpt.isascii() and "SMTPUTF8" not in self.extensions:
            code, text, phase = 553, "5.6.7 The server takes no international address", Phase.RCPT
        elif not _PATH.fullmatch(message.mail_from):
            code, text, phase = 553, "5.1.7 The sender is not an e-mail address", Phase.MAIL
        elif not data.endswith(b"\r\n") or b"\r\n.\r\n" in data or data.startswith(DOT):
            code, text, phase = 554, "5.6.0 The message is malformed", Phase.BODY
        else:
            return None
        return Outcome(message.message_id, Fate.REFUSED, phase, Reply(code, text))

    def _listen(self) -> None:
        """Notice what the server said while nobody asked: mostly an old 421."""
        overheard = self.wire.overheard()
        if overheard:
            raise self._lost("The server ended the conversation", overheard)
        if self.wire.has_unread:
            raise self._lost("The server sent something nobody asked for")

    def _converse(self, window: Sequence[Outgoing]) -> None:
        pipelined = "PIPELINING" in self.extensions
        self.begun = True
        if pipelined:
            self._send(self._envelope(window[0]))
        for index, message in enumerate(window, start=1):
            refusal = self._answers() if pipelined else self._ask_for(message)
            if refusal:
                self._settle(message, Fate.REFUSED, refusal.phase, refusal.reply)
            more = index < len(window) and not self._enough()
            following = self._envelope(window[index]) if more and pipelined else b""
            if refusal:
                self._step_back(refusal, following)
            else:
                self._hand_over(message, following)
            if not more or (self.over and not following):
                return

    def _enough(self) -> bool:
        return self.over or self.should_stop() or monotonic() > self.until

    def _envelope(self, message: Outgoing) -> bytes:
        return b"%b%bDATA\r\n" % (self._mail(message), _rcpt(message))

    def _mail(self, message: Outgoing) -> bytes:
        size = b" SIZE=%d" % len(message.data) if "SIZE" in self.extensions else b""
        ascii_only = message.rcpt_to.isascii() and message.mail_from.isascii()
        utf8 = b"" if ascii_only else b" SMTPUTF8"
        return b"MAIL FROM:<%b>%b%b\r\n" % (message.mail_from.encode(), size, utf8)

    def _answers(self) -> _Refusal | None:
        """The three answers to an envelope sent in one group."""
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
            (Phase.MAIL, self._mail(message), b"245"),
            (Phase.RCPT, _rcpt(message), b"245"),
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
        raw = self._answer(Phase.DOT, b"245")
        fate = Fate.ACCEPTED if raw[:1] == b"2" else Fate.REFUSED
        self._settle(message, fate, Phase.DOT, Reply.parse(raw))
        # With the next answers here already, its body leaves at once and both lines with it.
        hold = bool(following) and self.wire.has_unread
        self.journal.done(message.message_id, int(raw[:3]), hold=hold)

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
            elif raw and raw[:1] == b"2" and self.dot_may_have_left:
                self._settle(message, Fate.ACCEPTED, Phase.DOT, Reply.parse(raw))

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
        return error


def _rcpt(message: Outgoing) -> bytes:
    return b"RCPT TO:<%b>\r\n" % message.rcpt_to.encode()


def _not_sent(message: Outgoing) -> Outcome:
    return Outcome(message.message_id, Fate.NOT_SENT)
