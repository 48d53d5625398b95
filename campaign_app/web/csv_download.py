"""CSV files that are written while they are read from the database."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from flask import stream_with_context
from werkzeug.wrappers import Response

from campaign_app.imports.rejects import defuse

BYTE_ORDER_MARK = "\ufeff"
"""By it Excel sees that the file is UTF-8."""
ROWS_A_CHUNK = 500


def download(name: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """A file called `name`.csv. Times are written in UTC; no cell can act as a formula."""
    body = stream_with_context(_lines(columns, rows))
    response = Response(body, mimetype="text/csv")
    response.headers.set("Content-Disposition", "attachment", filename=f"{_plain(name)}.csv")
    response.headers["X-Accel-Buffering"] = "no"
    return response


def _lines(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    buffer.write(BYTE_ORDER_MARK)
    writer.writerow(columns)
    for number, row in enumerate(rows, start=1):
        writer.writerow([_cell(value) for value in row])
        if number % ROWS_A_CHUNK == 0:
            yield _emptied(buffer)
    yield _emptied(buffer)


def _emptied(buffer: io.StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    return defuse(str(value))


def _plain(name: str) -> str:
    """A file name that every system takes."""
    kept = "".join(c if c.isascii() and (c.isalnum() or c in " -_") else "-" for c in name)
    return " ".join(kept.split())[:60] or "export"
