"""Lists as files that are written while they are read from the database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from flask import stream_with_context
from werkzeug.wrappers import Response

from campaign_app.extensions import db
from campaign_app.lib import patience, spreadsheets
from campaign_app.lib.spreadsheets import Format
from campaign_app.web.filters import user_zone

KINDS = "any(csv, xlsx)"
"""The converter of a route that offers a list: `/people.<any(csv, xlsx):kind>`."""
ROWS_AT_ONCE = 1_000

Row = Sequence[object]


def download(name: str, columns: Sequence[str], rows: Iterable[Row], kind: str = "csv") -> Response:
    """A file called `name`.csv or .xlsx, times in the reader's zone; no cell acts as a formula.

    The transaction ends after every thousand rows: whoever reads slowly keeps none open. So `rows`
    must be read page by page, and not through a cursor of the database.
    """
    chosen = Format(kind)
    body = spreadsheets.stream(columns, _unhurried(rows), format=chosen, zone=user_zone())
    response = Response(stream_with_context(body), mimetype=chosen.mimetype)
    filename = f"{_plain(name)}.{chosen}"
    response.headers.set("Content-Disposition", "attachment", filename=filename)
    response.headers["X-Accel-Buffering"] = "no"
    return response


def _unhurried(rows: Iterable[Row]) -> Iterator[Row]:
    rest = iter(rows)
    patience.without_end()
    while page := list(islice(rest, ROWS_AT_ONCE)):
        db.session.commit()  # whoever takes the page may take a minute for it
        yield from page
        patience.without_end()


def _plain(name: str) -> str:
    """A file name that every system takes."""
    kept = "".join(c if c.isascii() and (c.isalnum() or c in " -_") else "-" for c in name)
    return " ".join(kept.split())[:60] or "export"
