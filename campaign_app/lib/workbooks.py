"""Excel workbooks, written as a stream.

An .xlsx is a ZIP of XML files (ECMA-376), and both can be written without looking back: the sheets
first, what lists them last. So the first bytes leave with the first rows, nothing lies in memory or
on the disk, and a download of a million rows needs no minute of patience before it begins, as it
would with a library that hands over a finished file.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain, islice
from typing import IO
from zipfile import ZIP_DEFLATED, ZipFile

Cell = str | int | float | datetime | None
"""A datetime is written as the clock's reading it holds, without a zone."""

MOST_ROWS = 1_048_576
"""Of one sheet, its head included: Excel's own limit. What is more goes to a further sheet."""
MOST_BYTES = 1_500_000_000
"""Of one sheet: a ZIP's lengths end at 2^32, and not every program reads beyond 2^31."""
MOST_CHARACTERS = 32_767
"""Of one cell: Excel's own limit."""
ROWS_A_CHUNK = 500

_EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001 - Excel's day 0, by whatever clock
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})

_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
# Style 1 is a moment, style 2 the head of a column.
_STYLES = (
    f'{_XML}<styleSheet xmlns="{_MAIN}">'
    '<numFmts count="1"><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd\\ hh:mm:ss"/></numFmts>'
    '<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>'
    '<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill>'
    '<fill><patternFill patternType="gray125"/></fill></fills>'
    "<borders><border><left/><right/><top/><bottom/><diagonal/></border></borders>"
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    '<cellXfs count="3"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    '<xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
    '<xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles>'
    "</styleSheet>"
)


class _Outbox(io.RawIOBase):
    """Takes what the ZIP writes, until it is sent; nothing can be sought in it."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: bytes, /) -> int:  # type: ignore[override]
        self._parts.append(bytes(data))
        return len(data)

    def emptied(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)


def stream(heads: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[bytes]:
    """A workbook's bytes, piece by piece; each sheet begins with the bold `heads`."""
    outbox, rest = _Outbox(), iter(rows)
    with ZipFile(outbox, "w", ZIP_DEFLATED, compresslevel=3) as book:
        sheets, following = 0, list(islice(rest, 1))
        while following or not sheets:
            sheets += 1
            with book.open(f"xl/worksheets/sheet{sheets}.xml", "w") as sheet:
                yield from _sheet(sheet, outbox, heads, chain(following, rest))
            following = list(islice(rest, 1))
        _bind(book, sheets)
    yield outbox.emptied()


def _sheet(
    sheet: IO[bytes], outbox: _Outbox, heads: Sequence[str], rows: Iterator[Sequence[Cell]]
) -> Iterator[bytes]:
    """Write as many of the rows as a sheet may hold."""
    head = "".join(_text(one, ' s="2"') for one in heads)
    sheet.write(
        f'{_XML}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0"><pane'
        ' ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView>'
        f'</sheetViews><cols><col min="1" max="{max(1, len(heads))}" width="22" customWidth="1"/>'
        f"</cols><sheetData><row>{head}</row>".encode()
    )
    written, room = 0, MOST_ROWS - 1
    while room and written < MOST_BYTES:
        lines = [_row(row) for row in islice(rows, min(room, ROWS_A_CHUNK))]
        if not lines:
            break
        written += sheet.write("".join(lines).encode())
        room -= len(lines)
        yield outbox.emptied()
    sheet.write(b"</sheetData></worksheet>")


def _row(cells: Sequence[Cell]) -> str:
    return f"<row>{''.join(map(_cell, cells))}</row>"


def _cell(value: Cell) -> str:
    if value is None or value == "":
        return "<c/>"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, datetime):
        return f'<c s="1"><v>{(value - _EPOCH).total_seconds() / 86_400:.9f}</v></c>'
    return f"<c><v>{value}</v></c>"


def _text(value: str, style: str = "") -> str:
    """A cell that holds text and nothing else, whatever it looks like."""
    clean = _FORBIDDEN.sub("\ufffd", value[:MOST_CHARACTERS]).translate(_ESCAPES)
    return f'<c t="inlineStr"{style}><is><t xml:space="preserve">{clean}</t></is></c>'


def _bind(book: ZipFile, sheets: int) -> None:
    """What makes a workbook of the sheets."""
    numbers = range(1, sheets + 1)
    parts = {
        "xl/styles.xml": _STYLES,
        "xl/workbook.xml": f'{_XML}<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>'
        + "".join(f'<sheet name="Sheet{n}" sheetId="{n}" r:id="s{n}"/>' for n in numbers)
        + "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": _relations(
            [("styles", "styles.xml", "styles")]
            + [(f"s{n}", f"worksheets/sheet{n}.xml", "worksheet") for n in numbers]
        ),
        "_rels/.rels": _relations([("book", "xl/workbook.xml", "officeDocument")]),
        "[Content_Types].xml": f'{_XML}<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package'
        '.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{_TYPE}.styles+xml"/>'
        + "".join(
            f'<Override PartName="/xl/worksheets/sheet{n}.xml"'
            f' ContentType="{_TYPE}.worksheet+xml"/>'
            for n in numbers
        )
        + "</Types>",
    }
    for name, xml in parts.items():
        book.writestr(name, xml)


def _relations(parts: Sequence[tuple[str, str, str]]) -> str:
    inner = "".join(
        f'<Relationship Id="{key}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
        for key, target, kind in parts
    )
    return f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">{inner}</Relationships>'
