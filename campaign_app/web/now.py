"""What is happening now: one page that keeps itself up to date, for whoever wonders."""

from __future__ import annotations

from flask import Blueprint, current_app, g, render_template, request
from werkzeug.wrappers import Response

from campaign_app.services import audit, health
from campaign_app.services import now as present
from campaign_app.web import live_answer, moments, now_figures

bp = Blueprint("now", __name__, url_prefix="/now")

LOG_LINES = 6


@bp.get("/")
def index() -> str:
    """The page; or its board alone, when a script asks for that."""
    found, state = present.look(g.workspace, now=moments.here()), _health()
    values = {
        "now": found,
        "upcoming": present.upcoming(g.workspace, found),
        "figures": now_figures.of(found, state),
        "system": now_figures.system(state),
        "activity": audit.recent(g.workspace, limit=LOG_LINES),
    }
    is_part = request.headers.get("HX-Target") == "board"
    return render_template("now/_board.html" if is_part else "now/index.html", **values)


@bp.get("/live.json")
def live() -> Response:
    """What moves on the page, every three seconds."""
    return live_answer.shared(
        lambda: now_figures.of(present.look(g.workspace, now=moments.here()), _health())
    )


def _health() -> health.Health:
    return health.workers(redis_url=current_app.extensions["carillon_config"].redis_url)
