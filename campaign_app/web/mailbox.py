"""Stub: to be replaced."""

from flask import Blueprint, render_template

bp = Blueprint("mailbox", __name__, url_prefix="/dev/mailbox")


@bp.get("/")
def index() -> str:
    """Nothing yet."""
    return render_template("base.html")
