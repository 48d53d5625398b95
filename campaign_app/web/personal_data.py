"""What is held about one person: shown, handed over as a file, erased."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from zipfile import ZIP_DEFLATED, ZipFile

from flask import Blueprint, flash, g, redirect, render_template, request, send_file, url_for
from werkzeug.wrappers import Response

from campaign_app.extensions import db
from campaign_app.lib import address, patience, spreadsheets
from campaign_app.lib.errors import Conflict, Invalid
from campaign_app.lib.spreadsheets import Format
from campaign_app.services import erasures, personal_data
from campaign_app.services.personal_data import Sheet
from campaign_app.tasks import jobs
from campaign_app.web.filters import user_zone

bp = Blueprint("personal_data", __name__, url_prefix="/recipients/data")


@bp.get("/")
def show() -> str | tuple[str, int]:
    """What is held about an address, or the question for one."""
    email = request.args.get("email", "").strip()
    if not email:
        return _page(email)
    try:
        return _page(address.normalise(email))
    except Invalid as error:
        return _page(email, problem=error.message), 422


@bp.get("/export.zip")
def export() -> Response:
    """All of it: one JSON file, and a CSV file for each kind."""
    patience.without_end()
    sheets = personal_data.gather(g.workspace, request.args.get("email", ""))
    packed = io.BytesIO()
    with ZipFile(packed, "w", ZIP_DEFLATED) as archive:
        whole = json.dumps(sheets, default=_plain, ensure_ascii=False, indent=2)
        archive.writestr("personal data.json", whole)
        for name, rows in sheets.items():
            if rows:
                archive.writestr(f"{name}.csv", _csv(rows))
    packed.seek(0)
    return send_file(
        packed, "application/zip", as_attachment=True, download_name="Personal data.zip"
    )


@bp.post("/erase")
def erase() -> Response | tuple[str, int]:
    """Erase somebody; their address is typed again by who wants it."""
    email = request.form.get("email", "")
    try:
        erasures.begin(g.workspace, email, typed=request.form.get("typed", ""), user=g.user)
    except (Invalid, Conflict) as error:
        db.session.rollback()
        return _page(email, refusal=error.message), error.status
    db.session.commit()
    jobs.ring_erasures()
    flash("They are off the list. All other traces are being erased now.", "success")
    return redirect(url_for("personal_data.show"))


def _page(email: str, *, problem: str = "", refusal: str = "") -> str:
    found = personal_data.gather(g.workspace, email) if email and not problem else {}
    return render_template(
        "recipients/data.html",
        email=email,
        found=found,
        total=sum(map(len, found.values())),
        problem=problem,
        refusal=refusal,
        erasures=erasures.latest(g.workspace),
    )


def _csv(rows: Sheet) -> bytes:
    columns: Sequence[str] = list(rows[0])
    cells = ([_cell(row[name]) for name in columns] for row in rows)
    chunks = spreadsheets.stream(columns, cells, format=Format.CSV, zone=user_zone())
    return b"".join(chunks)


def _cell(value: object) -> object:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, Mapping) else value


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
