"""The steps between an upload and its import: its columns, the options, and the check."""

from __future__ import annotations

from flask import g, redirect, render_template, request, url_for

from campaign_app.extensions import db
from campaign_app.imports import mapping, preview
from campaign_app.imports.dialects import DELIMITERS, Dialect
from campaign_app.imports.encodings import CHOICES
from campaign_app.imports.mapping import LABELS, ONCE, Column
from campaign_app.imports.preview import Preview
from campaign_app.lib.errors import CarillonError, Invalid
from campaign_app.models.imports import Import, ImportState
from campaign_app.services import groups, import_choices, imports, merge_fields, tags
from campaign_app.services.import_choices import PERMISSION, Choices
from campaign_app.tasks import jobs
from campaign_app.web import import_columns, import_examples, import_figures, import_options
from campaign_app.web.imports import Answer, bp, place_of, rejected_path


@bp.route("/<int:import_id>/columns", methods=["GET", "POST"])
def columns(import_id: int) -> Answer:
    """Say how the file is read and what each of its columns is.

    Passed over when the file's header is exactly that of the last one, unless somebody comes back.
    """
    row = imports.get(g.workspace, import_id)
    if row.state not in imports.OPEN:
        return redirect(place_of(row))
    dialect = Dialect()
    try:
        dialect = import_columns.dialect_from(request.values, row)
        shown = import_columns.preview_of(row, dialect)
    except Invalid as error:
        return _columns_form(row, dialect, None, error)
    if request.method == "GET":
        known = not (request.args or row.matched) and _is_known(shown)
        return redirect(_url("options", row)) if known else _columns_form(row, dialect, shown)
    chosen = import_columns.columns_from(request.form, shown.columns)
    try:
        _match(row, dialect, chosen)
    except CarillonError as error:
        db.session.rollback()
        return _columns_form(row, dialect, preview.with_columns(shown, chosen), error)
    return redirect(_url("options", row))


@bp.route("/<int:import_id>/options", methods=["GET", "POST"])
def options(import_id: int) -> Answer:
    """Say what happens to people; then the file is checked. `go=columns` keeps it and goes back."""
    row = imports.get(g.workspace, import_id)
    if row.state not in imports.OPEN:
        return redirect(place_of(row))
    if not _can_be_read(row):
        return redirect(_url("columns", row, change=1))
    if request.method == "GET":
        return _options_form(row, import_options.of_row(row))
    shown = groups.standing(g.workspace)
    chosen = import_options.read(request.form, own_groups=(group.id for group in shown))
    try:
        return redirect(_choose(row, chosen))
    except CarillonError as error:
        db.session.rollback()
        return _options_form(row, chosen, error)


@bp.get("/<int:import_id>/check")
def check(import_id: int) -> Answer:
    """What the import would do: found out by a worker, shown before anybody is added."""
    row = imports.get(g.workspace, import_id)
    if row.state not in (ImportState.CHECKING, ImportState.CHECKED):
        return redirect(place_of(row))
    return render_template(
        "imports/check.html",
        row=row,
        found=import_figures.found(row),
        figures=import_figures.figures(row),
        examples=import_examples.of_import(row),
        rejected=import_figures.first_rejected(rejected_path(row)),
        groups=groups.chosen(g.workspace, row.group_ids),
        existing=import_options.EXISTING,
        empty_cells=import_options.EMPTY_CELLS,
    )


def _url(step: str, row: Import, change: int | None = None) -> str:
    return url_for(f"imports.{step}", import_id=row.id, change=change)


def _is_known(shown: Preview) -> bool:
    return shown.familiar and not shown.warnings and _is_complete(shown.columns)


def _can_be_read(row: Import) -> bool:
    return _is_complete(mapping.from_entries(row.mapping))


def _is_complete(chosen: list[Column]) -> bool:
    try:
        mapping.check(chosen)
    except Invalid:
        return False
    return True


def _match(row: Import, dialect: Dialect, chosen: list[Column]) -> None:
    """Keep the columns; a check that has been made stays good if they are the same."""
    mapping.check(chosen)
    read_as, entries = dialect.as_options(), [column.as_entry() for column in chosen]
    if (row.matched, row.options, row.mapping) != (True, read_as, entries):
        import_choices.match(g.workspace, row, options=read_as, mapping=entries)
        db.session.commit()


def _choose(row: Import, chosen: Choices) -> str:
    """Keep the choices and begin the check; gives the address of what comes next."""
    going_on = request.form.get("go") != "columns"
    chosen = _with_new_group(chosen)
    if going_on:
        import_choices.confirm(chosen)
    if row.state == ImportState.CHECKED and chosen == import_options.of_row(row):
        return _url("check", row) if going_on else _url("columns", row, change=1)
    import_choices.choose(g.workspace, row, choices=chosen, user=g.user)
    if not row.matched:  # the step was passed over
        import_choices.match(g.workspace, row, options=row.options, mapping=row.mapping)
    if going_on:
        imports.check(g.workspace, row, user=g.user)
    db.session.commit()
    if not going_on:
        return _url("columns", row, change=1)
    jobs.ring_import(row.id)
    return _url("check", row)


def _with_new_group(chosen: Choices) -> Choices:
    """The choices as they are stored, with the new group if a name was given."""
    ids, name = set(chosen.group_ids), request.form.get("new_group", "").strip()
    if name:
        ids.add(import_choices.group_called(g.workspace, name, user=g.user))
    return Choices(
        group_ids=sorted(ids),
        existing=chosen.existing,
        empty_cells=chosen.empty_cells,
        tags=tags.checked(chosen.tags),
        permission=chosen.permission,
    )


def _columns_form(
    row: Import, dialect: Dialect, shown: Preview | None, error: CarillonError | None = None
) -> Answer:
    page = render_template(
        "imports/columns.html",
        row=row,
        dialect=dialect,
        shown=shown,
        error=error,
        kind=import_columns.readable_kind(dialect),
        signature=import_columns.signature(dialect),
        sheets=shown.sheets if shown else import_columns.sheets_of(row, dialect),
        keys=mapping.keys_of(shown.columns) if shown else [],
        known=[key for key in merge_fields.attribute_keys(g.workspace) if key not in ONCE],
        encodings=CHOICES,
        delimiters=DELIMITERS,
        labels=LABELS,
    )
    return (page, error.status) if error else page


def _options_form(row: Import, chosen: Choices, error: CarillonError | None = None) -> Answer:
    page = render_template(
        "imports/options.html",
        row=row,
        chosen=chosen,
        error=error,
        columns=mapping.from_entries(row.mapping),
        labels=LABELS,
        groups=groups.standing(g.workspace),
        sizes=groups.sizes(g.workspace),
        existing=import_options.EXISTING,
        empty_cells=import_options.EMPTY_CELLS,
        permission=PERMISSION,
    )
    return (page, error.status) if error else page
