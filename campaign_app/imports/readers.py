"""The rows of a file, streamed: a hundred million take no more memory than a hundred."""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, NoReturn

from campaign_app.imports import excel, limits
from campaign_app.imports.detect import Kind
from campaign_app.imports.dialects import Dialect, has_address, unwrapped
from campaign_app.imports.encodings import MIXED
from campaign_app.lib.errors import Invalid

csv.field_size_limit(limits.MAX_FIELD_CHARS)

Row = list[str]
CHUNK_CHARS = 2 * 1024 * 1024
_BLOCK_CHARS = 256 * 1024
_END = "\0"
"""Follows the last line: a quotation mark that was never closed would hide that rows are missing.
No text of a file holds it: it is taken out."""
_DOS_END = "\x1a"
"""Ends a file as DOS wrote it."""
_MARKS = re.compile(r"'[-+=@\d]")
_FORMULA = re.compile(r'="((?:[^"]|"")*)"')
_MARKED = re.compile(r"'(?=[-+=@]|[-+\d\s().]+$)")
_AT_ONCE = 64
"""Rows between two looks at how much has been read; fewer where rows are long."""


class Rows:
    """An open file, cut into rows. The first row is number 1, blank rows are counted: row numbers
    are those that a spreadsheet shows.
    """

    def __init__(
        self, binary: IO[bytes], dialect: Dialect, *, size: int, known_rows: int, is_cut: bool
    ) -> None:
        self._binary = binary
        self._size = size
        self._is_cut = is_cut
        self._has_marks = False
        """Whether cells may say that they are texts, as spreadsheets understand it."""
        self._known_rows = known_rows
        self._fed = 0
        self._stride = 1
        self.number = 0
        """How many rows have been given out."""
        self._read = 0
        """How many rows have been read, of which some are still to be given out."""
        self._is_ours = dialect.kind is Kind.EXCEL
        self._is_wrapped = dialect.wrapped
        encoding = "utf-8" if self._is_ours else dialect.encoding
        errors = MIXED if encoding == "utf-8" else "replace"
        self._text = io.TextIOWrapper(binary, encoding, errors=errors, newline="")
        self._delimiter = "," if self._is_ours else dialect.delimiter
        lines, escape = self._lines(self._text), "\\" if dialect.escapes else None
        self._reader = csv.reader(lines, delimiter=self._delimiter, escapechar=escape)

    @property
    def bytes_read(self) -> int:
        """How far into the file the last row lies, in bytes; for Excel, in proportion."""
        if self._known_rows:
            return self._size * min(self.number, self._known_rows) // self._known_rows
        return self._binary.tell()

    def chunks(self, size: int) -> Iterator[tuple[int, list[Row]]]:
        """Lists of at most `size` rows, each with the number of its first row.

        Raises errors.Invalid for a file that is no table: endless lines, an open quotation mark.
        """
        chunk: list[Row] = []
        while some := self._some(size - len(chunk)):
            chunk += some
            if len(chunk) >= size or self._fed > CHUNK_CHARS:
                yield self._given(chunk)
                chunk, self._fed = [], 0
        if chunk:
            yield self._given(chunk)

    def head(self, size: int) -> list[Row]:
        """The next `size` rows, fewer at the end of the file."""
        rows: list[Row] = []
        while len(rows) < size and (some := self._some(size - len(rows))):
            rows += some
            self._fed = 0
        self.number += len(rows)
        return rows

    def release(self) -> None:
        """Let go of the file without closing it: that is for whoever opened it."""
        self._text.detach()

    def _given(self, chunk: list[Row]) -> tuple[int, list[Row]]:
        first = self.number + 1
        self.number += len(chunk)
        return first, chunk

    def _some(self, size: int) -> list[Row]:
        """The next rows, at most `size`; none at the end of the file."""
        fed, line = self._fed, self._reader.line_num
        rows: list[Row] = []
        try:
            rows += itertools.islice(self._reader, min(size, self._stride))
        except csv.Error:
            self._refuse(limits.LONG_CELL, self._read + len(rows) + 1)
        if rows and rows[-1] and rows[-1][-1].endswith(_END):
            self._end(rows)
        if self._reader.line_num - line > len(rows) and not self._is_ours:
            self._refuse_swallowed(rows)
        self._read += len(rows)
        long = self._fed - fed > 2 * _BLOCK_CHARS
        self._stride = 1 if long else min(2 * self._stride, _AT_ONCE)
        return self._mended(rows) if rows else rows

    def _mended(self, rows: list[Row]) -> list[Row]:
        """The rows without what programs put around cells, beside them, or before them."""
        if self._is_wrapped:
            rows = [unwrapped(row, self._delimiter) for row in rows]
        if max(map(len, rows)) > limits.MAX_COLUMNS:
            rows = [_narrow(row) for row in rows]
        if self._has_marks and not self._is_ours:
            rows = [list(map(_unmarked, row)) for row in rows]
        return rows

    def _lines(self, text: io.TextIOWrapper) -> Iterator[str]:
        """The lines, without a byte order mark and without NULs, which PostgreSQL cannot hold."""
        first = text.readline(limits.MAX_LINE_CHARS).lstrip("\ufeff")
        if first.lower().startswith("sep=") and len(first.strip()) <= 5:
            first = ""  # Excel's own hint, and hidden by it
        rest = first
        while block := text.read(_BLOCK_CHARS):
            self._fed += len(block)
            whole, rest = _cut(rest + block)
            yield from self._cleaned(whole)
            self._refuse_bombs(len(rest))
        if not self._is_cut:
            yield from self._cleaned(rest.rstrip(_DOS_END))
        yield _END

    def _cleaned(self, text: str) -> Iterator[str]:
        self._has_marks = self._has_marks or '="' in text or bool(_MARKS.search(text))
        return io.StringIO(text.replace("\0", ""), newline="")

    def _end(self, rows: list[Row]) -> None:
        """Take the mark of the end away. Inside a cell, it was read as that cell's text: the last
        row of a file that was cut off goes with it.
        """
        if rows[-1] != [_END] and not self._is_cut:
            self._refuse(limits.OPEN_QUOTE, self._read + len(rows))
        rows.pop()

    def _refuse_swallowed(self, rows: Sequence[Row]) -> None:
        """Refuse a cell that holds other rows: its quotation mark is closed by theirs."""
        for place, row in enumerate(rows, start=1):
            broken = [cell for cell in row if "\n" in cell or "\r" in cell]
            addressed = [has_address([cell]) for cell in row] if broken else []
            where = addressed if any(addressed) else None
            for lines in map(str.splitlines, broken):
                if any(self._is_row(line, len(row), where) for line in lines[1:]):
                    told = limits.SWALLOWED.replace("{lines}", f"{len(lines):,}")
                    self._refuse(told, self._read + place)

    def _is_row(self, line: str, columns: int, addressed: Sequence[bool] | None) -> bool:
        """Whether a line within a cell is a row of its own, or the begin of one, up to a quote.

        Its address stands where that of the cell's row does: `addressed` says it for each of the
        columns. None where that row has no address, as a letter that is quoted: then, anywhere.
        """
        cells = line.split(self._delimiter)
        is_cut = '"' in line and 1 < len(cells) <= columns
        if not is_cut and not len(cells) == columns > 1:
            return False
        return has_address(list(itertools.compress(cells, addressed)) if addressed else cells)

    def _refuse(self, message: str, row: int) -> NoReturn:
        raise Invalid(message.format(row=f"{row:,}"), field="file") from None

    def _refuse_bombs(self, begun: int) -> None:
        if begun >= limits.MAX_LINE_CHARS or self._fed > limits.MAX_RECORD_CHARS:
            self._refuse(limits.LINE_TOO_LONG, self._reader.line_num + 1)


def _cut(text: str) -> tuple[str, str]:
    """Whole lines, and what follows them. After a CR at the end, its LF may come next."""
    end = max(text.rfind("\n"), text.rfind("\r", 0, -1)) + 1
    return text[:end], text[end:]


def _unmarked(cell: str) -> str:
    """The text of a cell that is kept from becoming a number or a formula: ="0049", '0049."""
    if cell.startswith('="') and (found := _FORMULA.fullmatch(cell)):
        return found[1].replace('""', '"')
    return _MARKED.sub("", cell, count=1) if cell.startswith("'") else cell


def _narrow(row: Row) -> Row:
    """Cut the empty cells that some programs append; more columns than allowed are refused."""
    while row and not row[-1]:
        row.pop()
    if len(row) > limits.MAX_COLUMNS:
        raise Invalid(limits.TOO_WIDE, field="file")
    return row


@contextlib.contextmanager
def open_rows(path: Path, dialect: Dialect, *, is_cut: bool = False) -> Iterator[Rows]:
    """Open a file for reading row by row; of one that is cut off somewhere, the whole rows.

    Unreadable bytes become U+FFFD, so that a wrong encoding shows instead of failing. Raises
    errors.Invalid for what cannot be read.
    """
    if not path.exists():
        raise Invalid(limits.FILE_GONE, field="file")
    size = path.stat().st_size
    with contextlib.ExitStack() as stack:
        stream: IO[bytes]
        known_rows = 0
        if dialect.kind is Kind.EXCEL:
            sheet = excel.open_sheet(path, dialect.sheet)
            stream, known_rows = stack.enter_context(sheet)
        else:
            stream = stack.enter_context(path.open("rb"))
        rows = Rows(stream, dialect, size=size, known_rows=known_rows, is_cut=is_cut)
        stack.callback(rows.release)
        yield rows
