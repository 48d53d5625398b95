"""How a file's rows are to be read: encoding, delimiter, sheet, header row."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from campaign_app.imports.detect import Kind
from campaign_app.imports.encodings import CHOICES
from campaign_app.imports.headers import looks_like_header
from campaign_app.lib.errors import Invalid

DELIMITERS: dict[str, str] = {
    ",": "Comma ,",
    ";": "Semicolon ;",
    "\t": "Tab",
    "|": "Vertical bar |",
}
_CHAR = r"[^\s@,;|<>\"]"
# Its first dot is looked for, and once: a hostile cell may hold a hundred thousand.
_ADDRESS = rf"{_CHAR}+@(?={_CHAR}+?\.{_CHAR}{{2}}){_CHAR}+"
EMAIL = re.compile(rf"{_ADDRESS}|[^<>@]*<\s*{_ADDRESS}\s*>")
"""An address, or one with a name before it. What `lib.address` takes is decided row by row."""
_ESCAPED = re.compile(r'(?:^|[,;\t|])"[^"\r\n]*[^"\\]\\"[^",;\t|\r\n]', re.MULTILINE)
SAMPLE_RECORDS = 60
MAX_HEADER_ROW = 100


@dataclass(frozen=True, slots=True)
class Dialect:
    """How to read one file. `header_row` counts from 1; 0 says the file has none."""

    kind: Kind = Kind.TEXT
    encoding: str = "utf-8"
    delimiter: str = ","
    sheet: str = ""
    header_row: int = 1
    encoding_chosen: bool = False
    """Whether a person has said so, against what the file seemed to be."""
    escapes: bool = False
    """Whether a backslash stands before a quotation mark within a cell, instead of a second one."""
    wrapped: bool = False
    """Whether rows are one quoted cell each: what Excel saves of a text it took for one column."""

    @classmethod
    def from_options(cls, options: dict[str, Any]) -> Dialect:
        """Rebuild what `as_options` stored. Raises errors.Invalid for what nobody can read."""
        try:
            dialect = cls(
                kind=Kind(options.get("kind", Kind.TEXT)),
                encoding=str(options.get("encoding", "utf-8")),
                delimiter=str(options.get("delimiter", ",")),
                sheet=str(options.get("sheet", "")),
                header_row=int(options.get("header_row", 1)),
                encoding_chosen=bool(options.get("encoding_chosen", False)),
                escapes=bool(options.get("escapes", False)),
                wrapped=bool(options.get("wrapped", False)),
            )
        except (TypeError, ValueError):
            raise Invalid("The header row must be a number.", field="header_row") from None
        dialect.check()
        return dialect

    def check(self) -> None:
        """Raise errors.Invalid unless every part is one that the page offers."""
        if self.encoding not in CHOICES:
            raise Invalid("Choose an encoding from the list.", field="encoding")
        if self.delimiter not in DELIMITERS:
            raise Invalid("Choose a delimiter from the list.", field="delimiter")
        if not 0 <= self.header_row <= MAX_HEADER_ROW:
            message = f"The header row must lie between 0 (none) and {MAX_HEADER_ROW}."
            raise Invalid(message, field="header_row")

    def as_options(self) -> dict[str, Any]:
        """The same as plain values, ready for the `options` column."""
        return asdict(self)


def delimiter_of(text: str) -> str:
    """Choose the delimiter of the text's first lines.

    Each candidate cuts the sample; the one that frees addresses into cells of their own, and cuts
    the rows most alike, wins. Where none cuts anything, the file has one column: comma serves.
    """
    first, _, _ = text.partition("\n")
    hint = first.strip().lower().removeprefix("sep=")
    if first.lower().startswith("sep=") and hint in DELIMITERS:
        return hint
    return max(DELIMITERS, key=lambda delimiter: _fitness(text, delimiter))


def has_escapes(text: str) -> bool:
    """Whether quotation marks within cells are written as MySQL and PHP do, with a backslash.

    Otherwise no cell that begins with a quotation mark goes on after its second one.
    """
    return bool(_ESCAPED.search(text))


def is_wrapped(text: str, delimiter: str) -> bool:
    """Whether the first row is one cell, and a header within it."""
    first = next(iter(_cut(text, delimiter)), [])
    inner = unwrapped(first, delimiter)
    return len(inner) > len(first) and looks_like_header(inner)


def unwrapped(row: list[str], delimiter: str) -> list[str]:
    """The cells within the only cell of a row; any other row as it is."""
    if len(row) != 1 or delimiter not in row[0]:
        return row
    try:
        return next(csv.reader(row, delimiter=delimiter))
    except csv.Error:  # a line ends in the midst of it
        return row


def _fitness(text: str, delimiter: str) -> tuple[float, float, int]:
    records = _cut(text, delimiter)
    if is_wrapped(text, delimiter):
        records = [unwrapped(record, delimiter) for record in records]
    if not records:
        return (0, 0, 0)
    widths = Counter(len(record) for record in records)
    width, alike = max(widths.items(), key=lambda item: (item[1], item[0]))
    if width == 1:
        return (_share_with_address(records) * 0.9, 0, 1)
    in_header = 1.0 if len(records[0]) == width else 0.0
    return (_share_with_address(records), alike / len(records) + in_header, width)


def _cut(text: str, delimiter: str) -> list[list[str]]:
    lines = iter(text.splitlines(keepends=True))
    records: list[list[str]] = []
    try:
        for record in csv.reader(lines, delimiter=delimiter):
            if record:
                records.append(record)
            if len(records) == SAMPLE_RECORDS:
                break
    except csv.Error:
        return records
    return records


def _share_with_address(records: list[list[str]]) -> float:
    having = sum(any(EMAIL.fullmatch(cell.strip()) for cell in record) for record in records)
    return having / len(records)


def header_row_of(rows: Sequence[Sequence[str]]) -> int:
    """Find the row that names the columns, counting from 1; 0 when the data starts at once.

    Titles and blank lines above it are passed over. A row with an address in it is data.
    """
    filled = [(number, row) for number, row in enumerate(rows, 1) if any(map(str.strip, row))]
    first_data = next((i for i, (_, row) in enumerate(filled) if has_address(row)), None)
    above = filled[:first_data]
    for number, row in above[:MAX_HEADER_ROW]:
        if looks_like_header(row):
            return number
    if first_data is None:
        return filled[0][0] if len(filled) > 1 else 0
    wide = _filled_cells(filled[first_data][1]) / 2
    return next((number for number, row in above if _filled_cells(row) >= wide), 0)


def has_address(row: Sequence[str]) -> bool:
    """Whether a cell of the row is an e-mail address."""
    return any(EMAIL.fullmatch(cell.strip()) for cell in row)


def _filled_cells(row: Sequence[str]) -> int:
    return sum(bool(cell.strip()) for cell in row)
