"""One conversation of the recording SMTP server: strict, and faulty where the script says so."""

from __future__ import annotations

import asyncio
import base64
import re
import socket
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.smtp_sink import SmtpSink

BARE_LINE_END = re.compile(rb"(?<!\r)\n|\r(?!\n)")


@dataclass
class Fault:
    """Something that goes wrong at `phase`, whenever all the conditions given hold.

    First the server is silent for `hang` seconds, then it says `reply` instead of its usual answer
    (several lines are separated by a newline), then it closes, politely or with a `reset`. At the
    dot, `record` accepts the message first. At the body, `after_bytes` are read before.
    """

    phase: str
    reply: str = ""
    close: bool = False
    reset: bool = False
    hang: float = 0
    record: bool = False
    after_bytes: int = 0
    rcpt: str = ""  # part of the recipient; of no use before RCPT
    message: int | None = None  # the n-th MAIL of its connection
    connection: int | None = None
    times: int | None = None  # how often it strikes at most

    def strikes(self, phase: str, session: Session) -> bool:
        return (
            self.phase == phase
            and self.times != 0
            and self.rcpt in session.rcpt
            and self.message in (None, session.message)
            and self.connection in (None, session.number)
        )

    @property
    def keeps_message(self) -> bool:
        """Whether the message is accepted all the same, when this strikes at the dot."""
        return self.record or not (self.reply or self.close or self.reset)


class Hangup(EOFError):
    """The script closes the connection here."""


class Session:
    """One connection: a strict SMTP server's state, with the script's faults in between."""

    def __init__(
        self,
        sink: SmtpSink,
        number: int,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.sink, self.number, self.reader, self.writer = sink, number, reader, writer
        self.message = 0
        self.rcpt = ""
        self.mail_from = ""
        self.aborted = False
        self.state = "greeted"  # greeted → mail → rcpt (a recipient was accepted)
        self.logged_in = sink.credentials is None
        self.pipelining = False
        self.encrypted = sink.tls == "tls"

    async def run(self) -> None:
        await self.answer("connect", "220 sink ESMTP")
        while True:
            line = await self.line()
            self.sink.commands.append(line)
            verb, _, rest = line.partition(" ")
            handler = getattr(self, f"on_{verb.lower()}", None)
            if handler is None:
                self.say("500 5.5.2 what?")
            else:
                await handler(rest)

    async def line(self) -> str:
        await self.flush()
        raw = await self.reader.readuntil(b"\n")
        if not raw.endswith(b"\r\n"):
            self.sink.violations.append(f"bare line feed after {raw!r}")
        if self.reader._buffer and not self.pipelining:
            self.sink.violations.append(f"more was sent with {raw!r}")
        return raw.decode("utf-8", "replace").rstrip()

    def say(self, reply: str) -> None:
        """Answer; a newline makes a reply of several lines."""
        *first, last = reply.split("\n")
        for text in first:
            self.writer.write(f"{text[:3]}-{text[4:]}\r\n".encode())
        self.writer.write(f"{last}\r\n".encode())

    async def flush(self) -> None:
        if self.sink.latency and not self.reader._buffer:
            await asyncio.sleep(self.sink.latency)
        await self.writer.drain()

    async def answer(self, phase: str, usual: str) -> bool:
        """Give the usual answer or the script's; whether it meant the usual."""
        fault = self.sink.fault(phase, self)
        if fault is None:
            self.say(usual)
            return True
        await self.suffer(fault)
        if not fault.reply:
            self.say(usual)
        return not fault.reply or fault.reply[0] == usual[0]

    async def suffer(self, fault: Fault) -> None:
        if fault.hang:
            await asyncio.sleep(fault.hang)
        if fault.reply:
            self.say(fault.reply)
            await self.flush()
        if fault.reset:
            linger = struct.pack("ii", 1, 0)
            sock = self.writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.aborted = True
        if fault.close or fault.reset:
            raise Hangup

    async def on_ehlo(self, name: str) -> None:
        offers = list(self.sink.extensions)
        if self.sink.tls == "starttls" and not self.encrypted:
            offers.append("STARTTLS")
        if self.sink.credentials:
            offers.append(f"AUTH {self.sink.auth}")
        self.pipelining = "PIPELINING" in offers
        greeting = "\n".join(f"250 {offer}" for offer in ["sink", *offers])
        await self.answer("ehlo", greeting)

    async def on_helo(self, name: str) -> None:
        self.pipelining = False
        self.say("250 sink")

    async def on_starttls(self, rest: str) -> None:
        if not await self.answer("starttls", "220 go ahead"):
            return
        await self.writer.drain()
        await self.writer.start_tls(self.sink.tls_context)
        self.encrypted = True
        self.pipelining = False

    async def on_auth(self, rest: str) -> None:
        mechanism, _, initial = rest.partition(" ")
        if mechanism == "PLAIN":
            given = tuple(base64.b64decode(initial).decode().split("\0")[1:])
        else:
            self.say("334 VXNlcm5hbWU6")
            user = base64.b64decode(await self.line()).decode()
            self.say("334 UGFzc3dvcmQ6")
            given = (user, base64.b64decode(await self.line()).decode())
        right = given == self.sink.credentials
        usual = "235 2.7.0 welcome" if right else "535 5.7.8 Username and Password not accepted"
        self.logged_in = await self.answer("auth", usual) and right

    async def on_mail(self, rest: str) -> None:
        self.message += 1
        self.rcpt = ""
        if not self.logged_in:
            self.say("530 5.7.0 Authentication required")
        elif self.state != "greeted":
            self.say("503 5.5.1 nested MAIL")
        elif await self.answer("mail", "250 2.1.0 Ok"):
            self.state = "mail"
            self.mail_from = rest.partition("<")[2].partition(">")[0]

    async def on_rcpt(self, rest: str) -> None:
        self.rcpt = rest.partition("<")[2].partition(">")[0]
        if self.state == "greeted":
            self.say("503 5.5.1 MAIL first")
        elif await self.answer("rcpt", "250 2.1.5 Ok"):
            self.state = "rcpt"

    async def on_data(self, rest: str) -> None:
        if self.reader._buffer:
            self.sink.violations.append("something was sent after DATA, before its answer")
        if self.state != "rcpt" and not self.sink.data_without_rcpt:
            self.say("503 5.5.1 no valid recipients")
        elif await self.answer("data", "354 go on"):
            await self.flush()
            await self.take_body()

    async def take_body(self) -> None:
        body = b""
        fault = self.sink.fault("body", self)
        if fault:
            body = await self.reader.readexactly(fault.after_bytes)
            if fault.hang:
                self.writer.transport.pause_reading()
            await self.suffer(fault)
        if len(body) < 3:
            body += await self.reader.readexactly(3 - len(body))
        if body != b".\r\n":
            body += await self.reader.readuntil(b"\r\n.\r\n")
            body = body[:-3].replace(b"\r\n..", b"\r\n.")
        if BARE_LINE_END.search(body):
            self.sink.violations.append("bare line end in a body")
        if self.reader._buffer and not self.pipelining:
            self.sink.violations.append("more was sent with a body")
        await self.end_of_body(body)

    async def end_of_body(self, body: bytes) -> None:
        has_recipient = self.state == "rcpt"
        self.state = "greeted"
        fault = self.sink.fault("dot", self)
        if has_recipient and (fault is None or fault.keeps_message):
            self.sink.record(self, body)
        if fault:
            await self.suffer(fault)
        if fault is None or not fault.reply:
            self.say("250 2.0.0 Ok: queued" if has_recipient else "554 5.5.1 no valid recipients")
        idle = self.sink.fault("idle", self)
        if idle:
            await self.suffer(idle)

    async def on_rset(self, rest: str) -> None:
        self.state = "greeted"
        await self.answer("rset", "250 2.0.0 Ok")

    async def on_noop(self, rest: str) -> None:
        self.say("250 2.0.0 Ok")

    async def on_quit(self, rest: str) -> None:
        self.say("221 2.0.0 Bye")
        await self.writer.drain()  # no latency: the client may be on its next connection already
        raise Hangup
