"""Bringing a list: a file in parts that can be resumed, a file in one form, a few pasted lines."""

from __future__ import annotations

import io
from typing import Any

from flask import current_app, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from campaign_app.extensions import db
from campaign_app.imports import uploads as engine
from campaign_app.lib.errors import CarillonError, Invalid
from campaign_app.lib.stores import Stores
from campaign_app.models.imports import Import
from campaign_app.services import groups, pasting, uploads
from campaign_app.services.uploads import Source
from campaign_app.web.imports import bp

Answer = str | Response | tuple[str, int]

PASTED = "Pasted list.csv"


@bp.route("/new", methods=["GET", "POST"])
def new() -> Answer:
    """Bring a list; it is looked into at once, so that a wrong one is refused right here."""
    if request.method == "GET":
        return _form()
    try:
        row = _take_in()
    except CarillonError as error:
        db.session.rollback()
        return _form(error)
    return redirect(url_for("imports.columns", import_id=row.id))


@bp.post("/uploads.json")
def upload_begin() -> dict[str, Any]:
    """Begin an upload in parts; says where each part is to be PUT."""
    asked = _asked()
    size = asked.get("size")
    if not isinstance(size, int) or not isinstance(asked.get("filename"), str):
        raise Invalid("Choose a file first.")
    source = Source(asked["filename"], size, group_ids=_own_groups(asked.get("group_ids")))
    most = current_app.extensions["carillon_config"].max_upload_bytes
    return _offered(engine.begin(g.workspace, _stores(), source, most=most, user=g.user))


@bp.post("/uploads/<int:upload_id>/resume.json")
def upload_resume(upload_id: int) -> dict[str, Any]:
    """Go on with an upload: says what has arrived, and where the rest is to be PUT."""
    return _offered(engine.resume(uploads.get(g.workspace, upload_id), _stores()))


@bp.post("/uploads/<int:upload_id>/complete.json")
def upload_complete(upload_id: int) -> dict[str, Any]:
    """Make an import of what has arrived; says where it goes on."""
    upload = uploads.get(g.workspace, upload_id)
    made = engine.complete(g.workspace, upload, _stores(), user=g.user)
    return {"import_id": made.id, "next": url_for("imports.columns", import_id=made.id)}


@bp.post("/uploads/<int:upload_id>/abort.json")
def upload_abort(upload_id: int) -> dict[str, Any]:
    """Give an upload up."""
    engine.abort(g.workspace, uploads.get(g.workspace, upload_id), _stores())
    return {}


def _take_in() -> Import:
    text, file = request.form.get("pasted", "").strip(), request.files.get("file")
    joins = _own_groups(request.form.getlist("group_ids", type=int))
    if file is not None and file.filename:
        source = Source(file.filename, group_ids=joins)
        return engine.take_in(g.workspace, _stores(), file.stream, source, user=g.user)
    if text:
        source = Source(PASTED, group_ids=joins)
        stream = io.BytesIO(pasting.as_table(text).encode())
        return engine.take_in(g.workspace, _stores(), stream, source, user=g.user)
    raise Invalid("Choose a file first, or paste some lines.")


def _offered(offer: engine.Offer) -> dict[str, Any]:
    plan = offer.upload.plan
    return {
        "upload_id": offer.upload.id,
        "size": plan.size,
        "part_size": plan.part_size,
        "parts": [part.number for part in offer.present],
        "urls": {str(number): url for number, url in offer.addresses.items()},
    }


def _own_groups(asked: object) -> list[int]:
    """Those of the groups that were asked for which are shown to people."""
    wanted = asked if isinstance(asked, list) else []
    return [group.id for group in groups.standing(g.workspace) if group.id in wanted]


def _asked() -> dict[str, Any]:
    asked = request.get_json(silent=True)
    return asked if isinstance(asked, dict) else {}


def _stores() -> Stores:
    stores: Stores = current_app.extensions["stores"]
    return stores


def _form(error: CarillonError | None = None) -> Answer:
    chosen = request.values.getlist("group_ids", type=int)
    page = render_template(
        "imports/new.html",
        error=error.message if error else "",
        joins=[group for group in groups.standing(g.workspace) if group.id in chosen],
        pasted=request.form.get("pasted", ""),
        most_lines=pasting.MAX_LINES,
        max_bytes=current_app.extensions["carillon_config"].max_upload_bytes,
        max_form_bytes=current_app.config["MAX_CONTENT_LENGTH"],
    )
    return (page, error.status) if error else page
