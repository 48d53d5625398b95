"""Envelopes: the commands that announce a message, and what must not reach the wire as one."""

from __future__ import annotations

import re
from collections.abc import Set
from typing import NamedTuple

from campaign_app.sending.handover import Fate, Outcome, Outgoing, Phase, Reply

_PATH = re.compile(r"[!-;=?-~\x80-\U0010ffff]+")  # no space, no control character, no < or >
_END = b"\r\n.\r\n"


class Envelope(NamedTuple):
    """Whom a message is from and for."""

    message_id: int
    mail_from: str
    rcpt_to: str


def fault_of(message: Outgoing, extensions: Set[str]) -> Outcome | None:
    """The refusal of a message that must not reach the wire: it would change the protocol."""
    rcpt, data = message.rcpt_to, message.data
    if not _PATH.fullmatch(rcpt):
        code, text, phase = 553, "5.1.3 This is not an e-mail address", Phase.RCPT
    elif not rcpt.isascii() and "SMTPUTF8" not in extensions:
        code, text, phase = 553, "5.6.7 The server takes no international address", Phase.RCPT
    elif message.mail_from and not _PATH.fullmatch(message.mail_from):
        code, text, phase = 553, "5.1.7 The sender is not an e-mail address", Phase.MAIL
    elif not data.endswith(b"\r\n") or not (message.is_stuffed or _is_stuffed(data)):
        code, text, phase = 554, "5.6.0 The message is malformed", Phase.BODY
    else:
        return None
    return Outcome(message.message_id, Fate.REFUSED, phase, Reply(code, text))


def _is_stuffed(data: bytes) -> bool:
    return _END not in data and not data.startswith(b".\r\n")


def can_lead(envelope: Envelope, extensions: Set[str]) -> bool:
    """Whether the server can be asked about this envelope before its message is written."""
    is_fit = _PATH.fullmatch(envelope.rcpt_to) and _PATH.fullmatch(envelope.mail_from)
    return bool(is_fit) and (envelope.rcpt_to.isascii() or "SMTPUTF8" in extensions)


def commands(message: Outgoing, extensions: Set[str]) -> bytes:
    """MAIL, RCPT and DATA as one group (RFC 2920)."""
    return b"%b%bDATA\r\n" % (mail(message, extensions), rcpt(message))


def leading(envelope: Envelope) -> bytes:
    """The same group for a message that is not written yet; so its size is not named."""
    message = Outgoing(envelope.message_id, envelope.mail_from, envelope.rcpt_to, b"")
    return commands(message, frozenset())


def mail(message: Outgoing, extensions: Set[str]) -> bytes:
    """The MAIL command, with the size where the server wants to know it (RFC 1870)."""
    size = b" SIZE=%d" % len(message.data) if "SIZE" in extensions else b""
    ascii_only = message.rcpt_to.isascii() and message.mail_from.isascii()
    utf8 = b"" if ascii_only else b" SMTPUTF8"
    return b"MAIL FROM:<%b>%b%b\r\n" % (message.mail_from.encode(), size, utf8)


def rcpt(message: Outgoing) -> bytes:
    """The RCPT command."""
    return b"RCPT TO:<%b>\r\n" % message.rcpt_to.encode()
