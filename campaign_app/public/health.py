"""Is the process alive, and is the stack behind it ready?"""

from __future__ import annotations

from flask import Blueprint, current_app, jsonify
from werkzeug.wrappers import Response

from campaign_app.extensions import db
from campaign_app.services import health
from campaign_app.tasks.dispatch import BEAT_KEY

bp = Blueprint("health", __name__)


@bp.get("/healthz")
def alive() -> dict[str, str]:
    """This process answers."""
    return {"status": "ok"}


@bp.get("/readyz")
def ready() -> tuple[Response, int]:
    """Whether mail can be sent: 200, or 503 with what is missing. Answers within two seconds."""
    redis_url = current_app.extensions["carillon_config"].redis_url
    parts = health.parts(db.engine, redis_url=redis_url, heartbeat=BEAT_KEY)
    missing = [name for name, is_there in parts.items() if not is_there]
    status = "unavailable" if missing else "ok"
    return jsonify(status=status, missing=missing), 503 if missing else 200
