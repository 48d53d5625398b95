"""A person's own data, their workspace, and the API's keys to it."""

from __future__ import annotations

from flask import Blueprint, flash, g, make_response, redirect, render_template, session, url_for
from flask_login import current_user
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response
from wtforms import PasswordField, SelectField, StringField
from wtforms.validators import DataRequired

from campaign_app.extensions import db
from campaign_app.guards import limiter
from campaign_app.lib import passwords, zones
from campaign_app.lib.errors import Invalid
from campaign_app.services import people, tokens
from campaign_app.web import auth, door, forms

bp = Blueprint("settings", __name__, url_prefix="/settings")


class ProfileForm(FlaskForm):
    """What the person is called, and whose clock they live by."""

    name = StringField("Your name", [DataRequired("Enter your name.")])
    time_zone = SelectField("Time zone", choices=lambda: dict(zones.choices()))


class PasswordForm(FlaskForm):
    """The present password proves that it is really them."""

    current = PasswordField("Present password", [DataRequired("Enter your present password.")])
    password = PasswordField("New password", [DataRequired("Choose a new password.")])


class WorkspaceForm(FlaskForm):
    """What the workspace is called."""

    name = StringField("Name", [DataRequired("Enter a name.")])


class TokenForm(FlaskForm):
    """Which program the token is for."""

    name = StringField("Name", [DataRequired("Name the program that will use it.")])


@bp.route("/", methods=["GET", "POST"])
def index() -> Response | str | tuple[str, int]:
    """The person's name and zone."""
    form = ProfileForm(obj=g.user)
    if form.validate_on_submit():
        try:
            people.update_profile(g.user, name=form.name.data, time_zone=form.time_zone.data)
            db.session.commit()
            flash("Saved.", "success")
            return redirect(url_for("settings.index"))
        except Invalid as error:
            forms.blame(form, error)
    return _page("settings/profile.html", form)


@bp.route("/password", methods=["GET", "POST"])
@limiter.limit(
    "10 per 15 minutes",
    methods=["POST"],
    key_func=lambda: str(current_user.get_id()),
    error_message=auth.WAIT,
)
def password() -> Response | str | tuple[str, int]:
    """Change the password: every other session of the person's ends, this one goes on.

    Throttled, or whoever finds a browser logged in could guess the password there.
    """
    form = PasswordForm()
    if form.validate_on_submit():
        try:
            people.change_password(g.user, current=form.current.data, new=form.password.data)
            db.session.commit()
            _enter_again()
            flash("Your password is changed. All your other sessions have ended.", "success")
            return redirect(url_for("settings.password"))
        except Invalid as error:
            forms.blame(form, error)
    return _page("settings/password.html", form, min_length=passwords.MIN_LENGTH)


@bp.route("/workspace", methods=["GET", "POST"])
@door.owners_only
def workspace() -> Response | str | tuple[str, int]:
    """Rename the workspace."""
    form = WorkspaceForm(obj=g.workspace)
    if form.validate_on_submit():
        try:
            people.rename_workspace(g.workspace, name=form.name.data, user=g.user)
            db.session.commit()
            flash("Saved.", "success")
            return redirect(url_for("settings.workspace"))
        except Invalid as error:
            forms.blame(form, error)
    return _page("settings/workspace.html", form)


@bp.route("/tokens", methods=["GET", "POST"])
def api_tokens() -> Response | str | tuple[str, int]:
    """The API's tokens; a new one is shown once, in the answer to its making."""
    form = TokenForm()
    if form.validate_on_submit():
        try:
            _, plain = tokens.create(g.workspace, user=g.user, name=form.name.data)
            db.session.commit()
            return _show_once(plain)
        except Invalid as error:
            forms.blame(form, error)
    return _page("settings/tokens.html", form, tokens=tokens.standing(g.workspace))


@bp.post("/tokens/<int:token_id>/revoke")
def revoke_token(token_id: int) -> Response:
    """End a token: the program that uses it is locked out at once."""
    token = tokens.revoke(g.workspace, token_id, user=g.user)
    db.session.commit()
    flash(f"“{token.name}” is revoked.", "success")
    return redirect(url_for("settings.api_tokens"))


def _show_once(plain: str) -> Response:
    answer = make_response(
        render_template(
            "settings/tokens.html",
            form=TokenForm(formdata=None),
            tokens=tokens.standing(g.workspace),
            plain=plain,
        )
    )
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _enter_again() -> None:
    place, remember = session.get("workspace_id"), session.permanent
    door.enter(g.user, remember=remember)
    if place is not None:
        session["workspace_id"] = place


def _page(template: str, form: FlaskForm, **values: object) -> str | tuple[str, int]:
    page = render_template(template, form=form, **values)
    return (page, 422) if form.is_submitted() else page
