"""Stub: to be replaced."""

from flask import Blueprint, render_template

bp = Blueprint("recipients", __name__, url_prefix="/recipients")


@bp.get("/")
def index() -> str:
    """Nothing yet."""
    return render_template("base.html")
