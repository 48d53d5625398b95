"""What a person does to a campaign: send, pause, resume, cancel, try again, change its rate."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from campaign_app.extensions import db
from campaign_app.lib.errors import Conflict, Invalid
from campaign_app.models.campaigns import Campaign
from campaign_app.models.people import User, Workspace
from campaign_app.services import campaigns, pace
from campaign_app.tasks import dispatch

bp = Blueprint("campaign_actions", __name__, url_prefix="/campaigns/<int:campaign_id>")


@bp.post("/send")
def send(campaign_id: int) -> Response:
    """Send it now."""
    return _do(campaign_id, campaigns.launch, "“{name}” is on its way.")


@bp.post("/unschedule")
def unschedule(campaign_id: int) -> Response:
    """Make a scheduled campaign a draft again."""
    return _do(campaign_id, campaigns.unschedule, "“{name}” is a draft again.")


@bp.post("/pause")
def pause(campaign_id: int) -> Response:
    """Stop within a second's worth of mail."""
    return _do(campaign_id, campaigns.pause, "“{name}” is paused.")


@bp.post("/resume")
def resume(campaign_id: int) -> Response:
    """Go on where it stopped."""
    return _do(campaign_id, campaigns.resume, "“{name}” goes on.")


@bp.post("/cancel")
def cancel(campaign_id: int) -> Response:
    """End it; what is not sent yet stays unsent."""
    return _do(campaign_id, campaigns.cancel, "“{name}” is cancelled.")


@bp.post("/retry-failed")
def retry_failed(campaign_id: int) -> Response:
    """Try the failed messages again."""
    return _do(
        campaign_id,
        campaigns.retry_failed,
        "Failed messages tried again: {number:,}. Suppressed addresses are left out.",
    )


@bp.post("/reconcile")
def reconcile(campaign_id: int) -> Response | str:
    """Check its batches, leases and counts, and put right what can be: the report is the answer."""
    campaign = campaigns.get(g.workspace, campaign_id)
    try:
        report = dispatch.reconcile_and_ring(g.workspace, campaign)
    except Conflict as refusal:
        db.session.rollback()
        flash(refusal.message, "danger")
        return redirect(url_for("campaigns.show", campaign_id=campaign_id))
    if "HX-Request" in request.headers:
        return render_template("analytics/_reconciled.html", campaign=campaign, report=report)
    flash(" ".join(report.findings) or "Everything is in order.", "success")
    return redirect(url_for("campaigns.show", campaign_id=campaign_id))


@bp.post("/rate")
def rate(campaign_id: int) -> Response:
    """Another rate per minute; empty means none but the sender's."""
    return _do(campaign_id, _set_rate, "The new rate counts from now on.")


Act = Callable[..., int | None]


def _do(campaign_id: int, act: Act, said: str) -> Response:
    """Act, commit and ring; a refusal stands on the page that follows, in the same place."""
    campaign = campaigns.get(g.workspace, campaign_id)
    try:
        number = act(g.workspace, campaign, user=g.user)
    except (Conflict, Invalid) as refusal:
        db.session.rollback()
        flash(refusal.message, "danger")
    else:
        db.session.commit()
        dispatch.ring()
        flash(said.format(name=campaign.name, number=number or 0), "success")
    return redirect(url_for("campaigns.show", campaign_id=campaign_id))


def _set_rate(workspace: Workspace, campaign: Campaign, *, user: User) -> None:
    raw = request.form.get("tpm", "").replace(",", "").strip()
    if raw and not (raw.isascii() and raw.isdigit() and len(raw) < 10):
        raise Invalid("Enter the rate as a whole number, or leave it empty.", field="tpm")
    pace.set_rate(workspace, campaign, tpm=int(raw) if raw else None, user=user)
