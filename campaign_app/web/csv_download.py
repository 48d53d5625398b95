"""CSV files that are written while they are read from the database."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from flask import stream_with_context
from werkzeug.wrappers import Response

from campaign_app.lib.spreadsheets import defuse
from campaign_app.web.filters import user_zone

BYTE_ORDER_MARK = "\ufeff"
"""By it Excel sees that the file is UTF-8."""
ROWS_A_CHUNK = 500


def download(name: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """A file called `name`.csv, times in the reader's zone; no cell can act as a formula."""
    zone = user_zone()
    body = stream_with_context(_lines(_heads(columns, zone), rows, zone))
    response = Response(body, mimetype="text/csv")
    response.headers.set("Content-Disposition", "attachment", filename=f"{_plain(name)}.csv")
    response.headers["X-Accel-Buffering"] = "no"
    return response


def _heads(columns: Sequence[str], zone: ZoneInfo) -> list[str]:
    """The columns' names; those of times say whose clocks they mean."""
    return [f"{one} ({zone.key})" if one.endswith("_at") else one for one in columns]


def _lines(
    columns: Sequence[str], rows: Iterable[Sequence[object]], zone: ZoneInfo
) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    buffer.write(BYTE_ORDER_MARK)
    writer.writerow(columns)
    for number, row in enumerate(rows, start=1):
        writer.writerow([_cell(value, zone) for value in row])
        if number % ROWS_A_CHUNK == 0:
            yield _emptied(buffer)
    yield _emptied(buffer)


def _emptied(buffer: io.StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text


def _cell(value: object, zone: ZoneInfo) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")
    return defuse(str(value))


def _plain(name: str) -> str:
    """A file name that every system takes."""
    kept = "".join(c if c.isascii() and (c.isalnum() or c in " -_") else "-" for c in name)
    return " ".join(kept.split())[:60] or "export"
