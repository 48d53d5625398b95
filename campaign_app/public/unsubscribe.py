"""Opting out: a page for people, and RFC 8058's one-click POST for mail programs."""

from __future__ import annotations

from flask import Blueprint, current_app, render_template, request, url_for

from campaign_app.extensions import db
from campaign_app.lib import clock
from campaign_app.public.mail_links import Ref, mail_of
from campaign_app.services import consent, preferences, signup_forms
from campaign_app.tracking import record

bp = Blueprint("unsubscribe", __name__)

ONE_CLICK = "One-Click"
"""The value a mail program posts as `List-Unsubscribe` (RFC 8058 §3.2)."""


@bp.get("/u/<token>")
def ask(token: str) -> str:
    """The page that asks. A GET changes nothing: scanners follow every link."""
    mail = mail_of(token)
    workspace = Ref(mail.workspace_id)
    known = preferences.of(workspace, mail.address, recipient_id=mail.recipient_id)
    ways_back = _ways_back(workspace) if known and not known.is_subscribed else []
    return render_template(
        "public/unsubscribe.html",
        mail=mail,
        known=known,
        token=token,
        ways_back=ways_back,
        done=False,
    )


def _ways_back(workspace: Ref) -> list[tuple[str, str]]:
    """Titles and addresses of the forms by which somebody can sign up again."""
    sign = current_app.extensions["signup_forms_signer"].sign
    return [
        (form.title, url_for("signup.ask", token=sign(form.id)))
        for form in signup_forms.offered(workspace)
    ]


@bp.post("/u/<token>")
def opt_out(token: str) -> str:
    """Opt out; again and again gives the same answer. No cookie, no redirect (RFC 8058 §3.1)."""
    mail = mail_of(token)
    is_one_click = request.form.get("List-Unsubscribe") == ONE_CLICK
    reason = request.form.get("reason", "").strip()[:500]
    moved = consent.opt_out(
        Ref(mail.workspace_id),
        mail.address,
        reason=reason or "Unsubscribed by the link in an e-mail",
        source="one-click" if is_one_click else "link",
        recipient_id=mail.recipient_id,
    )
    if moved:
        record.count_unsubscribe(
            workspace_id=mail.workspace_id, campaign_id=mail.campaign_id, at=clock.now()
        )
    db.session.commit()
    return render_template("public/unsubscribe.html", mail=mail, known=None, token=token, done=True)
