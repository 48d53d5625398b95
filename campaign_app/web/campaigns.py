"""Stub: to be replaced."""

from flask import Blueprint, render_template

bp = Blueprint("campaigns", __name__, url_prefix="/campaigns")


@bp.get("/")
def index() -> str:
    """Nothing yet."""
    return render_template("base.html")
