"""A load of the pixel, read from the request's own bytes, for a server that has not parsed them.

It knows the plain form alone, as mail programs and proxies write it. Whatever is unusual is left to
a real HTTP parser, so that there is only one opinion on where a doubtful request ends.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_PLAIN = re.compile(
    rb"GET /o/([A-Za-z0-9_-]+)\.gif HTTP/1\.([01])\r\n"
    rb"((?:[!#$%&'*+.^`|~0-9A-Za-z_-]+:[^\0\r\n]*\r\n)+)\r\n"
)
"""Each field on one line, its name a token (RFC 9110 §5.1) up to the very colon."""


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
    plain = _PLAIN.fullmatch(head)
    if plain is None:
        return None
    token, minor, lines = plain.groups()
    fields = _fields(lines)
    if fields is None or b"content-length" in fields or b"transfer-encoding" in fields:
        return None
    return Load(
        token.decode(),
        fields.get(b"user-agent", b"").strip().decode("latin-1"),
        _client(fields.get(b"x-forwarded-for", b""), hops) if hops else "",
        _keeps(fields.get(b"connection", b"").strip().lower(), is_old=minor == b"0"),
    )


def _fields(lines: bytes) -> dict[bytes, bytes] | None:
    """None when a field comes twice: what that means is not for us to say."""
    found = lines.split(b"\r\n")[:-1]
    fields = {}
    for line in found:
        name, _, value = line.partition(b":")
        fields[name.lower()] = value
    return fields if len(fields) == len(found) else None


def _client(forwarded: bytes, hops: int) -> str:
    addresses = forwarded.decode("latin-1").split(",")
    return addresses[-hops].strip() if len(addresses) >= hops else ""


def _keeps(connection: bytes, *, is_old: bool) -> bool:
    return connection == b"keep-alive" if is_old else b"close" not in connection
