"""Is the process alive, and is the stack behind it ready?"""

from __future__ import annotations

from flask import Blueprint, current_app, jsonify
from werkzeug.wrappers import Response

from campaign_app.extensions import db
from campaign_app.services import health

bp = Blueprint("health", __name__)


@bp.get("/healthz")
def alive() -> dict[str, str]:
    """This process answers."""
    return {"status": "ok"}


@bp.get("/readyz")
def ready() -> tuple[Response, int]:
    """Whether mail can be sent: 200, or 503 with what is missing. Answers within two seconds."""
    found = health.check(db.engine, redis_url=current_app.extensions["carillon_config"].redis_url)
    status = "unavailable" if found.missing else "ok"
    return jsonify(status=status, missing=found.missing), 503 if found.missing else 200
