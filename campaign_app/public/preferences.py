"""Choosing which of a sender's lists to get: the other half of the unsubscribe page."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from campaign_app.extensions import db
from campaign_app.lib import clock, row_ids
from campaign_app.public.mail_links import Ref, mail_of
from campaign_app.services import preferences
from campaign_app.tracking import record

bp = Blueprint("preferences", __name__)


@bp.post("/u/<token>/lists")
def choose(token: str) -> str:
    """Keep what the reader chose; choosing none is opting out.

    Asked first of somebody who was in none: they may have pressed the button without a change.
    """
    mail = mail_of(token)
    workspace = Ref(mail.workspace_id)
    known = preferences.of(workspace, mail.address, recipient_id=mail.recipient_id)
    if known and known.is_subscribed:
        wanted = set(row_ids.read(request.form.getlist("list")))
        if not any(offer.chosen or offer.group_id in wanted for offer in known.offers):
            asked = {"mail": mail, "known": known, "token": token}
            return render_template("public/unsubscribe.html", **asked, done=False, is_sure=False)
        if preferences.choose(workspace, known, wanted):
            record.count_unsubscribe(
                workspace_id=mail.workspace_id, campaign_id=mail.campaign_id, at=clock.now()
            )
        db.session.commit()
    known = preferences.of(workspace, mail.address, recipient_id=mail.recipient_id)
    return render_template("public/preferences_saved.html", mail=mail, known=known, token=token)
