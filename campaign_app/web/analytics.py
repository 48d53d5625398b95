"""A campaign, watched live: figures, charts, and the delivery log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from campaign_app.models.campaigns import EDITABLE, Campaign
from campaign_app.services import (
    analytics,
    delivery_lines,
    delivery_log,
    engagement,
    exports,
    mailbox_domains,
)
from campaign_app.services.delivery_log import LogPage
from campaign_app.web import campaign_figures, downloads, live_answer, moments

bp = Blueprint("analytics", __name__, url_prefix="/campaigns/<int:campaign_id>")

DEFAULT_SPAN = "all"


@bp.get("/analytics")
def page(campaign_id: int) -> Response | str:
    """The whole page; or, when a script asks for one part of it, that part alone."""
    campaign = analytics.get(g.workspace, campaign_id)
    if campaign.status in EDITABLE:
        return redirect(url_for("campaigns.show", campaign_id=campaign_id))
    part = request.headers.get("HX-Target", "")
    if part in PARTS:
        return render_template(
            f"analytics/_{part}.html", campaign=campaign, **PARTS[part](campaign)
        )
    return render_template(
        "campaigns/analytics.html",
        campaign=campaign,
        figures=_figures(campaign),
        states=campaign_figures.STATES,
        **_engagement(campaign),
        **_links(campaign),
        **_log(campaign),
    )


@bp.get("/live.json")
def live(campaign_id: int) -> Response:
    """What moves on the page, every two seconds."""
    return live_answer.shared(lambda: _figures(analytics.get(g.workspace, campaign_id)))


@bp.get("/engagement.json")
def engagement_live(campaign_id: int) -> Response:
    """Opens and clicks over the chosen span."""
    campaign = analytics.get(g.workspace, campaign_id)
    return live_answer.answer({"chart": _engagement(campaign)["chart"]})


@bp.get(f"/deliveries.<{downloads.KINDS}:kind>")
def export(campaign_id: int, kind: str) -> Response:
    """The whole delivery log as a file."""
    campaign = analytics.get(g.workspace, campaign_id)
    rows = exports.deliveries(g.workspace, campaign)
    return downloads.download(f"{campaign.name} deliveries", exports.Delivery._fields, rows, kind)


def _figures(campaign: Campaign) -> dict[str, Any]:
    now = moments.here()
    return campaign_figures.live_figures(
        analytics.live(g.workspace, campaign, now=now),
        analytics.outcome_growth(g.workspace, campaign, now=now),
    )


def _engagement(campaign: Campaign) -> dict[str, Any]:
    now = moments.here()
    span = request.args.get("span", "")
    span = span if span in engagement.SPANS else DEFAULT_SPAN
    series = engagement.series(g.workspace, campaign, span=span, now=now)
    return {
        "span": span,
        "spans": list(engagement.SPANS),
        "chart": campaign_figures.engagement_chart(series),
    }


def _links(campaign: Campaign) -> dict[str, Any]:
    return {"links": engagement.links(g.workspace, campaign)}


def _domains(campaign: Campaign) -> dict[str, Any]:
    return {"domains": mailbox_domains.largest(g.workspace, campaign)}


def _log(campaign: Campaign) -> dict[str, Any]:
    status = request.args.get("status", "")
    status = status if status in delivery_lines.STATUSES else ""
    search = request.args.get("q", "").strip()
    return {
        "log": _log_page(campaign, status, search),
        "statuses": delivery_lines.STATUSES,
        "status": status,
        "search": search,
    }


def _log_page(campaign: Campaign, status: str, search: str) -> LogPage:
    after, before = request.args.get("after", ""), request.args.get("before", "")
    if search:
        return delivery_log.search(g.workspace, campaign, search, status=status, after=after)
    return delivery_log.page(
        g.workspace, campaign, status=status, after=after, before="" if after else before
    )


PARTS: dict[str, Callable[[Campaign], dict[str, Any]]] = {
    "engagement": _engagement,
    "links": _links,
    "domains": _domains,
    "log": _log,
}
"""Parts of the page by their element's id; each has a template of its own."""
