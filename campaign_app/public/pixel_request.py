"""A load of the pixel, read from the request's own bytes, for a server that has not parsed them.

It knows the plain form alone, as mail programs and proxies write it. Whatever is unusual is left to
a real HTTP parser, so that there is only one opinion on where a doubtful request ends.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

_LINE = re.compile(rb"GET /o/([A-Za-z0-9_-]+)\.gif HTTP/1\.([01])\r\n")
_PLAIN = re.compile(rb"((?:[!#$%&'*+.^`|~0-9A-Za-z_-]+:[^\0\r\n]*\r\n)+)\r\n")
"""Each field on one line, its name a token (RFC 9110 §5.1) up to the very colon."""

LONGEST = 2048
"""Bytes of a plain request: ten thousand remembered heads must not fill the memory."""


class Load(NamedTuple):
    """`ip` is empty when no proxy told it; `keeps` says that the connection may serve again."""

    token: str
    user_agent: str
    ip: str
    keeps: bool


def read(head: bytes, *, hops: int) -> Load | None:
    """The load that a request up to its empty line asks for; None for everything else.

    `hops` proxies in front are trusted to have added themselves to X-Forwarded-For.
    """
    line = _LINE.match(head) if len(head) <= LONGEST else None
    fields = _fields(head[line.end() :], hops) if line else None
    if line is None or fields is None:
        return None
    token, minor = line.groups()
    user_agent, ip, connection = fields
    return Load(token.decode(), user_agent, ip, _keeps(connection, is_old=minor == b"0"))


@lru_cache(maxsize=10_000)
def _fields(lines: bytes, hops: int) -> tuple[str, str, bytes] | None:
    """User agent, address and Connection; None when it is for others to say what is meant.

    Remembered: the same programs ask again and again in the same words, for other mails' pixels.
    """
    plain = _PLAIN.fullmatch(lines)
    if plain is None:
        return None
    found = [line.partition(b":") for line in plain[1].split(b"\r\n")[:-1]]
    fields = {name.lower(): value for name, _, value in found}
    if len(fields) < len(found) or b"content-length" in fields or b"transfer-encoding" in fields:
        return None
    return (
        fields.get(b"user-agent", b"").strip().decode("latin-1"),
        _client(fields.get(b"x-forwarded-for", b""), hops) if hops else "",
        fields.get(b"connection", b"").strip().lower(),
    )


def _client(forwarded: bytes, hops: int) -> str:
    addresses = forwarded.decode("latin-1").split(",")
    return addresses[-hops].strip() if len(addresses) >= hops else ""


def _keeps(connection: bytes, *, is_old: bool) -> bool:
    return connection == b"keep-alive" if is_old else b"close" not in connection
