"""Stub: to be replaced."""

from flask import Blueprint, render_template

bp = Blueprint("senders", __name__, url_prefix="/senders")


@bp.get("/")
def index() -> str:
    """Nothing yet."""
    return render_template("base.html")
