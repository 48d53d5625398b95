"""The column-matching form: what the person's choices say about a file, and what to show them."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from flask import current_app, g
from werkzeug.datastructures import MultiDict

from campaign_app.extensions import db
from campaign_app.imports import excel, mapping, preview
from campaign_app.imports.detect import Kind
from campaign_app.imports.dialects import Dialect
from campaign_app.imports.mapping import Column, Target
from campaign_app.imports.preview import Preview
from campaign_app.imports.uploads import HEAD_BYTES
from campaign_app.lib.errors import Invalid
from campaign_app.lib.stores import Stores
from campaign_app.models.imports import Import
from campaign_app.services import import_choices

Values = MultiDict[str, str]


def file_of(row: Import) -> AbstractContextManager[Path]:
    """The uploaded file, wherever it is kept; of a long text in a bucket, its first rows.

    Ends the transaction: none waits for a bucket, or for a large workbook.
    """
    stores: Stores = current_app.extensions["stores"]
    key = row.storage_key
    db.session.commit()
    return stores.local_path(key, head=HEAD_BYTES)


def dialect_from(values: Values, row: Import) -> Dialect:
    """How the person wants the file to be read; what they did not say stays as it was.

    Another encoding, delimiter or sheet moves the header row, which is then found anew. Raises
    errors.Invalid.
    """
    saved = Dialect.from_options(row.options)
    if "header_row" not in values:
        return saved
    said = Dialect.from_options({"kind": saved.kind, **_chosen(values)})
    is_own = saved.encoding_chosen or said.encoding != saved.encoding
    chosen = replace(said, encoding_chosen=is_own, escapes=saved.escapes, wrapped=saved.wrapped)
    if values.get("read_as", signature(chosen)) != signature(chosen):
        size = row.size
        with file_of(row) as path:
            return preview.with_header(path, chosen, size=size)
    return chosen


def signature(dialect: Dialect) -> str:
    """The choices on which the place of the header row depends."""
    return f"{dialect.encoding}|{dialect.delimiter}|{dialect.sheet}"


def preview_of(row: Import, dialect: Dialect) -> Preview:
    """The file's columns; with the saved choice of what they are, where that still fits."""
    former, size = import_choices.former_mapping(g.workspace), row.size
    with file_of(row) as path:
        shown = preview.preview(path, dialect, former=former, size=size)
    saved = mapping.from_entries(row.mapping)
    same_reading = dialect == Dialect.from_options(row.options)
    if same_reading and [c.header for c in saved] == [c.header for c in shown.columns]:
        return replace(shown, columns=saved)
    return shown


def sheets_of(row: Import, dialect: Dialect) -> list[str]:
    """The sheets to choose from, also when the chosen one cannot be shown."""
    if dialect.kind is not Kind.EXCEL:
        return []
    try:
        with file_of(row) as path:
            return excel.sheet_names(path)
    except Invalid:
        return [dialect.sheet]


def columns_from(form: Values, proposal: list[Column]) -> list[Column]:
    """What the person says each column is. Unknown answers leave the proposal as it is."""
    return [_column(form, index, column) for index, column in enumerate(proposal)]


def _column(form: Values, index: int, proposed: Column) -> Column:
    answer, _, known = form.get(f"target-{index}", proposed.target.value).partition(":")
    if answer not in set(Target):
        return proposed
    target = Target(answer)
    key = known or form.get(f"key-{index}", proposed.key).strip()
    return Column(proposed.header, target, key if target is Target.ATTRIBUTE else "")


def _chosen(values: Values) -> dict[str, str]:
    return {
        "encoding": values.get("encoding", "utf-8"),
        "delimiter": values.get("delimiter", ","),
        "sheet": values.get("sheet", ""),
        "header_row": values.get("header_row", "1") or "0",
    }


def readable_kind(dialect: Dialect) -> str:
    """The kind of file, as people call it."""
    return "Excel workbook" if dialect.kind is Kind.EXCEL else "CSV file"
