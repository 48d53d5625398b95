"""Reads the development mail catcher's Maildir; `local_stack.smtp` writes it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from campaign_app.lib.errors import NotFound
from campaign_app.lib.paging import Page

KEY = re.compile(r"[0-9]{20}\.P[0-9]+Q[0-9]+\.carillon")
"""A message's file name: nanoseconds since 1970, then what tells two of them apart."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A line of the mailbox's list."""

    key: str
    sender: str
    recipient: str
    """The envelope's: where it was delivered, whatever its To says."""
    subject: str
    received_at: datetime
    size: int
    """Bytes."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One message, taken apart for reading."""

    summary: Summary
    headers: list[tuple[str, str]]
    """Names and values as they were sent, unfolded but not decoded."""
    html: str | None
    text: str | None
    source: str


def page(folder: Path, *, number: int = 1, size: int = 50) -> Page[Summary]:
    """The newest messages first. Pages count from 1; one past the end is empty."""
    keys = sorted(_keys(folder), reverse=True)
    start = (number - 1) * size
    items = [summary for key in keys[start : start + size] if (summary := _summary(folder, key))]
    return Page(items, number=number, total=len(keys), size=size)


def read(folder: Path, key: str) -> Letter:
    """One message. Raises NotFound for a name that is no message of this mailbox."""
    raw = _raw(folder, key)
    if raw is None:
        raise NotFound("That message is not in the mailbox (any more).")
    message = _parse(raw)
    return Letter(
        summary=_summarise(key, raw, message),
        headers=[(name, _unfold(value)) for name, value in message.raw_items()],
        html=_body(message, "html"),
        text=_body(message, "plain"),
        source=raw.decode("utf-8", "replace"),
    )


def clear(folder: Path) -> int:
    """Throw away every message and give their number."""
    keys = _keys(folder)
    for key in keys:
        (folder / "new" / key).unlink(missing_ok=True)
    return len(keys)


def _keys(folder: Path) -> list[str]:
    try:
        return [entry.name for entry in (folder / "new").iterdir() if KEY.fullmatch(entry.name)]
    except FileNotFoundError:  # nothing was ever delivered
        return []


def _raw(folder: Path, key: str) -> bytes | None:
    if not KEY.fullmatch(key):
        return None
    try:
        return (folder / "new" / key).read_bytes()
    except FileNotFoundError:
        return None


def _summary(folder: Path, key: str) -> Summary | None:
    raw = _raw(folder, key)
    return None if raw is None else _summarise(key, raw, _parse(raw))


def _summarise(key: str, raw: bytes, message: EmailMessage) -> Summary:
    return Summary(
        key=key,
        sender=str(message.get("From", "")),
        recipient=", ".join(message.get_all("Delivered-To", [])),
        subject=str(message.get("Subject", "")),
        received_at=datetime.fromtimestamp(int(key[:20]) / 1e9, UTC),
        size=len(raw),
    )


def _parse(raw: bytes) -> EmailMessage:
    return message_from_bytes(raw, _class=EmailMessage, policy=policy.default)


def _body(message: EmailMessage, kind: str) -> str | None:
    part = message.get_body(preferencelist=(kind,))
    if part is None:
        return None
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)  # noqa: S101  # a leaf's payload, decoded
    try:
        return content.decode(part.get_content_charset("utf-8"), "replace")
    except LookupError:  # a charset nobody knows
        return content.decode("utf-8", "replace")


def _unfold(value: str) -> str:
    """One line of a header; raw UTF-8 (RFC 6532), which the parser escapes, is given back."""
    line = " ".join(value.split())
    return line.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
