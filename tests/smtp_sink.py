"""A recording SMTP server: the tests' witness of what was really handed over.

It is a real server on a real socket. Every message it accepts is written to `accepted` (and to a
ledger file, JSON lines, fsynced) *before* its 250 is sent, so the record never claims less than
the client may know. A script of `Fault`s makes it misbehave at a chosen phase:

    with SmtpSink([Fault("rcpt", reply="451 4.3.0 later", rcpt="b@", times=1)]) as sink:
        ...connect to 127.0.0.1, sink.port...
        assert [record.rcpt for record in sink.accepted] == ["a@example.com"]

Phases: connect, ehlo, auth, mail, rcpt, data, body, dot, idle (after a message's answer, unasked).
What the client does wrong as a client (commands before the answer where PIPELINING was not offered,
anything after DATA before its 354, bare line feeds) is kept in `violations`.

As a process of its own, `python -m tests.smtp_sink --ledger FILE [--port 0] [--options JSON]` says
its port and serves until its standard input ends. Each line there is a script (a JSON list of
objects with the fields of `Fault`) that takes the place of the last one, and is answered "ok".

The ledger has a JSON line for each `accept`, `connect`, `disconnect` and `fault` (one that
strikes), with the `time` by this server's clock; `open` is how many connections there are.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import ssl
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.smtp_session import Fault, Session

__all__ = ["Fault", "Record", "SmtpSink"]

RECORDED = ("time", "connection", "message_id", "mail_from", "rcpt", "size")
MESSAGE_ID = re.compile(rb"^Message-ID:[ \t]*(\S+)", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True)
class Record:
    """An accepted message. `message_id` is its header; `body` is kept in memory only."""

    time: float
    connection: int
    message_id: str
    mail_from: str
    rcpt: str
    size: int
    body: bytes = field(default=b"", repr=False, compare=False)


@dataclass(eq=False)
class SmtpSink:
    """The server, in a thread of its own while the `with` block lasts.

    `extensions` is what EHLO offers besides STARTTLS and AUTH. `tls` is "", "starttls" or "tls" and
    needs `tls_context`. `credentials` makes it ask for a log-in. `latency` is in seconds a round
    trip. `data_without_rcpt` answers 354 though every recipient was refused (RFC 2920 allows it).
    Without `fsync` the ledger survives the death of this process, but not the machine's.
    """

    script: Iterable[Fault] = ()
    _: KW_ONLY
    port: int = 0
    ledger: Path | None = None
    extensions: Iterable[str] = ("PIPELINING", "SIZE 52428800", "8BITMIME")
    tls: str = ""
    tls_context: ssl.SSLContext | None = None
    credentials: tuple[str, str] | None = None
    auth: str = "PLAIN LOGIN"
    latency: float = 0
    data_without_rcpt: bool = False
    keep_bodies: bool = True
    fsync: bool = True
    accepted: list[Record] = field(default_factory=list, init=False)
    violations: list[str] = field(default_factory=list, init=False)
    commands: list[str] = field(default_factory=list, init=False)
    connections: int = field(default=0, init=False)
    open: int = field(default=0, init=False)
    max_concurrent: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.script = list(self.script)
        self.extensions = list(self.extensions)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        self._ledger = os.open(self.ledger, flags) if self.ledger else -1
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> SmtpSink:
        self._thread.start()
        assert self._ready.wait(60), "The server does not come up."
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(60)
        if self._ledger >= 0:
            os.close(self._ledger)

    def accepted_twice(self) -> list[str]:
        """Message-IDs that were accepted more than once."""
        counts = Counter(record.message_id for record in self.accepted)
        return [message_id for message_id, count in counts.items() if count > 1]

    def count(self, verb: str) -> int:
        """How many commands `verb` were received."""
        return sum(command.upper().startswith(verb) for command in self.commands)

    def record(self, session: Session, body: bytes) -> None:
        """Accept a message: in the ledger first, on disk, then in memory."""
        found = MESSAGE_ID.search(body.partition(b"\r\n\r\n")[0])
        message_id = found[1].decode("ascii", "replace") if found else ""
        facts = Record(
            time.time(),
            session.number,
            message_id,
            session.mail_from,
            session.rcpt,
            len(body),
            body if self.keep_bodies else b"",
        )
        self.note("accept", **{name: getattr(facts, name) for name in RECORDED})
        if self._ledger >= 0 and self.fsync:
            os.fsync(self._ledger)
        self.accepted.append(facts)

    def fault(self, phase: str, session: Session) -> Fault | None:
        """The first fault of the script that strikes now."""
        found = next((fault for fault in self.script if fault.strikes(phase, session)), None)
        if found:
            found.times = found.times and found.times - 1
            self.note("fault", phase=phase, connection=session.number, rcpt=session.rcpt)
        return found

    def note(self, event: str, **facts: Any) -> None:
        """Append a line to the ledger."""
        if self._ledger >= 0:
            line = {"event": event, "time": time.time(), **facts}
            os.write(self._ledger, json.dumps(line).encode() + b"\n")

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._listen())
        finally:
            self._loop.close()

    async def _listen(self) -> None:
        self._stop = asyncio.Event()
        server = await asyncio.start_server(
            self._converse,
            "127.0.0.1",
            self.port,
            limit=2**27,
            ssl=self.tls_context if self.tls == "tls" else None,
        )
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        sessions = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in sessions:
            task.cancel()
        await asyncio.gather(*sessions, return_exceptions=True)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        self.max_concurrent = max(self.max_concurrent, self.open)
        session = Session(self, self.connections, reader, writer)
        self.note("connect", connection=session.number, open=self.open)
        try:
            with suppress(OSError, EOFError, asyncio.CancelledError):
                await session.run()
        finally:
            self.open -= 1
            self.note("disconnect", connection=session.number, open=self.open)
            writer.transport.abort() if session.aborted else writer.close()


def main() -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser(description="A recording SMTP server")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--ledger", type=Path, required=True)
    parser.add_argument("--options", type=json.loads, default={}, help="further arguments")
    given = parser.parse_args()
    if credentials := given.options.get("credentials"):
        given.options["credentials"] = tuple(credentials)
    options = {"keep_bodies": False, **given.options}
    with SmtpSink(port=given.port, ledger=given.ledger, **options) as sink:
        _say(str(sink.port))
        for line in sys.stdin:
            sink.script = [Fault(**fault) for fault in json.loads(line)]
            _say("ok")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
