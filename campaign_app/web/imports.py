"""Imports: their history, how far each is, what came of it, and taking it back.

What comes before an import, its columns and options and the check, is in `import_steps`.
"""

from __future__ import annotations

import contextlib
from pathlib import Path, PurePath

from flask import (
    Blueprint,
    current_app,
    flash,
    g,
    redirect,
    render_template,
    request,
    url_for,
)
from werkzeug.wrappers import Response

from campaign_app.extensions import db
from campaign_app.imports.encodings import CHOICES
from campaign_app.lib.errors import Conflict, Invalid, NotFound
from campaign_app.models.imports import Import, ImportState
from campaign_app.services import groups, import_undo, imports, people
from campaign_app.tasks import jobs
from campaign_app.web import downloads, import_figures, live_answer

bp = Blueprint("imports", __name__, url_prefix="/imports")

Answer = str | Response | tuple[str, int]

PAGES = frozenset(f"imports.{page}" for page in ("index", "columns", "options", "check", "show"))
"""What a browser can be at: a page, and no part of one."""


@bp.after_request
def tell_address(answer: Response) -> Response:
    """A live page that is sent on to another step shows that step's address."""
    if "HX-Request" in request.headers and request.endpoint in PAGES:
        answer.headers["HX-Replace-Url"] = request.full_path.rstrip("?")
    return answer


@bp.get("/")
def index() -> str:
    """Every upload and what came of it."""
    page = imports.page(g.workspace, number=request.args.get("page", 1, type=int))
    return render_template(
        "imports/index.html",
        page=page,
        names=people.names({row.user_id for row in page.items if row.user_id}),
        groups={group.id: group for group in groups.standing(g.workspace)},
        moving=[row.id for row in page.items if row.state in imports.AT_WORK],
        figures=import_figures.moving(page.items),
        undo_until=imports.undo_until,
        place_of=place_of,
    )


@bp.get("/live.json")
def live_list() -> Response:
    """How far the imports `?id=…` are, for the history."""
    ids = request.args.getlist("id", type=int)[: imports.PAGE_SIZE]
    return live_answer.answer(import_figures.moving(imports.some(g.workspace, ids)))


@bp.get("/<int:import_id>")
def show(import_id: int) -> Answer:
    """How far an import is, or what came of it; before it begins, the step where it stands."""
    row = imports.get(g.workspace, import_id)
    if row.state in imports.OPEN or row.state == ImportState.CHECKING:
        return redirect(place_of(row))
    page = "progress" if row.state in imports.AT_WORK else "result"
    return render_template(
        f"imports/{page}.html",
        row=row,
        progress=imports.progress(row),
        figures=import_figures.figures(row),
        rejected=import_figures.first_rejected(rejected_path(row)),
        encodings=CHOICES,
        groups=groups.chosen(g.workspace, row.group_ids),
        names=people.names({one for one in (row.user_id, row.permission_by) if one}),
        undo_until=imports.undo_until(row),
    )


@bp.get("/<int:import_id>/live.json")
def live(import_id: int) -> Response:
    """The figures of an import's own page."""
    return live_answer.answer(import_figures.figures(imports.get(g.workspace, import_id)))


@bp.post("/<int:import_id>/start")
def start(import_id: int) -> Response:
    """Import what was checked, or go on with what was stopped or failed."""
    row = imports.get(g.workspace, import_id)
    try:
        imports.start(g.workspace, row, user=g.user)
        db.session.commit()
        jobs.ring_import(import_id)
    except Invalid as error:
        db.session.rollback()
        flash(error.message, "warning")
        return redirect(url_for("imports.options", import_id=import_id))
    except Conflict:  # pressed twice, or by two people: the page says how it stands
        db.session.rollback()
    return redirect(url_for("imports.show", import_id=import_id))


@bp.post("/<int:import_id>/stop")
def stop(import_id: int) -> Response:
    """Halt an import or its check; what has arrived stays."""
    row = imports.get(g.workspace, import_id)
    try:
        imports.stop(g.workspace, row, user=g.user)
        db.session.commit()
    except Conflict:  # it has just ended by itself
        db.session.rollback()
    return redirect(place_of(row))


@bp.post("/<int:import_id>/discard")
def discard(import_id: int) -> Response:
    """Forget an upload before it is imported."""
    key = imports.discard(g.workspace, imports.get(g.workspace, import_id))
    db.session.commit()
    current_app.extensions["stores"].discard(key)
    flash("The upload is discarded.", "success")
    return redirect(url_for("imports.index"))


@bp.route("/<int:import_id>/undo", methods=["GET", "POST"])
def undo(import_id: int) -> Answer:
    """Say what taking an import back would do (`?counted=1`: in numbers), and do it."""
    row = imports.get(g.workspace, import_id)
    if not imports.undo_until(row):
        return redirect(url_for("imports.show", import_id=import_id))
    if request.method == "GET":
        told = import_undo.foresee(g.workspace, row) if "counted" in request.args else None
        part = "HX-Request" in request.headers
        page = "imports/_undo.html" if part else "imports/undo.html"
        return render_template(page, row=row, foreseen=told, undo_until=imports.undo_until(row))
    with contextlib.suppress(Conflict):  # pressed twice: the page says how it stands
        imports.undo(g.workspace, row, user=g.user)
        db.session.commit()
        jobs.ring_import(import_id)
    return redirect(url_for("imports.show", import_id=import_id))


@bp.get(f"/<int:import_id>/rejected.<{downloads.KINDS}:kind>")
def rejected(import_id: int, kind: str) -> Response:
    """The rows that were turned away, each with its reason and its remedy."""
    row = imports.get(g.workspace, import_id)
    path = rejected_path(row)
    if not path.is_file():
        raise NotFound("No row of this import was rejected.")
    name = f"{PurePath(row.filename).stem} - rejected rows"
    return downloads.download(name, *import_figures.all_rejected(path), kind)


def place_of(row: Import) -> str:
    """The address of the step on which an import stands."""
    if row.state in (ImportState.CHECKING, ImportState.CHECKED):
        step = "check"
    elif row.state != ImportState.UPLOADED:
        step = "show"
    else:
        step = "options" if row.matched else "columns"
    return url_for(f"imports.{step}", import_id=row.id)


def rejected_path(row: Import) -> Path:
    """Where the rejected rows of an import are kept, if there are any."""
    folder: Path = current_app.extensions["carillon_config"].state_path
    return folder / (row.rejected_key or "rejected/none")
