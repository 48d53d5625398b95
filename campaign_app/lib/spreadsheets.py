"""Files for Excel and its like, written while their rows are read: a million cost no memory."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from campaign_app.lib import workbooks

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
BYTE_ORDER_MARK = "\ufeff"
"""By it Excel sees that a file of text is UTF-8."""
ROWS_A_CHUNK = 500


class Format(StrEnum):
    """What a list is written as; the value is the file's ending."""

    CSV = "csv"
    XLSX = "xlsx"

    @property
    def mimetype(self) -> str:
        """The media type as IANA has it."""
        if self is Format.CSV:
            return "text/csv"
        return "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def defuse(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula (OWASP, CSV injection)."""
    return f"'{cell}" if cell.lstrip(" ").startswith(_FORMULA) else cell


def restore(cell: str) -> str:
    """What `defuse` has made harmless, as it was: for people's eyes."""
    return cell[1:] if cell.startswith("'") and defuse(cell[1:]) == cell else cell


def stream(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    format: Format,  # noqa: A002 - what it is called everywhere else
    zone: ZoneInfo,
) -> Iterator[bytes]:
    """The file's bytes, piece by piece; times are told by the clocks of `zone`.

    Columns whose names end in `_at` say so. In text no cell can act as a formula.
    """
    heads = [f"{one} ({zone.key})" if one.endswith("_at") else defuse(one) for one in columns]
    plain = ([_plain(value, zone) for value in row] for row in rows)
    return workbooks.stream(heads, plain) if format is Format.XLSX else _csv(heads, plain)


def _csv(heads: Sequence[str], rows: Iterable[Sequence[workbooks.Cell]]) -> Iterator[bytes]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    buffer.write(BYTE_ORDER_MARK)
    writer.writerow(heads)
    for number, row in enumerate(rows, start=1):
        writer.writerow(row)
        if number % ROWS_A_CHUNK == 0:
            yield _emptied(buffer)
    yield _emptied(buffer)


def _emptied(buffer: io.StringIO) -> bytes:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text.encode("utf-8", "replace")


def _plain(value: object, zone: ZoneInfo) -> workbooks.Cell:
    """The value as both kinds of file write it."""
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    if isinstance(value, datetime):
        return value.astimezone(zone).replace(microsecond=0, tzinfo=None)
    if isinstance(value, list | tuple):
        return defuse(", ".join(map(str, value)))
    return defuse(str(value))
