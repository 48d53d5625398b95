"""Short words for the transport's tests."""

from __future__ import annotations

import select
from dataclasses import replace
from pathlib import Path

from campaign_app.sending.journal import Journal, NoJournal, read
from campaign_app.sending.transport import Account, Connection, Outgoing, Timeouts, WindowResult
from tests.smtp_sink import SmtpSink

PLAIN_EXTENSIONS = ("SIZE 1000000",)
# Long enough for a busy machine; BRIEF is for a server that hangs on purpose.
PATIENT = Timeouts(
    connect=10, command=20, data=20, body=20, dot=20, goodbye=1, stop_command=0.1, stop_dot=5
)
BRIEF = replace(PATIENT, command=3.9, data=3.9, body=3.9, dot=3.9)


def never() -> bool:
    return False


def account(sink: SmtpSink, *, host: str = "127.0.0.1", **changes) -> Account:
    security = sink.tls or "none"
    return Account(host, sink.port, security, **{"allow_private": True, **changes})


def mail(number: int, *, rcpt: str = "", data: bytes = b"") -> Outgoing:
    """Message `number`, to `r<number>@example.com`, whose Message-ID is `<number@test>`."""
    header = b"Message-ID: <%d@test>\r\nSubject: hello\r\n\r\n" % number
    to = rcpt or f"r{number}@example.com"
    return Outgoing(number, "news@example.com", to, header + (data or b"Good morning.\r\n"))


def mails(count: int) -> list[Outgoing]:
    return [mail(number) for number in range(count)]


def connect(sink: SmtpSink, *, tls_context=None, timeouts=PATIENT, should_stop=never, **changes):
    return Connection.open(
        account(sink, **changes),
        should_stop=should_stop,
        timeouts=timeouts,
        tls_context=tls_context,
    )


def hand_over(
    sink: SmtpSink,
    window: list[Outgoing],
    journal: Path | None = None,
    *,
    timeouts: Timeouts = PATIENT,
) -> WindowResult:
    """One window over one new connection."""
    connection = connect(sink, timeouts=timeouts)
    book = Journal(journal) if journal else NoJournal()
    try:
        return connection.send_window(window, journal=book)
    finally:
        connection.close()


def codes(journal: Path) -> dict[int, int | None]:
    """What a journal knows, without the servers' words."""
    return {number: reply and reply.code for number, reply in read(journal).items()}


def until_it_speaks(connection: Connection) -> None:
    """Wait until the server has said or done something unasked."""
    if not connection.broken:
        select.select([connection._wire._sock], [], [], PATIENT.command)


def fates(result: WindowResult) -> str:
    """One letter for each message: Accepted, Refused, Unconfirmed, Not sent."""
    return "".join(outcome.fate[0].upper() for outcome in result.outcomes)


def taken(sink: SmtpSink) -> list[int]:
    """The numbers of the messages the server accepted, in its order."""
    return [int(record.message_id.strip("<>").partition("@")[0]) for record in sink.accepted]
