"""What the column-matching page shows: the first rows, read as they will be imported."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

from campaign_app.imports import dialects, encodings, excel, headers, limits, mapping
from campaign_app.imports.detect import Kind, kind_of
from campaign_app.imports.dialects import Dialect
from campaign_app.imports.readers import Row, open_rows
from campaign_app.lib.errors import Invalid

SAMPLE_BYTES = 128 * 1024
SHEETS_TRIED = 5
MOST_SHEETS = 20


@dataclass(frozen=True, slots=True)
class Preview:
    """The file's columns as a person sees them before saying what each one is."""

    dialect: Dialect
    sheets: list[str]
    columns: list[mapping.Column]
    """The proposal."""
    samples: list[list[str]]
    """Up to five different values per column."""
    warnings: list[str]
    familiar: bool = False
    """The header is exactly that of the last import: matching the columns can be skipped."""


def detect(path: Path, *, size: int = 0) -> Dialect:
    """Find out how to read a file of so many bytes; of a text, its head at `path` is enough.

    Raises errors.Invalid, with the remedy, for what is no table.
    """
    if kind_of(path) is Kind.EXCEL:
        return _detect_sheet(path)
    encoding = encodings.likely_encoding_of(path)
    text = _first_text(path, encoding)
    delimiter = dialects.delimiter_of(text)
    dialect = Dialect(
        encoding=encoding,
        delimiter=delimiter,
        escapes=dialects.has_escapes(text),
        wrapped=dialects.is_wrapped(text, delimiter),
    )
    return with_header(path, dialect, size=size)


def with_header(path: Path, dialect: Dialect, *, size: int = 0) -> Dialect:
    """The same dialect with its header row found anew."""
    with open_rows(path, dialect, is_cut=_is_cut(path, size)) as rows:
        return replace(dialect, header_row=dialects.header_row_of(rows.head(limits.PREVIEW_ROWS)))


def preview(
    path: Path, dialect: Dialect, *, former: Sequence[dict[str, Any]] = (), size: int = 0
) -> Preview:
    """Read the first rows and propose what each column is.

    `former` is the mapping of the workspace's last import, from which the proposal learns. Raises
    errors.Invalid when there is nothing to show.
    """
    sheets = excel.sheet_names(path) if dialect.kind is Kind.EXCEL else []
    with open_rows(path, dialect, is_cut=_is_cut(path, size)) as rows:
        head = rows.head(limits.PREVIEW_ROWS + dialect.header_row)
    header = head[dialect.header_row - 1] if 0 < dialect.header_row <= len(head) else []
    body = [row for row in head[dialect.header_row :] if any(map(str.strip, row))]
    if not body and dialect.header_row:
        raise Invalid("There are no rows below the header row.", field="header_row")
    if not body:
        raise Invalid("There are no rows in this file.", field="file")
    width = max(map(len, [header, *body]))
    values = _by_column(body, width)
    guessed = mapping.guess(headers.distinct(header, width), values)
    known = mapping.from_entries(former) if dialect.header_row else []
    return Preview(
        dialect=dialect,
        sheets=sheets,
        columns=mapping.learn(guessed, known),
        samples=[_different(column) for column in values],
        warnings=[*_warnings(header, body, dialect), *_unsaved(path, dialect)],
        familiar=mapping.is_same_header(guessed, known),
    )


def settled(path: Path, dialect: Dialect) -> Dialect:
    """The dialect that a few pieces of a text spoke for, now that there is time for all of it.

    The first accent may stand in the last row. What a person has chosen stays.
    """
    if dialect.kind is Kind.EXCEL or dialect.encoding_chosen:
        return dialect
    return replace(dialect, encoding=encodings.encoding_of(path))


def _is_cut(path: Path, size: int) -> bool:
    return path.exists() and path.stat().st_size < size


def _detect_sheet(path: Path) -> Dialect:
    """The first sheet with an address in it, else the first with rows. Each look parses a whole
    sheet; but the empty ones cost little.
    """
    found: list[Dialect] = []
    for sheet in excel.sheet_names(path)[:MOST_SHEETS]:
        with open_rows(path, Dialect(Kind.EXCEL, sheet=sheet)) as rows:
            head = rows.head(limits.PREVIEW_ROWS)
        dialect = Dialect(Kind.EXCEL, sheet=sheet, header_row=dialects.header_row_of(head))
        if any(map(dialects.has_address, head)):
            return dialect
        if any(map(any, head)):
            found.append(dialect)
        if len(found) == SHEETS_TRIED:
            break
    if not found:
        raise Invalid(limits.EXCEL_NO_SHEET, field="file")
    return found[0]


def _first_text(path: Path, encoding: str) -> str:
    with path.open("rb") as file:
        data = file.read(SAMPLE_BYTES)
    text = io.TextIOWrapper(io.BytesIO(data), encoding, errors="replace").read()
    return text.lstrip("\ufeff").replace("\0", "")


def _by_column(rows: Sequence[Row], width: int) -> list[list[str]]:
    columns = [list(column) for column in zip_longest(*rows, fillvalue="")]
    return columns + [[""] * len(rows)] * (width - len(columns))


def _different(values: Sequence[str]) -> list[str]:
    """The first five different values, short enough to show."""
    shown = dict.fromkeys(" ".join(value.split())[:80] for value in values)
    return [value for value in shown if value][: limits.SAMPLES]


def _warnings(header: Row, body: Sequence[Row], dialect: Dialect) -> list[str]:
    warnings = []
    if any("\ufffd" in cell for row in [header, *body] for cell in row):
        warnings.append("Some characters cannot be read. Try another encoding.")
    if not any(map(dialects.has_address, body)):
        remedy = (
            "Is this the right sheet?"
            if dialect.kind is Kind.EXCEL
            else "Check what separates the columns, and the encoding."
        )
        warnings.append(f"None of the first rows holds an e-mail address. {remedy}")
    if dialects.has_address(header):
        warnings.append(
            "The header row holds an e-mail address. If it is a person, set the header row to 0."
        )
    return warnings


def _unsaved(path: Path, dialect: Dialect) -> list[str]:
    if dialect.kind is Kind.EXCEL and excel.has_unsaved_results(path):
        return [limits.UNSAVED_RESULTS]
    return []


def with_columns(shown: Preview, columns: list[mapping.Column]) -> Preview:
    """The same preview with a person's choice in place of the proposal."""
    return replace(shown, columns=columns)
