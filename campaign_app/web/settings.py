"""Stub: to be replaced."""

from flask import Blueprint, render_template

bp = Blueprint("settings", __name__, url_prefix="/settings")


@bp.get("/")
def index() -> str:
    """Nothing yet."""
    return render_template("base.html")
