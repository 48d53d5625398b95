"""What befalls a drain in its middle: a server's faults, people's clicks, and sudden death.

An incident strikes the nth time in a drain that its server is at a phase, so that a whole story
can be told again from its few words.
"""

from __future__ import annotations

import logging
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, event

from campaign_app.extensions import db
from tests.smtp_session import Fault, Session
from tests.smtp_sink import SmtpSink


class Killed(BaseException):
    """The process that drained is dead from here on."""


@dataclass(frozen=True)
class Incident:
    """At the `nth` time of `phase`: the server's `fault`, or somebody's `deed`.

    The deed `kill` ends the drain's process; at the dot, with `record`, after the server has
    accepted the message.
    """

    phase: str
    nth: int
    fault: Fault | None = None
    deed: str = ""
    record: bool = False

    @property
    def cuts(self) -> bool:
        """Whether the connection breaks by it when the body is, or may be, with the server."""
        if self.phase not in ("body", "dot"):
            return False
        fault = self.fault
        is_broken = fault and (fault.close or fault.reset or not fault.reply[:3].isdigit())
        return bool(is_broken) or self.deed == "kill"


class EventfulSink(SmtpSink):
    """A sink at which incidents happen; `do` is called for deeds, in the server's thread."""

    def __init__(self, do: Callable[[str], None], **options: Any) -> None:
        super().__init__(**options)
        self._do = do
        self._seen: Counter[str] = Counter()
        self._coming: list[Incident] = []
        self.struck: list[Incident] = []
        self.failures: list[Exception] = []

    def expect(self, incidents: Sequence[Incident]) -> None:
        """Let these happen in the drain that begins now, and no older ones."""
        self._seen.clear()
        self._coming = list(incidents)
        self.struck = []

    def fault(self, phase: str, session: Session) -> Fault | None:
        """The fault of an incident that is due; a deed is done before the usual answer."""
        self._seen[phase] += 1
        due = [one for one in self._coming if (one.phase, one.nth) == (phase, self._seen[phase])]
        if not due:
            return None
        self.struck += due
        for one in due:
            if one.deed == "kill":
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
                return Fault(phase, hang=0.02, close=True, record=one.record)
            if one.deed:
                self._act(one.deed)
        faults = [one.fault for one in due if one.fault]
        return replace(faults[0]) if faults else None

    def _act(self, deed: str) -> None:
        try:
            self._do(deed)
        except Exception as error:  # noqa: BLE001  told to the test, which is in another thread
            self.failures.append(error)


@contextmanager
def mortal() -> Iterator[None]:
    """While the block lasts, the sink's `kill` ends what the main thread does."""

    def die(number: int, frame: object) -> None:
        raise Killed

    former = signal.signal(signal.SIGUSR1, die)
    try:
        yield
    finally:
        signal.signal(signal.SIGUSR1, former)


@dataclass
class Fate:
    """Death at the `nth` statement or commit of the main thread, before it or (a commit) after."""

    at: str  # statement, commit, committed
    nth: int
    _count: int = field(default=0, init=False, compare=False)

    def strike(self, connection: Connection, *statement: object) -> None:
        """Called at each of them."""
        if threading.current_thread() is not threading.main_thread():
            return
        self._count += 1
        if self._count == self.nth:
            if self.at == "committed":
                connection.connection.commit()
            raise Killed


@contextmanager
def doomed(fate: Fate | None) -> Iterator[None]:
    """The fate strikes what the block does with the database."""
    if fate is None:
        yield
        return
    due = Fate(fate.at, fate.nth)  # a story may tell of the same one twice
    name = "before_cursor_execute" if due.at == "statement" else "commit"
    engine = db.engine
    event.listen(engine, name, due.strike)
    try:
        yield
    finally:
        event.remove(engine, name, due.strike)


class _Listener(logging.Handler):
    """Keeps what the engine itself calls an error: its rounds survive what they should not meet."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(self.format(record))


@contextmanager
def complaints() -> Iterator[list[str]]:
    """What is logged as an error while the block lasts."""
    listener = _Listener()
    logging.getLogger().addHandler(listener)
    try:
        yield listener.heard
    finally:
        logging.getLogger().removeHandler(listener)
