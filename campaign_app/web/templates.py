"""Stub: to be replaced."""

from flask import Blueprint, render_template

bp = Blueprint("templates", __name__, url_prefix="/templates")


@bp.get("/")
def index() -> str:
    """Nothing yet."""
    return render_template("base.html")
