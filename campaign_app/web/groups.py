"""Stub: to be replaced."""

from flask import Blueprint, render_template

bp = Blueprint("groups", __name__, url_prefix="/groups")


@bp.get("/")
def index() -> str:
    """Nothing yet."""
    return render_template("base.html")
