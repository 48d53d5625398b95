"""Signing up by a group's form, hosted here or on its owner's own site, and confirming it.

The form is a plain POST without a cookie. Its answer is the same for everybody, known or not.
"""

from __future__ import annotations

from hashlib import sha256

from flask import Blueprint, abort, current_app, make_response, render_template, request
from werkzeug.wrappers import Response

from campaign_app.extensions import db
from campaign_app.guards import limiter
from campaign_app.lib import address
from campaign_app.lib.errors import Conflict, Invalid
from campaign_app.models.signups import Signup
from campaign_app.services import signup_forms, signups
from campaign_app.services.signup_forms import PublicForm
from campaign_app.services.signups import Answers
from campaign_app.tasks import dispatch

bp = Blueprint("signup", __name__, url_prefix="/s")

TRAP = "your-website"
"""A field that people do not see: whoever fills it in is a program."""
AGREED = "i-agree"
"""Neither name, with its hyphen, can be that of an attribute that a form asks for."""
FROM_ONE_PLACE = "30 per hour"
FOR_ONE_ADDRESS = "5 per hour"
BY_ONE_FORM = "1000 per hour"
"""However many machines ask: more would cost the sender its good name."""
SPENT = "Those were many sign-ups in a short time. Please try again in an hour."


def _address_key() -> str:
    """Whom the request is about; the throttle's memory is no place for addresses."""
    text = request.form.get("email", "")
    normal, _ = address.check(text)  # or a sign that nobody sees would make it another one
    return sha256((normal or text).encode()).hexdigest()


@bp.get("/<token>")
def ask(token: str) -> str:
    """The form."""
    return render_template("public/signup.html", public=_form(token), typed={}, problem="")


@bp.post("/<token>")
@limiter.limit(FROM_ONE_PLACE, error_message=SPENT)
@limiter.limit(
    BY_ONE_FORM,
    key_func=lambda: str((request.view_args or {}).get("token")),
    error_message=SPENT,
)
@limiter.limit(FOR_ONE_ADDRESS, key_func=_address_key, error_message=SPENT)
def take(token: str) -> str | tuple[str, int]:
    """Take a sign-up down, and ask by mail whether it is meant."""
    public, typed = _form(token), request.form
    sender_id = public.form.sender_id or 0
    if not typed.get(TRAP):
        try:
            signups.ask(public.form, _answers(public))
            db.session.commit()
        except (Invalid, Conflict) as error:
            db.session.rollback()
            public = _form(token)
            page = render_template(
                "public/signup.html", public=public, typed=typed, problem=error.message
            )
            return page, error.status
        dispatch.send("sending.mail_signups_of", sender_id)
    return render_template("public/signup_asked.html", public=public)


@bp.get("/confirm/<token>")
def show(token: str) -> str | Response:
    """The page with the button. A GET changes nothing: scanners follow every link."""
    signup, public = _signup(token)
    return render_template("public/signup_confirm.html", public=public, signup=signup, done=False)


@bp.post("/confirm/<token>")
def confirm(token: str) -> str | Response:
    """Confirm; again and again gives the same answer."""
    signup, public = _signup(token)
    signups.confirm(signup, ip=request.remote_addr or "")
    db.session.commit()
    return render_template("public/signup_confirm.html", public=public, signup=signup, done=True)


def _form(token: str) -> PublicForm:
    form_id = current_app.extensions["signup_forms_signer"].read(token)
    if form_id is None:
        abort(404)
    public = signup_forms.public(form_id)
    if public is None:
        abort(make_response(render_template("public/signup_gone.html", form_url=""), 410))
    return public


def _signup(token: str) -> tuple[Signup, PublicForm]:
    """The request that a confirmation mail is about, while it can be confirmed."""
    signup_id = current_app.extensions["signups_signer"].read(token)
    if signup_id is None:
        abort(404)
    signup = signups.find(signup_id)
    public = signup_forms.public(signup.form_id) if signup else None
    if signup is None or public is None or not signups.is_valid(signup):
        form_url = ""
        if public:
            form_token = current_app.extensions["signup_forms_signer"].sign(public.form.id)
            form_url = f"/s/{form_token}"
        abort(make_response(render_template("public/signup_gone.html", form_url=form_url), 410))
    return signup, public


def _answers(public: PublicForm) -> Answers:
    return Answers(
        email=request.form.get("email", ""),
        name=request.form.get("name", "") if public.form.ask_name else "",
        attributes={key: request.form.get(key, "") for key in public.form.attributes},
        ip=request.remote_addr or "",
        agreed=AGREED in request.form,
    )
