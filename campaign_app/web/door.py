"""Who may come in: the session's user, their workspace, and what their role allows."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import Flask, flash, g, redirect, request, session, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from campaign_app.extensions import login_manager
from campaign_app.lib.errors import Forbidden
from campaign_app.models.people import Role, User
from campaign_app.services import people

P = ParamSpec("P")
R = TypeVar("R")


def install(app: Flask) -> None:
    """Tell Flask-Login how to find a session's user, and where strangers sign in."""
    del app
    login_manager.user_loader(load_user)
    login_manager.login_view = "auth.login"


def load_user(session_name: str) -> User | None:
    """The user of a session, unless the password has changed since it began."""
    user_id, _, version = session_name.partition(":")
    if not (user_id.isdigit() and version.isdigit()):
        return None
    return people.session_user(int(user_id), session_version=int(version))


def require_member() -> Response | None:
    """Let members in and remember their workspace; send strangers to the log-in page."""
    if not current_user.is_authenticated:
        if request.method == "GET" and not request.path.endswith(".json"):
            flash("Please log in to continue.", "info")
            return redirect(url_for("auth.login", next=request.full_path.rstrip("?")))
        return login_manager.unauthorized()  # type: ignore[no-any-return]
    membership = people.membership(current_user, workspace_id=session.get("workspace_id"))
    g.user, g.workspace, g.role = current_user, membership.workspace, membership.role
    if request.method not in ("GET", "HEAD", "OPTIONS") and g.role == Role.VIEWER:
        raise Forbidden("Your role lets you look, not change. Ask an owner of the workspace.")
    return None


def owners_only(view: Callable[P, R]) -> Callable[P, R]:
    """Keep a page for the workspace's owners."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        if g.role != Role.OWNER:
            raise Forbidden("Only an owner of the workspace may do this.")
        return view(*args, **kwargs)

    return guarded
