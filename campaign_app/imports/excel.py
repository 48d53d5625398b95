"""Excel workbooks, read by a child process: a hostile one can take down nothing but that child."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from campaign_app.imports import excel_child, limits
from campaign_app.lib.errors import Invalid

HEAD_BYTES = 512 * 1024
SHEETS_LOOKED_INTO = 5
_BARE_FORMULA = re.compile(rb"<f(?: [^<>]*)?(?:/>|>[^<]*</f>)\s*(?:(?:<v\s*/>|<v>\s*</v>)\s*)?</c>")


def sheet_names(path: Path) -> list[str]:
    """The names of the visible worksheets, in the workbook's order.

    Raises errors.Invalid when there is none or the file cannot be read.
    """
    with _child("sheets", path) as (_, head):
        names: list[str] = head["sheets"]
    if not names:
        raise Invalid(limits.EXCEL_NO_SHEET, field="file")
    return names


def has_unsaved_results(path: Path) -> bool:
    """Whether the first cells of a sheet hold formulas without the values they came to.

    Programs that write workbooks leave them out; Excel computes them when it opens the file.
    """
    with zipfile.ZipFile(path) as book:
        parts = [name for name in book.namelist() if name.startswith("xl/worksheets/sheet")]
        return any(_bare_formula(book, part) for part in parts[:SHEETS_LOOKED_INTO])


def _bare_formula(book: zipfile.ZipFile, part: str) -> bool:
    try:
        with book.open(part) as file:
            return bool(_BARE_FORMULA.search(file.read(HEAD_BYTES)))
    except (zipfile.BadZipFile, zlib.error, OSError, NotImplementedError, RuntimeError):
        return False


@contextlib.contextmanager
def open_sheet(path: Path, sheet: str) -> Iterator[tuple[IO[bytes], int]]:
    """The sheet as a stream of UTF-8 CSV, and its number of rows.

    Dates come as ISO 8601, numbers without ".0", text cells as they are, formulas as the value
    that Excel last calculated. Raises errors.Invalid when the file cannot be read.
    """
    with _child("rows", path, sheet) as (output, head):
        yield output, int(head["rows"])


@contextlib.contextmanager
def _child(task: str, path: Path, sheet: str = "") -> Iterator[tuple[IO[bytes], dict[str, Any]]]:
    command = [
        sys.executable, "-I", str(Path(excel_child.__file__)), task, str(path.resolve()), sheet,
        str(limits.EXCEL_MEMORY_BYTES), str(limits.EXCEL_CPU_SECONDS), str(limits.MAX_COLUMNS),
    ]  # fmt: skip
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and script; no shell
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    output = process.stdout
    if output is None:  # Popen with PIPE always has one
        raise RuntimeError("no pipe")
    try:
        head = output.readline()
        if not head:
            raise _failure(process.wait(), sheet)
        yield output, json.loads(head)
        if not output.read(1) and process.wait() != 0:
            raise _failure(process.returncode, sheet)
    finally:
        process.kill()
        process.wait()
        output.close()


def _failure(status: int, sheet: str) -> Invalid:
    if status == excel_child.SHEET_GONE:
        return Invalid(limits.SHEET_GONE.format(sheet=sheet), field="sheet")
    if status == excel_child.TOO_WIDE:
        return Invalid(limits.TOO_WIDE, field="file")
    if status == excel_child.LOCKED:
        return Invalid(limits.EXCEL_LOCKED, field="file")
    if status < 0:  # killed by its own limits: out of memory aborts, too much CPU time signals
        return Invalid(limits.EXCEL_TOO_LARGE, field="file")
    return Invalid(limits.EXCEL_BROKEN, field="file")
