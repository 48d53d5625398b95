"""Imports: upload a list, match its columns, watch it arrive."""

from __future__ import annotations

from pathlib import PurePath

from flask import (
    Blueprint,
    current_app,
    flash,
    g,
    redirect,
    render_template,
    request,
    send_file,
    url_for,
)
from werkzeug.wrappers import Response

from campaign_app.extensions import db
from campaign_app.imports import mapping, preview
from campaign_app.imports.dialects import DELIMITERS, Dialect
from campaign_app.imports.encodings import CHOICES
from campaign_app.imports.mapping import LABELS, Column
from campaign_app.lib.errors import CarillonError, Invalid, NotFound
from campaign_app.models.imports import Import, ImportState
from campaign_app.services import groups, import_choices, imports
from campaign_app.services.import_choices import Choices
from campaign_app.tasks import jobs
from campaign_app.web import import_columns, live_answer
from campaign_app.web.import_columns import state_path

bp = Blueprint("imports", __name__, url_prefix="/imports")

Answer = str | Response | tuple[str, int]


@bp.get("/")
def index() -> str:
    """Every upload and what came of it."""
    number = request.args.get("page", 1, type=int)
    return render_template("imports/index.html", page=imports.page(g.workspace, number=number))


@bp.route("/<int:import_id>/columns", methods=["GET", "POST"])
def columns(import_id: int) -> Answer:
    """Say how the file is read and what each of its columns is."""
    row = imports.get(g.workspace, import_id)
    if row.state != ImportState.UPLOADED:
        return redirect(url_for("imports.show", import_id=row.id))
    dialect = Dialect.from_options(row.options)
    try:
        dialect = import_columns.dialect_from(request.values, row)
        shown = import_columns.preview_of(row, dialect)
    except Invalid as error:
        return _columns_form(row, dialect, None, error)
    if request.method == "GET":
        return _columns_form(row, dialect, shown)
    chosen = import_columns.columns_from(request.form, shown.columns)
    try:
        _choose_and_start(row, dialect, chosen)
    except CarillonError as error:
        db.session.rollback()
        return _columns_form(row, dialect, preview.with_columns(shown, chosen), error)
    jobs.ring_import(row.id)
    return redirect(url_for("imports.show", import_id=import_id))


@bp.get("/<int:import_id>")
def show(import_id: int) -> Answer:
    """How far an import is, or what came of it."""
    row = imports.get(g.workspace, import_id)
    if row.state == ImportState.UPLOADED:
        return redirect(url_for("imports.columns", import_id=row.id))
    page = "progress" if row.state in imports.ACTIVE else "result"
    return render_template(
        f"imports/{page}.html",
        row=row,
        progress=imports.progress(row),
        encodings=CHOICES,
        groups=groups.chosen(g.workspace, row.group_ids),
    )


@bp.get("/<int:import_id>/live.json")
def live(import_id: int) -> Response:
    """The figures of the progress page."""
    row = imports.get(g.workspace, import_id)
    progress = imports.progress(row)
    return live_answer.answer(
        {
            "state": row.state,
            "percent": round(progress.percent, 1),
            "rows_per_second": progress.rows_per_second,
            "eta_seconds": progress.eta_seconds,
            "waiting": row.state == ImportState.WAITING,
            "stopping": row.stop_requested,
            "rows": row.rows,
            "new": row.new,
            "updated": row.updated,
            "unchanged": row.unchanged,
            "duplicates": row.duplicates,
            "invalid": row.invalid,
            "suppressed": row.suppressed,
        }
    )


@bp.post("/<int:import_id>/start")
def start(import_id: int) -> Response:
    """Go on with an import that was stopped or failed."""
    row = imports.get(g.workspace, import_id)
    imports.start(g.workspace, row, user=g.user)
    db.session.commit()
    jobs.ring_import(import_id)
    return redirect(url_for("imports.show", import_id=import_id))


@bp.post("/<int:import_id>/stop")
def stop(import_id: int) -> Response:
    """Halt an import; what has arrived stays."""
    row = imports.get(g.workspace, import_id)
    imports.stop(g.workspace, row, user=g.user)
    db.session.commit()
    return redirect(url_for("imports.show", import_id=import_id))


@bp.post("/<int:import_id>/discard")
def discard(import_id: int) -> Response:
    """Forget an upload before it is imported."""
    key = imports.discard(g.workspace, imports.get(g.workspace, import_id))
    db.session.commit()
    current_app.extensions["stores"].discard(key)
    flash("The upload is discarded.", "success")
    return redirect(url_for("imports.index"))


@bp.get("/<int:import_id>/rejected.csv")
def rejected(import_id: int) -> Response:
    """The rows that were turned away, each with its reason."""
    row = imports.get(g.workspace, import_id)
    path = state_path() / row.rejected_key
    if not row.rejected_key or not path.is_file():
        raise NotFound("No row of this import was rejected.")
    name = f"{PurePath(row.filename).stem} - rejected rows.csv"
    return send_file(path, mimetype="text/csv", as_attachment=True, download_name=name)


def _choose_and_start(row: Import, dialect: Dialect, chosen: list[Column]) -> None:
    mapping.check(chosen)
    import_choices.match(
        g.workspace,
        row,
        options=dialect.as_options(),
        mapping=[column.as_entry() for column in chosen],
    )
    choices = Choices(group_ids=_chosen_groups(), permission=True)
    import_choices.choose(g.workspace, row, choices=choices, user=g.user)
    imports.start(g.workspace, row, user=g.user)
    db.session.commit()


def _chosen_groups() -> list[int]:
    """The ticked groups, and the new one if a name was given."""
    shown = {group.id for group in groups.standing(g.workspace)}
    chosen = [one for one in request.form.getlist("group_ids", type=int) if one in shown]
    name = request.form.get("new_group", "").strip()
    return (
        [*chosen, import_choices.group_called(g.workspace, name, user=g.user)] if name else chosen
    )


def _columns_form(
    row: Import,
    dialect: Dialect,
    shown: preview.Preview | None,
    error: CarillonError | None = None,
) -> Answer:
    on_error = request.form.getlist("group_ids", type=int) if request.method == "POST" else None
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
        encodings=CHOICES,
        delimiters=DELIMITERS,
        labels=LABELS,
        groups=groups.standing(g.workspace),
        chosen=row.group_ids if on_error is None else on_error,
    )
    return (page, error.status) if error else page
