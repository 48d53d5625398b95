"""Which encoding a text file is written in."""

from __future__ import annotations

import codecs
import math
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from campaign_app.imports.code_pages import code_page_of, high_lines, reads_as

CHOICES: dict[str, str] = {
    "utf-8": "Unicode (UTF-8)",
    "utf-16-le": "Unicode (UTF-16)",
    "utf-16-be": "Unicode (UTF-16, big-endian)",
    "cp1252": "Western European (Windows)",
    "iso8859_15": "Western European (ISO 8859-15)",
    "mac_roman": "Western European (Mac)",
    "cp850": "Western European (DOS)",
    "cp1250": "Central European (Windows)",
    "iso8859_2": "Central European (ISO 8859-2)",
    "cp1251": "Cyrillic (Windows)",
    "koi8_r": "Cyrillic (KOI8-R)",
    "koi8_u": "Cyrillic (KOI8-U)",
    "cp866": "Cyrillic (DOS)",
    "iso8859_5": "Cyrillic (ISO 8859-5)",
    "mac_cyrillic": "Cyrillic (Mac)",
    "cp1253": "Greek (Windows)",
    "iso8859_7": "Greek (ISO 8859-7)",
    "cp1254": "Turkish (Windows)",
    "cp1255": "Hebrew (Windows)",
    "cp1256": "Arabic (Windows)",
    "cp1257": "Baltic (Windows)",
    "cp874": "Thai (Windows)",
    "cp932": "Japanese (Shift JIS)",
    "euc_jp": "Japanese (EUC)",
    "iso2022_jp": "Japanese (ISO 2022)",
    "gb18030": "Chinese (GB18030)",
    "big5": "Chinese (Big5)",
    "cp949": "Korean (Windows)",
}
"""What a person may choose from, and how it is called there."""

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_ENDS = (b"\n", b"\r")
_BLOCK = 1024 * 1024
_PIECE = 256 * 1024
_WHOLE = 8 * _BLOCK
"""A file of up to this size is read whole also while somebody waits."""
_PIECES = 16
"""Of a larger one, how many pieces are looked at: the first, the last, and those between."""
_EVIDENCE = 256 * 1024
_SURE = 1_000
"""So many letters in UTF-8, and not one that is none: what differs later is damage."""
_ISO_2022_JP = b"\x1b$B"
"""Begins its kanji; all its bytes are ASCII's."""
_REPLACED = "\ufffd"
_AS_MIXED = ("cp1252", "iso8859_15")
"""What the foreign bytes within UTF-8 are read as, near enough."""


def encoding_of(path: Path) -> str:
    """Name the encoding: byte order mark, else strict UTF-8, else the likeliest code page.

    The whole file is checked, because the first accent of a list may stand in its last row.
    """
    return _unmistakable(path) or _of_all_blocks(path)


def likely_encoding_of(path: Path) -> str:
    """Name the encoding by its head, its tail, and pieces between: for who cannot wait for more.

    `encoding_of`, which reads everything, may find what these do not show.
    """
    if path.stat().st_size <= _WHOLE:
        return encoding_of(path)
    return _unmistakable(path) or _judged(_pieces(path))


def _unmistakable(path: Path) -> str | None:
    with path.open("rb") as file:
        head = file.read(4096)
    for bom, name in _BOMS:
        if head.startswith(bom):
            return name
    return utf16_of(head)


def utf16_of(head: bytes) -> str | None:
    """The UTF-16 of a text without a mark; None when it is no UTF-16.

    The Latin letters of its addresses have a zero each, on the side that names the order.
    """
    half = len(head) // 2
    if half == 0:
        return None
    first, second = head[0::2].count(0) / half, head[1::2].count(0) / half
    if second > 0.2 and first < 0.05:
        return "utf-16-le"
    if first > 0.2 and second < 0.05:
        return "utf-16-be"
    return None


def _of_all_blocks(path: Path) -> str:
    decoder = codecs.getincrementaldecoder("utf-8")()
    letters = 0
    with path.open("rb") as file:
        try:
            while (block := file.read(_BLOCK)) and letters < _SURE:
                letters += len(block) - len(decoder.decode(block))
                if _ISO_2022_JP in block:
                    return "iso2022_jp"
            decoder.decode(b"", final=not block)
        except UnicodeDecodeError:
            around = _piece(file, file.tell() - 2 * _BLOCK, 3 * _BLOCK)
            return _judged([around, *_pieces(path)], letters=letters)
    return "utf-8"


def _pieces(path: Path) -> list[bytes]:
    """Some of the file's lines, from everywhere; all of a small file."""
    last = path.stat().st_size - _PIECE
    step = _PIECE if last < _WHOLE else last / (_PIECES - 1)
    places = [round(number * step) for number in range(1 + math.ceil(max(last, 0) / step))]
    with path.open("rb") as file:
        return [_piece(file, place, _PIECE) for place in places]


def _piece(file: IO[bytes], place: int, size: int) -> bytes:
    """The lines within these bytes: cut in two, a letter looks like one of another encoding."""
    file.seek(max(place, 0))
    data = file.read(size)
    begin = min((data.find(end) for end in _ENDS if end in data), default=-1) + 1
    end = max(data.rfind(end) for end in _ENDS) + 1
    is_last = not file.read(1)
    return data[begin if place > 0 else 0 : None if is_last else end] or data


def _judged(pieces: Sequence[bytes], *, letters: int = 0) -> str:
    """UTF-8, foreign bytes allowed for, else the likeliest code page.

    Some programs cut a letter in two, and some people join files. In other code pages, hardly a
    letter happens to be right. `letters` are known to be right already.
    """
    if any(_ISO_2022_JP in piece for piece in pieces):
        return "iso2022_jp"
    good, telling = letters, []
    bad = 0
    for lines in map(high_lines, pieces):
        text = lines.decode("utf-8", "replace")
        wrong = text.count(_REPLACED) - lines.count(_REPLACED.encode())
        good += len(text) - len(text.encode("ascii", "ignore")) - wrong
        bad += wrong
        if wrong:
            telling.append(lines)
    if good >= 2 * bad and (good > 1 or not bad):
        return "utf-8"
    foreign = _foreign_lines(telling)
    guess = code_page_of(foreign)
    joined = guess in _AS_MIXED and good > max(1, bad / 20) and reads_as(guess, foreign)
    return "utf-8" if joined else guess


def _foreign_lines(pieces: Sequence[bytes]) -> bytes:
    """Some lines of each piece that are not UTF-8."""
    share = _EVIDENCE // len(pieces)
    return b"\n".join(
        line
        for piece in pieces
        for line in (piece[:share].rpartition(b"\n")[0] or piece[:share]).split(b"\n")
        if not _is_utf8(line)
    )


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _mixed(error: UnicodeError) -> tuple[str, int]:
    """Within UTF-8, bytes that are none are most often Western European."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


MIXED = "carillon-mixed"
"""How to read UTF-8 with foreign bytes in it, as the `errors` of a decoder."""
codecs.register_error(MIXED, _mixed)
