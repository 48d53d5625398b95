"""Failed reports: what was refused in all campaigns, by reason, and trying it again."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from campaign_app.extensions import db
from campaign_app.lib import clock
from campaign_app.lib.errors import Conflict
from campaign_app.services import campaigns, failures
from campaign_app.tasks import dispatch
from campaign_app.web import downloads

bp = Blueprint("reports", __name__, url_prefix="/reports")

PERIODS = {
    "24h": ("Last 24 hours", timedelta(hours=24)),
    "7d": ("Last 7 days", timedelta(days=7)),
    "30d": ("Last 30 days", timedelta(days=30)),
    "all": ("Since the beginning", timedelta(days=36_500)),
}
DEFAULT_PERIOD = "30d"
COLUMNS = ["answered_at" if one == "when" else one for one in failures.Failure._fields[:-2]]
"""The ids are for links only."""


@bp.get("/")
def index() -> str:
    """Every reason with its counts, an example and the campaigns it struck."""
    report = failures.report(g.workspace, **_chosen())
    return render_template(
        "reports/index.html", report=report, periods=PERIODS, period=_period(), **_campaign()
    )


@bp.get("/messages")
def messages() -> str:
    """Fifty messages of a reason: the rows of an expanded group."""
    key = request.args.get("key", "")
    before = request.args.get("before", type=int)
    rows, following = failures.messages(g.workspace, key, before=before, **_chosen())
    return render_template(
        "reports/_messages.html", rows=rows, following=following, key=key, period=_period()
    )


@bp.post("/retry")
def retry() -> Response:
    """Try the failed messages of one campaign again, whatever their reason."""
    campaign = campaigns.get(g.workspace, request.form.get("campaign_id", 0, type=int))
    try:
        number = campaigns.retry_failed(g.workspace, campaign, user=g.user)
    except Conflict as refusal:
        db.session.rollback()
        flash(refusal.message, "danger")
    else:
        db.session.commit()
        dispatch.ring()
        messages = "message is" if number == 1 else "messages are"
        said = f"“{campaign.name}”: {number:,} failed {messages} tried again"
        flash(f"{said}; suppressed addresses are left out.", "success")
    return redirect(url_for("reports.index", period=_period()))


@bp.get(f"/failures.<{downloads.KINDS}:kind>")
def export(kind: str) -> Response:
    """Every refused message of the period as a file."""
    found = failures.every(g.workspace, **_chosen())
    rows = (failure[: len(COLUMNS)] for failure in found)
    return downloads.download(f"Failures {_period()}", COLUMNS, rows, kind)


def _period() -> str:
    period = request.values.get("period", DEFAULT_PERIOD)
    return period if period in PERIODS else DEFAULT_PERIOD


def _chosen() -> dict[str, Any]:
    since: datetime = clock.now() - PERIODS[_period()][1]
    return {"since": since, "campaign_id": request.args.get("campaign", type=int)}


def _campaign() -> dict[str, Any]:
    """The one campaign that the page is narrowed to."""
    campaign_id = request.args.get("campaign", type=int)
    if campaign_id is None:
        return {"campaign": None}
    return {"campaign": campaigns.get(g.workspace, campaign_id)}
