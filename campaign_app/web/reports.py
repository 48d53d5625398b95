"""Stub: to be replaced."""

from flask import Blueprint, render_template

bp = Blueprint("reports", __name__, url_prefix="/reports")


@bp.get("/")
def index() -> str:
    """Nothing yet."""
    return render_template("base.html")
