"""The suppression list: addresses that are not mailed, whoever puts them on a list again."""

from __future__ import annotations

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response
from wtforms import StringField
from wtforms.validators import DataRequired

from campaign_app.extensions import db
from campaign_app.lib.errors import Invalid
from campaign_app.services import suppressions
from campaign_app.web import forms

bp = Blueprint("suppressions", __name__, url_prefix="/suppressions")


class SuppressionForm(FlaskForm):
    """An address, and why it must not be mailed."""

    email = StringField("E-mail address", [DataRequired("Enter an e-mail address.")])
    reason = StringField("Reason", [DataRequired("Say why, so that colleagues understand.")])


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


@bp.post("/<int:suppression_id>/remove")
def remove(suppression_id: int) -> Response:
    """Let an address be mailed again."""
    email = suppressions.remove(g.workspace, suppression_id, user=g.user)
    db.session.commit()
    flash(f"{email} can be mailed again.", "success")
    return redirect(url_for("recipients.suppressions.index"))


def _page(form: SuppressionForm) -> str:
    search, after = request.args.get("q", "").strip(), request.args.get("after", "")
    page = suppressions.page(g.workspace, search=search, after=after)
    whole = "HX-Request" not in request.headers
    whole = whole or "HX-History-Restore-Request" in request.headers
    return render_template(
        "recipients/suppressions.html" if whole else "recipients/suppression_list.html",
        form=form,
        page=page,
        search=search,
        after=after,
    )
