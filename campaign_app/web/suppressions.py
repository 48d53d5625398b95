"""The suppression list: addresses that are not mailed, whoever puts them on a list again."""

from __future__ import annotations

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from werkzeug.wrappers import Response
from wtforms import StringField, TextAreaField
from wtforms.validators import DataRequired, Length

from campaign_app.extensions import db
from campaign_app.lib.errors import Invalid
from campaign_app.models.suppression_imports import SuppressionImport
from campaign_app.services import suppression_imports, suppressions
from campaign_app.services.suppression_imports import AT_ONCE, MAX_REASON
from campaign_app.tasks import jobs
from campaign_app.web import forms

bp = Blueprint("suppressions", __name__, url_prefix="/suppressions")

LONGEST = Length(max=MAX_REASON, message=f"Keep it below {MAX_REASON} characters.")


class SuppressionForm(FlaskForm):
    """An address, and why it must not be mailed."""

    email = StringField("E-mail address", [DataRequired("Enter an e-mail address.")])
    reason = StringField(
        "Reason", [DataRequired("Say why, so that colleagues understand."), LONGEST]
    )


class ImportForm(FlaskForm):
    """Many addresses, from a file or from a box."""

    file = FileField("File")
    addresses = TextAreaField("Addresses")
    reason = StringField(
        "Reason", [DataRequired("Say why, so that colleagues understand."), LONGEST]
    )

    def entries(self) -> list[suppression_imports.Entry]:
        """What the file or the box holds. Raises Invalid."""
        upload = self.file.data
        text = suppression_imports.read(upload.read()) if upload else self.addresses.data or ""
        if "\0" in text:
            raise Invalid("This is no list of addresses: save it as CSV or text.", field="file")
        return suppression_imports.entries(text, reason=(self.reason.data or "").strip())


class RemovalForm(FlaskForm):
    """Why an address may be mailed again."""

    reason = StringField("Reason", [DataRequired("Say why it may be mailed again."), LONGEST])


@bp.route("/", methods=["GET", "POST"])
def index() -> Response | str | tuple[str, int]:
    """The addresses, and a form for one more."""
    form = SuppressionForm()
    if form.validate_on_submit():
        try:
            email = suppressions.add(
                g.workspace, form.email.data or "", reason=form.reason.data or "", user=g.user
            )
            db.session.commit()
            flash(f"{email} will not be mailed any more.", "success")
            return redirect(url_for("recipients.suppressions.index"))
        except Invalid as error:
            db.session.rollback()
            forms.blame(form, error)
    return (_page(form), 422) if form.errors else _page(form)


@bp.route("/import", methods=["GET", "POST"])
def bring() -> Response | str | tuple[str, int]:
    """Many at once; a long list is worked off in the background."""
    form = ImportForm()
    if form.validate_on_submit():
        try:
            row = _begin(form)
            flash(_outcome(row), "success" if row.added or not row.finished_at else "info")
            return redirect(url_for("recipients.suppressions.index"))
        except Invalid as error:
            db.session.rollback()
            forms.blame(form, error)
    html = render_template("recipients/suppression_import.html", form=form)
    return (html, 422) if form.errors else html


@bp.get("/imports")
def imports() -> str:
    """How far the latest imports are: a part of the list's page."""
    latest = suppression_imports.latest(g.workspace)
    return render_template("recipients/suppression_imports.html", imports=latest)


@bp.route("/<int:suppression_id>/remove", methods=["GET", "POST"])
def remove(suppression_id: int) -> Response | str | tuple[str, int]:
    """Let an address be mailed again, and say why."""
    entry, form = suppressions.get(g.workspace, suppression_id), RemovalForm()
    if form.validate_on_submit():
        reason = form.reason.data or ""
        shown = suppressions.remove(g.workspace, suppression_id, reason=reason, user=g.user)
        db.session.commit()
        flash(f"{shown} can be mailed again.", "success")
        return redirect(url_for("recipients.suppressions.index"))
    html = render_template("recipients/suppression_remove.html", form=form, entry=entry)
    return (html, 422) if form.errors else html


def _begin(form: ImportForm) -> SuppressionImport:
    found = form.entries()
    name = (form.file.data.filename if form.file.data else "") or "Pasted list"
    row = suppression_imports.begin(g.workspace, found, name=name, user=g.user)
    if len(found) <= AT_ONCE:
        suppression_imports.step(row.id)
    db.session.commit()
    if row.finished_at is None:
        jobs.ring_suppressions(row.id)
    return row


def _outcome(row: SuppressionImport) -> str:
    if row.finished_at is None:
        return f"{row.lines:,} lines are being added in the background."
    parts = [f"{row.added:,} added"]
    parts += [f"{row.already:,} already there"] if row.already else []
    if row.invalid:
        lines = "line is no address" if row.invalid == 1 else "lines are no addresses"
        parts.append(f"{row.invalid:,} {lines}")
    return f"{row.name}: {', '.join(parts)}."


def _page(form: SuppressionForm) -> str:
    search, source = request.args.get("q", "").strip(), request.args.get("cause", "")
    after = request.args.get("after", 0, type=int)
    page = suppressions.page(g.workspace, search=search, source=source, after=after)
    whole = "HX-Request" not in request.headers
    whole = whole or "HX-History-Restore-Request" in request.headers
    return render_template(
        "recipients/suppressions.html" if whole else "recipients/suppression_list.html",
        form=form,
        page=page,
        search=search,
        source=source,
        after=after,
        imports=suppression_imports.latest(g.workspace) if whole else (),
    )
