"""The wire forms of a mail's parts: quoted-printable bodies and header lines.

Everything here ends its lines with CRLF, keeps to 76 characters a line and lets no line of a body
begin with a dot, so that nothing is left to be stuffed when a mail is handed over.
"""

from __future__ import annotations

import binascii
import re
from functools import lru_cache

from campaign_app.lib import encoded_words

SOFT_BREAK = b"=\r\n"
_LINE = 76
_AS_IT_IS = re.compile(r"[ !-\-/-<>-~][ -<>-~]{0,73}")  # printable, no "=", no dot to begin with
_NEWLINE = re.compile(r"\r\n?")
_DOTTED = re.compile(rb"^\.[^\n]*", re.MULTILINE)
_OVERLONG = re.compile(rb"^([^\n]{74,})(=20|=09)$", re.MULTILINE)
_BLANKS = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029]+")


def quoted_printable(text: str) -> bytes:
    """Text as quoted-printable UTF-8 (RFC 2045 §6.7), its line breaks as CRLF."""
    if "\r" in text:
        text = _NEWLINE.sub("\n", text)
    data = text.encode("utf-8", "replace")
    code = binascii.b2a_qp(data, istext=True)
    if b" \n" in data or b"\t\n" in data or data[-1:] in (b" ", b"\t"):
        # b2a_qp does not count the three characters of a blank at the end of a line.
        code = _OVERLONG.sub(b"\\1=\n\\2", code)
    if code[:1] == b"." or b"\n." in code:
        code = _DOTTED.sub(_hide_dot, code)
    return code.replace(b"\n", b"\r\n")


def _hide_dot(match: re.Match[bytes]) -> bytes:
    line = match[0]
    if len(line) + 2 <= _LINE:
        return b"=2E" + line[1:]
    rest = line[1:]
    return b"=2E=\n" + (_DOTTED.sub(_hide_dot, rest) if rest[:1] == b"." else rest)


def open_ended(code: bytes) -> bytes:
    """Quoted-printable that something may follow: its last line ended by a soft break."""
    if not code or code.endswith(b"\r\n"):
        return code
    last = code[code.rfind(b"\n") + 1 :]
    if len(last) < _LINE:
        return code + SOFT_BREAK
    cut = len(code) - (3 if last[-3:-2] == b"=" else 1)
    # The one place a line could begin anew in mid-word, so the dot once more.
    tail = b"=2E" if code[cut:] == b"." else code[cut:]
    return code[:cut] + SOFT_BREAK + tail + SOFT_BREAK


def value(text: str) -> bytes:
    """A recipient's value as open-ended quoted-printable."""
    if _AS_IT_IS.fullmatch(text):
        return text.encode() + SOFT_BREAK
    return _short_value(text) if len(text) < 200 else open_ended(quoted_printable(text))


@lru_cache(maxsize=8192)
def _short_value(text: str) -> bytes:
    return open_ended(quoted_printable(text))


def one_line(text: str) -> str:
    """Text fit for a header: every run of blanks and control characters becomes one space."""
    if text.isprintable() and "  " not in text:
        return text.strip(" ")
    return _BLANKS.sub(" ", text).strip(" ")


def header(name: str, text: str) -> bytes:
    """A header line of free text: `Subject`, for one. Folded, encoded where it needs to be."""
    text = one_line(text)
    used = len(name) + 2
    if not text.isascii() or "=?" in text:
        text = encoded_words.encode(text, used)
    elif used + len(text) > _LINE:
        text = _folded(text, used)
    return f"{name}: {text}\r\n".encode()


def _folded(text: str, used: int) -> str:
    words = text.split(" ")
    if max(map(len, words)) > _LINE - used:
        return encoded_words.encode(text, used)
    lines: list[str] = []
    line = ""
    for word in words:
        if line and used + len(line) + 1 + len(word) > _LINE:
            lines.append(line)
            line, used = word, 1
        else:
            line = f"{line} {word}" if line else word
    return "\r\n ".join([*lines, line])
