"""A group's sign-up form, and whether its readers may choose the group themselves."""

from __future__ import annotations

from flask import Blueprint, current_app, flash, g, redirect, render_template, request, url_for
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response
from wtforms import BooleanField, SelectField, StringField, TextAreaField
from wtforms.validators import DataRequired

from campaign_app.extensions import db
from campaign_app.lib.errors import Invalid, NotFound
from campaign_app.models.recipients import Group
from campaign_app.models.signups import SignupForm
from campaign_app.services import groups, merge_fields, preferences, senders, signup_forms
from campaign_app.services.signup_forms import CONSENT, FormDetails
from campaign_app.web import forms

bp = Blueprint("signup_forms", __name__, url_prefix="/groups/<int:group_id>/form")


class FormForm(FlaskForm):
    """What the form says."""

    title = StringField("Title", [DataRequired("Give the form a title.")])
    intro = TextAreaField("Text")
    ask_name = BooleanField("Ask for the name")
    attributes = StringField("Ask also for")
    consent = TextAreaField("What they agree to", [DataRequired("Say what they agree to.")])
    thanks = TextAreaField("Thanks, after they have confirmed")
    next_url = StringField("Then lead them on to")
    sender_id = SelectField("Confirmation mails go out by")
    is_open = BooleanField("The form is open")

    def details(self) -> FormDetails:
        """The same for the service."""
        return FormDetails(
            title=self.title.data or "",
            intro=self.intro.data or "",
            consent=self.consent.data or "",
            thanks=self.thanks.data or "",
            ask_name=bool(self.ask_name.data),
            attributes=(self.attributes.data or "").replace(";", ",").split(","),
            next_url=self.next_url.data or "",
            sender_id=int(self.sender_id.data) if self.sender_id.data else None,
            is_open=bool(self.is_open.data),
        )


@bp.route("/", methods=["GET", "POST"])
def edit(group_id: int) -> Response | str | tuple[str, int]:
    """The form's settings, its address and the snippet for other sites."""
    group = groups.get(g.workspace, group_id)
    row = signup_forms.of_group(g.workspace, group)
    form = _filled(group, row)
    if form.validate_on_submit():
        try:
            signup_forms.save(g.workspace, group, form.details(), user=g.user)
            db.session.commit()
            flash("The form is saved.", "success")
            return redirect(url_for("signup_forms.edit", group_id=group_id))
        except Invalid as error:
            db.session.rollback()
            forms.blame(form, error)
            group = groups.get(g.workspace, group_id)
            row = signup_forms.of_group(g.workspace, group)
    return _page(group, row, form)


@bp.post("/public")
def publish(group_id: int) -> Response:
    """Let readers choose the group behind their unsubscribe link, or no longer."""
    group = groups.get(g.workspace, group_id)
    try:
        preferences.publish(
            g.workspace,
            group,
            public="public" in request.form,
            name=request.form.get("public_name", ""),
            user=g.user,
        )
        db.session.commit()
        flash("Saved.", "success")
    except Invalid as error:
        db.session.rollback()
        flash(error.message, "danger")
    return redirect(url_for("signup_forms.edit", group_id=group_id))


@bp.get("/versions/<int:version>")
def wording(group_id: int, version: int) -> str:
    """What the form said in one of its versions."""
    group = groups.get(g.workspace, group_id)
    row = signup_forms.of_group(g.workspace, group)
    found = signup_forms.wording(g.workspace, row.id, version) if row else None
    if found is None:
        raise NotFound
    return render_template("groups/signup_wording.html", group=group, wording=found)


def _filled(group: Group, row: SignupForm | None) -> FormForm:
    asked = ", ".join(row.attributes) if row else ""
    fresh = {"title": f"Sign up for {group.name}", "consent": CONSENT, "ask_name": True}
    start = {} if row else {**fresh, "is_open": True}
    form = FormForm(obj=row, **start, **({"attributes": asked} if not request.form else {}))
    if request.method == "GET":
        form.attributes.data = asked
        form.sender_id.data = str(row.sender_id or "") if row else ""
    offered = senders.every(g.workspace)
    form.sender_id.choices = [
        *([] if offered and not row else [("", "nobody: the form is closed")]),
        *((str(one.id), one.name) for one in offered),
    ]
    return form


def _page(group: Group, row: SignupForm | None, form: FormForm) -> str | tuple[str, int]:
    public_url = current_app.extensions["carillon_config"].public_url
    token = current_app.extensions["signup_forms_signer"].sign(row.id) if row else ""
    html = render_template(
        "groups/signup_form.html",
        group=group,
        row=row,
        form=form,
        known=merge_fields.attribute_keys(g.workspace),
        address=f"{public_url}/s/{token}" if row else "",
        standing=signup_forms.standing(g.workspace, row) if row else None,
        has_senders=bool(senders.every(g.workspace)),
    )
    return (html, 422) if form.errors else html
