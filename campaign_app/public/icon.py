"""The icon that browsers ask for where no page names one: beside JSON, for example."""

from __future__ import annotations

from flask import Blueprint, url_for
from flask import redirect as to
from werkzeug.wrappers import Response

bp = Blueprint("icon", __name__)


@bp.get("/favicon.ico")
def show() -> Response:
    """Where it is."""
    return to(url_for("static", filename="img/logo.svg"), 301)
