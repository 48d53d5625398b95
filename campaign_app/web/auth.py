"""Signing up, logging in and out."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask_limiter.util import get_remote_address
from flask_login import current_user
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response
from wtforms import BooleanField, EmailField, PasswordField, SelectField, StringField
from wtforms.validators import DataRequired

from campaign_app.extensions import db
from campaign_app.guards import limiter
from campaign_app.lib import address, passwords, zones
from campaign_app.lib.errors import Invalid
from campaign_app.services import people
from campaign_app.web import door, forms

bp = Blueprint("auth", __name__)

WRONG = "The e-mail address or the password is not right."
"""One sentence for both: a stranger must not learn who has an account."""
WAIT = "Too many tries. Wait a quarter of an hour, then try again."
PER_ACCOUNT = "10 per 15 minutes"
PER_ADDRESS = "30 per 15 minutes"
"""More than one account's: an office shares an address."""
SIGN_UPS = "20 per hour"


class LogInForm(FlaskForm):
    """Who are you?"""

    email = EmailField("E-mail address", [DataRequired("Enter your e-mail address.")])
    password = PasswordField("Password", [DataRequired("Enter your password.")])
    remember = BooleanField("Keep me logged in on this device")


class SignUpForm(FlaskForm):
    """A new user and their workspace. The zone is guessed by the browser."""

    name = StringField("Your name", [DataRequired("Enter your name.")])
    email = EmailField("E-mail address", [DataRequired("Enter your e-mail address.")])
    password = PasswordField("Password", [DataRequired("Choose a password.")])
    time_zone = SelectField("Time zone", default="UTC", choices=lambda: dict(zones.choices()))


def _account() -> str:
    """What the throttle counts by: the account that is being tried, whether it exists or not.

    In the form by which accounts are found, or every way of writing an address had its own tries.
    """
    typed = request.form.get("email", "")
    return address.check(typed)[0] or typed.strip().casefold()[:254]


def _failed(response: Response) -> bool:
    """Only failures count: whoever knows the password is never locked out by using it."""
    return response.status_code != 302


@bp.route("/login", methods=["GET", "POST"])
@limiter.limit(
    PER_ACCOUNT, key_func=_account, methods=["POST"], deduct_when=_failed, error_message=WAIT
)
@limiter.limit(
    PER_ADDRESS,
    key_func=get_remote_address,
    methods=["POST"],
    deduct_when=_failed,
    error_message=WAIT,
)
def login() -> Response | str | tuple[str, int]:
    """Ask who it is; begin a session and go on to where they were heading."""
    destination = door.local_path(request.values.get("next"))
    if current_user.is_authenticated:
        return redirect(destination)
    form = LogInForm()
    if form.validate_on_submit():
        user = people.authenticate(email=form.email.data, password=form.password.data)
        if user is not None:
            db.session.commit()
            door.enter(user, remember=form.remember.data)
            return redirect(destination)
        form.form_errors.append(WRONG)
    page = render_template("auth/login.html", form=form, destination=destination)
    return (page, 422) if form.is_submitted() else page


@bp.route("/signup", methods=["GET", "POST"])
@limiter.limit(SIGN_UPS, methods=["POST"], error_message=WAIT)
def signup() -> Response | str | tuple[str, int]:
    """Make a user and a workspace, and begin the first session."""
    if current_user.is_authenticated:
        return redirect(url_for("dashboard.index"))
    form = SignUpForm()
    if form.validate_on_submit() and _sign_up(form):
        return redirect(url_for("dashboard.index"))
    page = render_template(
        "auth/signup.html", form=form, old_names=zones.OLD_NAMES, min_length=passwords.MIN_LENGTH
    )
    return (page, 422) if form.is_submitted() else page


@bp.post("/logout")
def logout() -> Response:
    """End the session."""
    session.clear()
    flash("You are logged out.", "info")
    return redirect(url_for("auth.login"))


def _sign_up(form: SignUpForm) -> bool:
    try:
        membership = people.sign_up(
            name=form.name.data,
            email=form.email.data,
            password=form.password.data,
            time_zone=form.time_zone.data,
        )
    except Invalid as error:
        forms.blame(form, error)
        return False
    db.session.commit()
    door.enter(membership.user)
    flash(f"Welcome, {membership.user.name}! Your workspace is ready.", "success")
    return True
