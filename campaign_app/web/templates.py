"""Saved templates: the list with small previews, and their editor."""

from __future__ import annotations

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from campaign_app.extensions import db
from campaign_app.lib.errors import Invalid
from campaign_app.models.templates import Template
from campaign_app.sending.compose import Source
from campaign_app.services import campaigns, merge_fields, templates
from campaign_app.web import forms, previews
from campaign_app.web.campaign_form import ContentForm

bp = Blueprint("templates", __name__, url_prefix="/templates")


@bp.get("/")
def index() -> str:
    """The saved e-mails, the latest changed first."""
    search = request.args.get("q", "").strip()
    page = templates.page(g.workspace, search=search, number=request.args.get("page", 1, type=int))
    return render_template("templates/index.html", page=page, search=search)


@bp.route("/new", methods=["GET", "POST"])
def new() -> Response | str | tuple[str, int]:
    """Write a template, from nothing or from the campaign `?campaign=…`."""
    form = ContentForm(data=_from_campaign() if request.method == "GET" else None)
    if form.validate_on_submit():
        try:
            row = templates.create(
                g.workspace, name=form.name.data, content=form.content(), user=g.user
            )
            return _saved(row)
        except Invalid as error:
            db.session.rollback()
            forms.blame(form, error)
    return _editor(form, None)


@bp.get("/<int:template_id>")
def show(template_id: int) -> str:
    """How it reads."""
    row = templates.get(g.workspace, template_id)
    return render_template(
        "templates/show.html", template=row, look=previews.look(_source(row), None)
    )


@bp.route("/<int:template_id>/edit", methods=["GET", "POST"])
def edit(template_id: int) -> Response | str | tuple[str, int]:
    """Change a template; campaigns made from it stay as they are."""
    row = templates.get(g.workspace, template_id)
    form = ContentForm(obj=row)
    if form.validate_on_submit():
        try:
            templates.edit(
                g.workspace, row, name=form.name.data, content=form.content(), user=g.user
            )
            return _saved(row)
        except Invalid as error:
            db.session.rollback()
            forms.blame(form, error)
    return _editor(form, row)


@bp.get("/<int:template_id>/preview.html")
def preview_html(template_id: int) -> Response:
    """The HTML alone, as the person at the keyboard would read it, for the sandboxed frame."""
    row = templates.get(g.workspace, template_id)
    return previews.framed(previews.look(_source(row), None))


@bp.post("/<int:template_id>/delete")
def delete(template_id: int) -> Response:
    """Delete a template; campaigns made from it stay."""
    row = templates.get(g.workspace, template_id)
    name = row.name
    templates.delete(g.workspace, row, user=g.user)
    db.session.commit()
    flash(f"“{name}” is deleted.", "success")
    return redirect(url_for("templates.index"))


def _from_campaign() -> dict[str, str] | None:
    campaign_id = request.args.get("campaign", type=int)
    if campaign_id is None:
        return None
    campaign = campaigns.get(g.workspace, campaign_id)
    return {
        "name": campaign.name,
        "subject": campaign.subject,
        "html": campaign.html,
        "text": campaign.text,
    }


def _source(row: Template) -> Source:
    return Source(
        campaign_id=0,
        workspace_id=row.workspace_id,
        subject=row.subject,
        html=row.html,
        text=row.text,
        from_name=g.user.name,
        from_email=g.user.email,
    )


def _saved(row: Template) -> Response:
    db.session.commit()
    flash("Saved.", "success")
    return redirect(url_for("templates.show", template_id=row.id))


def _editor(form: ContentForm, row: Template | None) -> str | tuple[str, int]:
    page = render_template(
        "templates/edit.html",
        form=form,
        template=row,
        merge_fields=merge_fields.offered(g.workspace),
    )
    return (page, 422) if form.is_submitted() else page
