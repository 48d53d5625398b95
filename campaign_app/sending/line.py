"""A drain's SMTP connection with its journal: opened when needed, renewed as often as asked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from time import monotonic

from campaign_app.lib import logs, metrics
from campaign_app.lib.errors import CarillonError
from campaign_app.models.senders import Sender
from campaign_app.sending import journal_names, stopping
from campaign_app.sending.envelope import Envelope
from campaign_app.sending.handover import (
    Fate,
    Outcome,
    Outgoing,
    Stop,
    TransportError,
    WindowResult,
)
from campaign_app.sending.leases import GuardedJournal, Lease
from campaign_app.sending.throttle import WINDOW_SECONDS
from campaign_app.sending.transport import Connection
from campaign_app.sending.workshop import Workshop

FIRST_WINDOW = 50
SMALL_WINDOW = 200
"""A smaller one pays too much for its transaction (50: 350 µs a message, 100: 180, 200: 155, 400:
150, of process and database together), so up to here it may take SLOW_SECONDS."""
SLOW_SECONDS = 5.0
LARGEST_WINDOW = 400
BATCH = 50
"""Messages in a batch."""
LONGEST_WINDOW = 8.0
"""Seconds after which a window that turns out slow begins no further message."""

log = logs.get(__name__)


class Line:
    """One connection at a time to one sender's server.

    `window` is how many messages the connection sends in a quarter of a second, as far as its last
    windows tell, or up to SMALL_WINDOW of them in SLOW_SECONDS; from a batch on, whole batches.
    """

    def __init__(self, workshop: Workshop, lease: Lease) -> None:
        self._workshop = workshop
        self._connection: Connection | None = None
        self._room = 0
        workshop.journals.mkdir(parents=True, exist_ok=True)
        name = journal_names.of(lease.sender_id, lease.slot, lease.slot_fence)
        self.journal = GuardedJournal(workshop.journals / name)
        self.journal.clear()  # a fence is won once: what stands there is another database's
        self.journal.lease = lease
        self.window = FIRST_WINDOW
        self._accepted = 0
        self._began = monotonic()

    @property
    def name(self) -> str:
        """The journal's file name, by which a recovery finds it."""
        return Path(self.journal.path).name

    @property
    def room(self) -> int:
        """Messages that may still go over this connection; 0 when it must be opened first."""
        return self._room if self._connection else 0

    @property
    def batches(self) -> int:
        """How many batches the next window can use up."""
        return max(1, min(LARGEST_WINDOW // BATCH, self.window // BATCH))

    def connect(self, sender: Sender) -> None:
        """Open a fresh connection. Raises TransportError, Unavailable."""
        self.hang_up()
        account = self._workshop.account(sender)
        try:
            self._connection = Connection.open(
                account, should_stop=stopping.is_wanted, timeouts=self._workshop.timeouts
            )
        except (TransportError, CarillonError):
            metrics.connection(opened=False)
            raise
        metrics.connection(opened=True)
        self._room = sender.messages_per_connection

    def hand_over(
        self,
        messages: Sequence[Outgoing],
        *,
        ahead: Envelope | None = None,
        is_called: Stop = bool,
    ) -> WindowResult:
        """Send a window; the connection must be open. A broken one is hung up.

        `ahead` is announced to the server with the last body where waiting for its answer would
        take much of the connection's time. Nothing is sent when it was announced another message.
        Once `is_called()`, no further message is begun.
        """
        if self._connection is None:
            raise RuntimeError("connect() comes before hand_over().")
        if not self._connection.fits(messages[0]):
            self.hang_up()
            return WindowResult([Outcome(m.message_id, Fate.NOT_SENT) for m in messages])
        is_slow = self.window < LARGEST_WINDOW and self._room > len(messages)
        began = monotonic()
        result = self._connection.send_window(
            messages,
            journal=self.journal,
            seconds=LONGEST_WINDOW,
            is_called=is_called,
            ahead=ahead if is_slow else None,
        )
        self._learn(result, monotonic() - began)
        return result

    def _learn(self, result: WindowResult, seconds: float) -> None:
        handed_over = sum(one.fate is not Fate.NOT_SENT for one in result.outcomes)
        self._accepted += sum(one.fate is Fate.ACCEPTED for one in result.outcomes)
        self._room -= handed_over
        metrics.window(messages=handed_over, seconds=seconds)
        if handed_over:
            pace = handed_over / max(seconds, 0.001)
            fits = int(max(pace * WINDOW_SECONDS, min(pace * SLOW_SECONDS, SMALL_WINDOW)))
            self.window = max(1, _whole(min(fits, self.window * 2, LARGEST_WINDOW)))
        if result.broken:
            self.hang_up()

    def hang_up(self) -> None:
        """Close the connection, politely when it still works."""
        if self._connection:
            self._connection.close()
            self._connection = None

    def tell(self, end: str) -> None:
        """Say what the drain came to; one that handed nothing over says it softly."""
        seconds = max(0.001, monotonic() - self._began)
        figures = {"seconds": round(seconds, 1), "per_second": round(self._accepted / seconds)}
        write = log.info if self._accepted else log.debug
        write("drain ended", end=end, sent=self._accepted, **figures)
        metrics.drain(end)

    def close(self, *, keep_journal: bool) -> None:
        """End: hang up, and delete the journal unless a recovery will want to read it."""
        self.hang_up()
        if keep_journal:
            self.journal.close()
        else:
            self.journal.remove()


def _whole(messages: int) -> int:
    """The nearest number of whole batches: what is left of one would be a window of its own."""
    return round(messages / BATCH) * BATCH if messages > BATCH else messages
