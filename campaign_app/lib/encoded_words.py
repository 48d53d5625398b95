"""RFC 2047 encoded words: how a header says anything but plain ASCII."""

from __future__ import annotations

import binascii
import string
from functools import lru_cache

LINE = 76
"""Longest header line that holds an encoded word (RFC 2047 §2)."""

_WRAP = len("=?utf-8?q??=")
_SAFE = frozenset((string.ascii_letters + string.digits + "!*+-/").encode())
_Q = tuple(
    chr(byte) if byte in _SAFE else "_" if byte == 0x20 else f"={byte:02X}" for byte in range(256)
)


@lru_cache(maxsize=4096)
def encode(text: str, used: int) -> str:
    """The text as encoded words, folded with CRLF and a space.

    `used` is how many characters stand before it on its line. The words are fit for a phrase too
    (RFC 2047 §5.3), so a name needs no other quoting.
    """
    data = text.encode("utf-8", "replace")
    code = "".join([_Q[byte] for byte in data])
    room = LINE - used - _WRAP
    if len(code) > len(data) * 4 // 3 + 8:
        return "\r\n ".join(_split_b(data, room))
    if len(code) <= room:
        return f"=?utf-8?q?{code}?="
    return "\r\n ".join(_split_q(text, room))


def _split_q(text: str, room: int) -> list[str]:
    words: list[str] = []
    line = ""
    for char in text:
        code = "".join(_Q[byte] for byte in char.encode("utf-8", "replace"))
        if len(line) + len(code) > room and line:
            words.append(f"=?utf-8?q?{line}?=")
            line, room = "", LINE - 1 - _WRAP
        line += code
    return [*words, f"=?utf-8?q?{line}?="]


def _split_b(data: bytes, room: int) -> list[str]:
    words: list[str] = []
    start = 0
    while start < len(data):
        end = min(start + max(room // 4 * 3, 4), len(data))
        while end < len(data) and data[end] & 0xC0 == 0x80:
            end -= 1  # a character may not be torn between two words (RFC 2047 §5)
        code = binascii.b2a_base64(data[start:end], newline=False).decode()
        words.append(f"=?utf-8?b?{code}?=")
        start, room = end, LINE - 1 - _WRAP
    return words
