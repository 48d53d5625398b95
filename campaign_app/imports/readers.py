"""The rows of a file, streamed: a hundred million take no more memory than a hundred."""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from campaign_app.imports import excel, limits
from campaign_app.imports.detect import Kind
from campaign_app.imports.dialects import Dialect
from campaign_app.lib.errors import Invalid

csv.field_size_limit(limits.MAX_FIELD_CHARS)

Row = list[str]
CHUNK_CHARS = 2 * 1024 * 1024
_BLOCK_CHARS = 256 * 1024
_AT_ONCE = 64
"""Rows between two looks at how much has been read; fewer where rows are long."""


class Rows:
    """An open file, cut into rows. The first row is number 1, blank rows are counted: row numbers
    are those that a spreadsheet shows.
    """

    def __init__(self, binary: IO[bytes], dialect: Dialect, *, size: int, known_rows: int) -> None:
        self._binary = binary
        self._size = size
        self._known_rows = known_rows
        self._fed = 0
        self._stride = 1
        self.number = 0
        """How many rows have been given out."""
        excel = dialect.kind is Kind.EXCEL
        encoding = "utf-8" if excel else dialect.encoding
        self._text = io.TextIOWrapper(binary, encoding, errors="replace", newline="")
        delimiter = "," if excel else dialect.delimiter
        self._reader = csv.reader(self._lines(self._text), delimiter=delimiter)

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
        fed = self._fed
        try:
            rows = list(itertools.islice(self._reader, min(size, self._stride)))
        except csv.Error:
            message = limits.OPEN_QUOTE.format(row=f"{self._reader.line_num:,}")
            raise Invalid(message, field="file") from None
        long = self._fed - fed > 2 * _BLOCK_CHARS
        self._stride = 1 if long else min(2 * self._stride, _AT_ONCE)
        if rows and max(map(len, rows)) > limits.MAX_COLUMNS:
            return [_narrow(row) for row in rows]
        return rows

    def _lines(self, text: io.TextIOWrapper) -> Iterator[str]:
        """The lines, without a byte order mark and without NULs, which PostgreSQL cannot hold."""
        first = text.readline(limits.MAX_LINE_CHARS).removeprefix("\ufeff")
        if first.lower().startswith("sep=") and len(first.strip()) <= 5:
            first = ""  # Excel's own hint, and hidden by it
        rest = first
        while block := text.read(_BLOCK_CHARS):
            self._fed += len(block)
            whole, rest = _cut(rest + block)
            yield from io.StringIO(whole.replace("\0", ""), newline="")
            self._refuse_bombs(len(rest))
        yield from io.StringIO(rest.replace("\0", ""), newline="")

    def _refuse_bombs(self, begun: int) -> None:
        if begun >= limits.MAX_LINE_CHARS or self._fed > limits.MAX_RECORD_CHARS:
            row = f"{self._reader.line_num + 1:,}"
            raise Invalid(limits.LINE_TOO_LONG.format(row=row), field="file")


def _cut(text: str) -> tuple[str, str]:
    """Whole lines, and what follows them. After a CR at the end, its LF may come next."""
    end = max(text.rfind("\n"), text.rfind("\r", 0, -1)) + 1
    return text[:end], text[end:]


def _narrow(row: Row) -> Row:
    """Cut the empty cells that some programs append; more columns than allowed are refused."""
    while row and not row[-1]:
        row.pop()
    if len(row) > limits.MAX_COLUMNS:
        raise Invalid(limits.TOO_WIDE, field="file")
    return row


@contextlib.contextmanager
def open_rows(path: Path, dialect: Dialect) -> Iterator[Rows]:
    """Open a file for reading row by row.

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
        rows = Rows(stream, dialect, size=size, known_rows=known_rows)
        stack.callback(rows.release)
        yield rows
