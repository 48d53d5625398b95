"""The words of a hand-over: what goes to a mail server, what it says, and what then is known."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Protocol

ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}(?=\s|$)")
TEXT_LIMIT = 500

Stop = Callable[[], bool]


class Phase(StrEnum):
    """Where a conversation was when something happened (RFC 5321 §3)."""

    CONNECT = "connect"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    BODY = "body"
    DOT = "dot"


class Fate(StrEnum):
    """What is known of a message after its turn.

    UNCONFIRMED: the final dot may have reached the server and no answer came back.
    NOT_SENT: the server certainly did not take it, and said nothing against it either.
    """

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNCONFIRMED = "unconfirmed"
    NOT_SENT = "not_sent"


@dataclass(frozen=True, slots=True)
class Reply:
    """A server's reply: its code and all its lines joined, printable, at most 500 characters."""

    code: int
    text: str

    @classmethod
    def parse(cls, raw: bytes) -> Reply:
        """The reply in `raw`: whole lines, each `250-text` or, the last one, `250 text`."""
        lines = [line[4:].strip() for line in raw.decode("utf-8", "replace").splitlines()]
        enhanced = ENHANCED.match(lines[0]) if len(lines) > 1 else None
        if enhanced:  # servers repeat it on every line
            lines[1:] = [line.removeprefix(enhanced[0]).strip() for line in lines[1:]]
        text = " ".join(lines)[:TEXT_LIMIT]
        printable = text if text.isprintable() else "".join(c for c in text if c.isprintable())
        return cls(int(raw[:3]), printable.strip())

    @property
    def enhanced(self) -> str:
        """The enhanced status code (RFC 3463), such as `5.7.1`, or an empty string."""
        found = ENHANCED.match(self.text)
        return found[0] if found else ""

    def __str__(self) -> str:
        return f"{self.code} {self.text}".rstrip()


@dataclass(frozen=True, slots=True)
class Account:
    """A mail server and how to log in there.

    `security` is none, starttls or tls. `helo` is the name given in EHLO: the sending host's.
    `allow_private` opens private addresses, other ports and plain-text log-in: development only.
    """

    host: str
    port: int
    security: str = "starttls"
    username: str = ""
    password: str = field(default="", repr=False)
    allow_private: bool = False
    helo: str = "localhost"


class Outgoing(NamedTuple):
    """A message ready for the wire.

    `data` has CRLF line ends, is dot-stuffed and ends with CRLF; only `.CRLF` is added to it. One
    that was written so that no line can begin with a dot `is_stuffed`: it is not searched for one.
    """

    message_id: int
    mail_from: str
    rcpt_to: str
    data: bytes
    is_stuffed: bool = False


class Outcome(NamedTuple):
    """What became of a message. `phase` and `reply` are those of the deciding answer."""

    message_id: int
    fate: Fate
    phase: Phase | None = None
    reply: Reply | None = None


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to wait (RFC 5321 §4.5.3.2; shorter where ten years of practice allow it).

    `stop_command` and `stop_dot` replace the longer waits once the worker has been asked to stop.
    """

    connect: float = 30
    command: float = 60
    data: float = 120
    body: float = 180
    dot: float = 600
    goodbye: float = 3
    stop_command: float = 3
    stop_dot: float = 30


class TransportError(Exception):
    """The connection cannot be used (any longer).

    `message` is written for people and holds no secrets. `in_flight` is the message whose turn it
    was. `needs_change` is True when trying again cannot help until the sender is changed.
    """

    def __init__(
        self,
        message: str,
        *,
        phase: Phase,
        reply: Reply | None = None,
        in_flight: int | None = None,
        needs_change: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.phase = phase
        self.reply = reply
        self.in_flight = in_flight
        self.needs_change = needs_change


@dataclass(frozen=True, slots=True)
class WindowResult:
    """One outcome for every message of the window, in order.

    `broken` is set when the connection can take no further window.
    """

    outcomes: list[Outcome]
    broken: TransportError | None = None


class Journalling(Protocol):
    """What a hand-over tells the journal; see `campaign_app.sending.journal`."""

    def begin(self, message_id: int) -> None:
        """The body of this message leaves now."""

    def done(self, message_id: int, code: int, *, words: str = "", hold: bool = False) -> None:
        """The server answered this message's dot; `words` say why not. `hold`: see the journal."""

    def flush(self) -> None:
        """Write what was held."""
