"""Stub: to be replaced."""

from flask import Blueprint, render_template

bp = Blueprint("imports", __name__, url_prefix="/imports")


@bp.get("/")
def index() -> str:
    """Nothing yet."""
    return render_template("base.html")
