"""What the pages of imports show: figures that follow the work, and the first rejected rows."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from campaign_app.lib import clock
from campaign_app.lib.spreadsheets import restore
from campaign_app.models.imports import Import, ImportState
from campaign_app.services import imports
from campaign_app.web.moments import duration

QUIET = timedelta(seconds=25)
"""Workers report every ten seconds; one that has been silent for longer is gone."""
FIRST_REJECTED = 8
COUNTS = ("new", "updated", "unchanged", "duplicates", "invalid", "suppressed")


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A line of the file of rejected rows."""

    row: str
    column: str
    value: str
    reason: str
    remedy: str


def figures(row: Import) -> dict[str, Any]:
    """How far one import is, for its own page."""
    progress = imports.progress(row)
    seconds = progress.eta_seconds
    return {
        "state": row.state,
        "percent": progress.percent,
        "rows_per_second": progress.rows_per_second,
        "left": "" if waits(row) or not seconds else duration(seconds),
        "waiting": waits(row),
        "overdue": waits(row) and _silent_for(row) > QUIET,
        "stopping": row.stop_requested,
        "rows": row.rows,
        "undone": row.removed + row.restored + row.spared,
        **{name: getattr(row, name) for name in COUNTS},
    }


def moving(rows: Iterable[Import]) -> dict[str, object]:
    """How far several are, for the history."""
    return {f"i{row.id}": figures(row) for row in rows}


def waits(row: Import) -> bool:
    """Whether no worker has it at the moment, though one should."""
    return row.state in imports.AT_WORK and (not row.worker or _silent_for(row) > QUIET)


def first_rejected(path: Path) -> list[RejectedRow]:
    """The first of the rejected rows; none when the file is gone."""
    try:
        rows = islice(_lines(path), 1, 1 + FIRST_REJECTED)
        return [RejectedRow(*map(restore, [*cells, *[""] * 5][:5])) for cells in rows]
    except FileNotFoundError:
        return []


def all_rejected(path: Path) -> tuple[list[str], Iterator[list[str]]]:
    """The columns of the file of rejected rows, and its rows, read while they are asked for."""
    lines = ([restore(cell) for cell in cells] for cells in _lines(path))
    return next(lines, []), lines


def found(row: Import) -> dict[str, int]:
    """The counts of the rows: what the dry run has found, or what the import has done so far."""
    source = row.report if row.state == ImportState.CHECKED else {}
    return {name: source.get(name, getattr(row, name)) for name in ("rows", *COUNTS)}


def _lines(path: Path) -> Iterator[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        yield from csv.reader(file)


def _silent_for(row: Import) -> timedelta:
    return clock.now() - row.heartbeat_at if row.heartbeat_at else timedelta()
