"""The SMTP client: opens a connection and hands windows of messages over, each exactly once.

`smtplib` raises the same error for a connection lost before the body and one lost after the dot,
the one difference that decides whether a mail may be sent again. Here every failure has a phase.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from time import monotonic
from types import TracebackType

from campaign_app.sending.envelope import Envelope
from campaign_app.sending.greeting import Greeting, say_goodbye
from campaign_app.sending.handover import (
    Account,
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
from campaign_app.sending.window import WindowRun
from campaign_app.sending.wire import Wire

__all__ = [
    "Account",
    "Connection",
    "Fate",
    "Outcome",
    "Outgoing",
    "Phase",
    "Reply",
    "Timeouts",
    "TransportError",
    "WindowResult",
]

DEFAULT_TIMEOUTS = Timeouts()
LEAD_SECONDS = 10.0
"""How long an envelope may have been waiting for its body."""


class Connection:
    """One open, logged-in SMTP connection. It belongs to one thread.

    `sent_on_connection` counts the messages whose turn came, refused ones too: what a provider's
    messages-per-connection limit means. `max_size` is in bytes, None when the server names none.
    """

    def __init__(
        self, wire: Wire, extensions: Mapping[str, str], timeouts: Timeouts, should_stop: Stop
    ) -> None:
        self._wire = wire
        self._extensions = frozenset(extensions)
        self._timeouts = timeouts
        self._should_stop = should_stop
        self.sent_on_connection = 0
        self.offers_pipelining = "PIPELINING" in extensions
        size = extensions.get("SIZE", "")
        self.max_size = int(size) if size.isdigit() and int(size) else None
        self.broken: TransportError | None = None
        self._led: Envelope | None = None
        self._is_open = False
        self._led_at = 0.0

    @classmethod
    def open(
        cls,
        account: Account,
        *,
        should_stop: Stop,
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
        tls_context: ssl.SSLContext | None = None,
    ) -> Connection:
        """Resolve, connect, greet, encrypt and log in; raises TransportError.

        `should_stop` shortens every wait once it is true. `tls_context` replaces the system's
        trusted authorities.
        """
        greeting = Greeting(account, timeouts, should_stop, tls_context)
        wire = greeting.open()
        return cls(wire, greeting.extensions, timeouts, should_stop)

    def fits(self, message: Outgoing) -> bool:
        """Whether `message` may come next: the one whose envelope was sent ahead, if one was.

        And that not long ago: a body that meets a server which has just lost its patience is one
        that nobody can be sure of.
        """
        if self._led is None:
            return True
        is_fresh = monotonic() - self._led_at < LEAD_SECONDS
        return is_fresh and self._led == Envelope(*message[:3])

    def send_window(
        self,
        window: Sequence[Outgoing],
        *,
        journal: Journalling,
        seconds: float = 5.0,
        ahead: Envelope | None = None,
        is_called: Stop = bool,
    ) -> WindowResult:
        """Hand over a window whose first message `fits`; an outcome for every message, in order.

        `ahead` announces the next window's first message: its envelope rides with the last body
        where the server allows it, and then no other message can come next. Raises nothing.

        No further message is begun once `should_stop()` or `is_called()` is true or `seconds` have
        passed: the rest comes back as NOT_SENT and the connection stays good. After a break,
        `close` is all that is left to do.
        """
        if self.broken:
            rest = [Outcome(message.message_id, Fate.NOT_SENT) for message in window]
            return WindowResult(rest, self.broken)
        run = self._next_run(journal, monotonic() + seconds, ahead, is_called)
        result = run.run(window)
        self._led, self._is_open, self._led_at = run.led, run.is_open, monotonic()
        self.sent_on_connection += len(run.outcomes)
        self.broken = result.broken
        return result

    def _next_run(
        self, journal: Journalling, until: float, ahead: Envelope | None, is_called: Stop
    ) -> WindowRun:
        return WindowRun(
            self._wire,
            self._timeouts,
            self._should_stop,
            journal,
            self._extensions,
            until,
            is_called,
            ahead=ahead,
            led=self._led,
            is_open=self._is_open,
        )

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Say QUIT if anybody listens, and hang up. Never raises.

        After an envelope sent ahead a QUIT would be the first line of a body, and a lone dot an
        empty mail: only hanging up is safe.
        """
        if self.broken or self._led:
            self._wire.close()
        else:
            say_goodbye(self._wire, self._timeouts)
