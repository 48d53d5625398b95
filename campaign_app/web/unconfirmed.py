"""Unconfirmed messages: what is known of them, and a person's decision."""

from __future__ import annotations

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from campaign_app.extensions import db
from campaign_app.lib import row_ids
from campaign_app.lib.errors import Conflict, Invalid, NotFound
from campaign_app.models.campaigns import Campaign
from campaign_app.services import campaigns, unconfirmed
from campaign_app.services.unconfirmed import Action
from campaign_app.tasks import dispatch

bp = Blueprint("unconfirmed", __name__, url_prefix="/unconfirmed")


@bp.get("/")
def index() -> str:
    """Those of one campaign, or of all, fifty to a page."""
    campaign = _chosen()
    return render_template(
        "unconfirmed/index.html",
        campaign=campaign,
        tallies=unconfirmed.tallies(g.workspace, campaign=campaign),
        page=unconfirmed.page(
            g.workspace, campaign=campaign, number=request.args.get("page", 1, type=int)
        ),
    )


@bp.post("/<int:campaign_id>/resolve")
def resolve(campaign_id: int) -> Response:
    """Decide about one message of a campaign (`message_id`), or about all of them."""
    campaign = campaigns.get(g.workspace, campaign_id)
    action = _action()
    chosen = _message_ids()
    try:
        number = unconfirmed.resolve(
            g.workspace,
            campaign,
            action=action,
            message_ids=chosen,
            user=g.user,
        )
    except Conflict as refusal:
        db.session.rollback()
        flash(refusal.message, "danger")
    else:
        db.session.commit()
        dispatch.ring()
        flash(_said(campaign, action, number), "success")
    campaign_shown, page_shown = request.args.get("campaign"), request.args.get("page")
    return redirect(url_for("unconfirmed.index", campaign=campaign_shown, page=page_shown))


def _chosen() -> Campaign | None:
    """The one campaign that the page is narrowed to. Raises NotFound."""
    campaign_id = request.args.get("campaign", type=int)
    return None if campaign_id is None else campaigns.get(g.workspace, campaign_id)


def _message_ids() -> list[int] | None:
    """The one message it is about; None, for all of them, only when the form names none."""
    name = request.form.get("message_id")
    if name is None:
        return None
    if not row_ids.is_one(name):
        raise NotFound
    return [int(name)]


def _action() -> Action:
    try:
        return Action(request.form.get("action", ""))
    except ValueError:
        raise Invalid("Choose what to do with it: mark as sent, or send again.") from None


def _said(campaign: Campaign, action: Action, number: int) -> str:
    messages = f"{number:,} {'message' if number == 1 else 'messages'} of “{campaign.name}”"
    if action == Action.SEND_AGAIN:
        return f"{messages}: sent again. Suppressed addresses are left out."
    return f"{messages}: marked as sent."
