"""A load of the pixel, read from the request's own bytes, for a server that has not parsed them.

It knows the plain form alone, as mail programs and proxies write it. Whatever is unusual is left to
a real HTTP parser, so that there is only one opinion on where a doubtful request ends.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from campaign_app.tracking.events import LONGEST_AGENT

_TOKEN = re.compile(rb"GET /o/([A-Za-z0-9_-]+)\.gif HTTP/1\.(?=[01]\r\n)")
_PLAIN = re.compile(rb"([01])\r\n((?:[!#$%&'*+.^`|~0-9A-Za-z_-]+:[^\0\r\n]*\r\n)+)\r\n")
"""Each field on one line, its name a token (RFC 9110 §5.1) up to the very colon."""

LONGEST = 2048
"""Bytes of a plain request: ten thousand remembered heads must not fill the memory."""


class Reader(NamedTuple):
    """Who loads. `ip` is empty when no proxy told it; `keeps`: the connection may serve again."""

    user_agent: str
    ip: str
    keeps: bool


def read(head: bytes, *, hops: int) -> tuple[str, Reader] | None:
    """The token and the reader of a load, when its whole head and nothing else is given.

    None for everything else. `hops` proxies in front are trusted to have added themselves to
    X-Forwarded-For.
    """
    start = _TOKEN.match(head)
    if start is None or len(head) > LONGEST:
        return None
    reader = _reader(head[start.end() :], hops)
    return (start[1].decode(), reader) if reader else None


@lru_cache(maxsize=10_000)
def _reader(rest: bytes, hops: int) -> Reader | None:
    """None when it is for others to say what is meant.

    Remembered: the same programs ask again and again in the same words, for other mails' pixels.
    """
    plain = _PLAIN.fullmatch(rest)
    if plain is None:
        return None
    found = [line.partition(b":") for line in plain[2].split(b"\r\n")[:-1]]
    fields = {name.lower(): value for name, _, value in found}
    if len(fields) < len(found) or b"content-length" in fields or b"transfer-encoding" in fields:
        return None
    return Reader(
        fields.get(b"user-agent", b"").strip().decode("latin-1")[:LONGEST_AGENT],
        _client(fields.get(b"x-forwarded-for", b""), hops) if hops else "",
        _keeps(fields.get(b"connection", b"").strip().lower(), is_old=plain[1] == b"0"),
    )


def _client(forwarded: bytes, hops: int) -> str:
    addresses = forwarded.decode("latin-1").split(",")
    return addresses[-hops].strip() if len(addresses) >= hops else ""


def _keeps(connection: bytes, *, is_old: bool) -> bool:
    return connection == b"keep-alive" if is_old else b"close" not in connection
