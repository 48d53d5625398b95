"""The mail catcher: an SMTP server that accepts everything and keeps it in a Maildir.

Run by `bin/run` as `python -m local_stack.smtp`; MAILBOX_SMTP_PORT and MAILBOX_DIR say where.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import signal
import time
from pathlib import Path

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

MAX_MESSAGE_BYTES = 64 * 1024**2


class Maildir:
    """Writes messages the Maildir way: whole in `tmp`, then renamed into `new`.

    The standard library's writer calls fsync for every message; this mail is for looking at.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count()
        for name in ("tmp", "new", "cur"):
            (folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)

    def add(self, message: bytes) -> None:
        """Keep one message. Names sort by the time of arrival."""
        name = f"{time.time_ns():020}.P{os.getpid()}Q{next(self._numbers)}.carillon"
        fresh = self._folder / "tmp" / name
        fresh.write_bytes(message)
        fresh.rename(self._folder / "new" / name)


class CatchAll:
    """The handler of aiosmtpd's hooks: every log-in and every message is welcome."""

    def __init__(self, maildir: Maildir) -> None:
        self._maildir = maildir

    async def handle_EHLO(  # noqa: N802  # aiosmtpd finds its hooks by these names
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        hostname: str,
        responses: list[str],
    ) -> list[str]:
        """Offer PIPELINING: aiosmtpd reads commands one by one, so it works, but is not offered."""
        del server, envelope
        session.host_name = hostname
        return [responses[0], "250-PIPELINING", *responses[1:]]

    async def handle_DATA(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Keep a message, with its envelope on top as a delivering server writes it."""
        del server, session
        content = envelope.content
        body = content.encode() if isinstance(content, str) else content or b""
        trace = [f"Return-Path: <{envelope.mail_from}>"]
        trace += [f"Delivered-To: {recipient}" for recipient in envelope.rcpt_tos]
        self._maildir.add("".join(f"{line}\r\n" for line in trace).encode() + body)
        return "250 2.0.0 Kept in the mailbox"


async def serve(maildir: Maildir, *, port: int, stopped: asyncio.Event) -> None:
    """Accept mail on 127.0.0.1 until `stopped` is set. Raises OSError if the port is taken."""
    loop = asyncio.get_running_loop()
    handler = CatchAll(maildir)

    def session() -> SMTP:
        return SMTP(
            handler,
            hostname="localhost",  # or it asks the DNS for its own name, once a connection
            ident="Carillon's mail catcher",
            data_size_limit=MAX_MESSAGE_BYTES,
            enable_SMTPUTF8=True,
            auth_require_tls=False,
            authenticator=lambda *_: AuthResult(success=True),
            loop=loop,
        )

    server = await loop.create_server(session, "127.0.0.1", port, backlog=256)
    async with server:
        await stopped.wait()


async def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    logging.getLogger("mail.log").setLevel(logging.ERROR)  # it warns at every log-in
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    maildir = Maildir(Path(os.environ["MAILBOX_DIR"]))
    await serve(maildir, port=int(os.environ["MAILBOX_SMTP_PORT"]), stopped=stopped)


if __name__ == "__main__":
    asyncio.run(main())
