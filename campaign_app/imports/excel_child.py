"""Turns one sheet of a workbook into CSV, in a process of its own with limits on it.

Run by its path, not as a module, so that it starts in a few milliseconds and imports nothing of
the application: `excel_child.py sheets|rows FILE [SHEET]`. It prints a line of JSON first, then,
for `rows`, the sheet as CSV, blank rows above the data included: row numbers stay Excel's own.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import resource
import sys
from collections.abc import Iterator

import python_calamine as calamine

BROKEN, LOCKED, SHEET_GONE, TOO_WIDE = 10, 11, 12, 13


def main(argv: list[str]) -> int:
    """Do what `argv` asks; the exit status tells the parent what went wrong."""
    task, path, sheet, memory, cpu, columns = argv[1:7]
    resource.setrlimit(resource.RLIMIT_AS, (int(memory), int(memory)))
    resource.setrlimit(resource.RLIMIT_CPU, (int(cpu), int(cpu)))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        with calamine.load_workbook(path) as workbook:
            if task == "sheets":
                return _print_sheets(workbook)
            return _print_rows(workbook.get_sheet_by_name(sheet), int(columns))
    except calamine.WorksheetNotFound:
        return SHEET_GONE
    except calamine.PasswordError:
        return LOCKED
    except BrokenPipeError:
        return 0
    except (calamine.CalamineError, OSError, MemoryError, ValueError):
        return BROKEN


def _print_sheets(workbook: calamine.CalamineWorkbook) -> int:
    names = [
        sheet.name
        for sheet in workbook.sheets_metadata
        if sheet.typ is calamine.SheetTypeEnum.WorkSheet
        and sheet.visible is calamine.SheetVisibleEnum.Visible
    ]
    sys.stdout.write(json.dumps({"sheets": names}) + "\n")
    return 0


def _print_rows(sheet: calamine.CalamineSheet, columns: int) -> int:
    if sheet.width > columns:
        return TOO_WIDE
    sys.stdout.write(json.dumps({"rows": _last_row(sheet) + 1}) + "\n")
    # A cell with either half of a line's end is quoted only where the whole of it ends lines.
    writer = csv.writer(sys.stdout, lineterminator="\r\n")
    writer.writerows(_texts(sheet))
    sys.stdout.flush()
    return 0


def _texts(sheet: calamine.CalamineSheet) -> Iterator[list[str]]:
    below = _merged_below(sheet)
    above: list[str] = []
    for number, row in enumerate(sheet.iter_rows()):
        texts = [cell if type(cell) is str else _text(cell) for cell in row]
        for column in below.get(number, ()):
            texts[column : column + 1] = above[column : column + 1]
        yield texts
        above = texts


def _last_row(sheet: calamine.CalamineSheet) -> int:
    """Counted from 0; -1 for an empty sheet. The library's own total_height is this, too."""
    return sheet.end[0] if sheet.end else -1


def _merged_below(sheet: calamine.CalamineSheet) -> dict[int, list[int]]:
    """Row → columns in which a cell is merged with the one above: to people, both have its value.

    What is merged sideways is a title, and stays one cell. Empty columns at the left are no part
    of the rows.
    """
    below: dict[int, list[int]] = {}
    first = sheet.start[1] if sheet.start else 0
    for (top, left), (bottom, _) in sheet.merged_cell_ranges or ():
        for row in range(top + 1, min(bottom, _last_row(sheet)) + 1):
            if left >= first:
                below.setdefault(row, []).append(left - first)
    return below


def _text(cell: object) -> str:
    """A cell as a person would type it: 42 without ".0", dates as ISO 8601."""
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e21 else format(cell, ".15g")
    if isinstance(cell, dt.datetime):
        return cell.date().isoformat() if cell.time() == dt.time() else cell.isoformat(" ")
    if isinstance(cell, dt.timedelta):
        minutes, seconds = divmod(round(cell.total_seconds()), 60)
        return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
    if isinstance(cell, dt.date | dt.time):
        return cell.isoformat()
    return str(cell)


if __name__ == "__main__":
    csv.field_size_limit(sys.maxsize)
    sys.stdout.reconfigure(encoding="utf-8", errors="replace", newline="\n")  # type: ignore[union-attr]
    sys.exit(main(sys.argv))
