"""Stub: to be replaced."""

from flask import Blueprint

bp = Blueprint("auth", __name__)


@bp.get("/login")
def login() -> str:
    """Nothing yet."""
    return "log in"


@bp.get("/signup")
def signup() -> str:
    """Nothing yet."""
    return "sign up"


@bp.post("/logout")
def logout() -> str:
    """Nothing yet."""
    return "bye"
