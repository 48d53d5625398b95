"""The first page: how the workspace is doing, and what every page's top bar wants to know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from flask import Blueprint, g, render_template, request
from werkzeug.wrappers import Response

from campaign_app.lib import shares
from campaign_app.services import audit, dashboard
from campaign_app.services.dashboard import Overview, Performance
from campaign_app.web import live_answer, moments

bp = Blueprint("dashboard", __name__, url_prefix="")

LOG_LINES = 12


@bp.get("/")
def index() -> str:
    """The dashboard; or its lists alone, when a script asks for them."""
    found = dashboard.performances(g.workspace, now=moments.here())
    lists = {
        "top": dashboard.top(found),
        "week": dashboard.this_week(found, midnight=moments.midnight()),
        "activity": audit.recent(g.workspace, limit=LOG_LINES),
    }
    if request.headers.get("HX-Target") == "lists":
        return render_template("dashboard/_lists.html", **lists)
    return render_template(
        "dashboard/index.html",
        figures=_figures(dashboard.overview(g.workspace, midnight=moments.midnight())),
        steps=dashboard.steps(g.workspace),
        timeline=_timeline(found),
        **lists,
    )


@bp.get("/live.json")
def live() -> Response:
    """The figures of today and overall, and what is being sent, every five seconds."""
    return live_answer.shared(
        lambda: _figures(dashboard.overview(g.workspace, midnight=moments.midnight()))
    )


@bp.get("/timeline.json")
def timeline() -> Response:
    """The last seven days."""
    found = dashboard.performances(g.workspace, now=moments.here())
    return live_answer.answer({"timeline": _timeline(found)})


def _figures(overview: Overview) -> dict[str, Any]:
    return {
        "sending": {
            **asdict(overview.sending),
            "percent": overview.sending.percent,
            "words": _being_sent(overview.sending.campaigns),
        },
        "today": asdict(overview.today),
        "overall": asdict(overview.overall),
        "pending": overview.pending,
        "rates": {
            "opened_today": shares.percent(overview.today.opened, overview.today.sent),
            "opened": shares.percent(overview.overall.opened, overview.overall.sent),
            "failed": shares.percent(
                overview.overall.failed, overview.overall.sent + overview.overall.failed
            ),
        },
        "stamp": f"{overview.last_entry}.{overview.overall.sent}.{overview.overall.opened}",
    }


def _being_sent(campaigns: int) -> str:
    return {0: "nothing is being sent", 1: "1 campaign is being sent"}.get(
        campaigns, f"{campaigns} campaigns are being sent"
    )


def _timeline(found: Sequence[Performance]) -> dict[str, Any]:
    days = dashboard.timeline(found, midnight=moments.midnight())
    return {
        "labels": [f"{day.date:%a} {day.date.day} {day.date:%b}" for day in days],
        "bars": {"label": "Sent", "values": [day.sent for day in days], "color": "blue"},
        "line": {
            "label": "Open rate",
            "values": [day.open_rate for day in days],
            "color": "green",
        },
    }
