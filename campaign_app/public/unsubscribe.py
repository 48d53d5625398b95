"""Opting out: a page for people, and RFC 8058's one-click POST for mail programs."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, abort, current_app, make_response, render_template, request

from campaign_app.extensions import db
from campaign_app.lib import clock
from campaign_app.services import consent
from campaign_app.tracking import links, record
from campaign_app.tracking.links import Mail

bp = Blueprint("unsubscribe", __name__)

ONE_CLICK = "One-Click"
"""The value a mail program posts as `List-Unsubscribe` (RFC 8058 §3.2)."""

TEST = 0
"""The message of a test e-mail, which has no row."""


@dataclass(frozen=True, slots=True)
class _Workspace:
    id: int


@bp.get("/u/<token>")
def ask(token: str) -> str:
    """The page that asks. A GET changes nothing: scanners follow every link."""
    mail = _mail(token)
    return render_template("public/unsubscribe.html", mail=mail, done=False)


@bp.post("/u/<token>")
def opt_out(token: str) -> str:
    """Opt out; again and again gives the same answer. No cookie, no redirect (RFC 8058 §3.1)."""
    mail = _mail(token)
    is_one_click = request.form.get("List-Unsubscribe") == ONE_CLICK
    reason = request.form.get("reason", "").strip()[:500]
    workspace = _Workspace(mail.workspace_id)
    moved = consent.opt_out(
        workspace,
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
    return render_template("public/unsubscribe.html", mail=mail, done=True)


def _mail(token: str) -> Mail:
    message_id = current_app.extensions["signer"].read(token)
    if message_id is None:
        abort(404)
    mail = links.mail_of(message_id)
    if mail is None:  # the whole workspace is gone, and its list with it; or nobody ever got it
        page = render_template("public/gone.html", mail=None, is_test=message_id == TEST)
        abort(make_response(page, 410))
    return mail
