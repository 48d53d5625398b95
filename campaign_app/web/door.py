"""Who may come in: the session's user, their workspace, and what their role allows."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar
from urllib.parse import urlsplit

from flask import Flask, flash, g, redirect, request, session, url_for
from flask_login import current_user, login_user
from werkzeug.exceptions import Unauthorized
from werkzeug.wrappers import Response

from campaign_app.extensions import db
from campaign_app.guards import login_manager
from campaign_app.lib import logs
from campaign_app.lib.errors import Forbidden, Invalid
from campaign_app.models.people import Membership, Role, User
from campaign_app.services import people

OWN_ACCOUNT = frozenset({"settings.index", "settings.password"})
"""Pages about the person, not the workspace: a viewer may change what is theirs."""

RAW = frozenset({"upload_parts.take"})
"""What takes a file's bytes: they are no form, whatever type a program gives them."""

PAGE_BYTES = 16 * 1024**2
"""The most that a form may be; only an upload may be larger."""

P = ParamSpec("P")
R = TypeVar("R")


def install(app: Flask) -> None:
    """Tell Flask-Login how to find a session's user, and look at what comes in."""
    login_manager.user_loader(load_user)
    login_manager.login_view = "auth.login"
    app.before_request_funcs.setdefault(None, []).insert(0, limit_body)
    app.before_request(refuse_nul)


def limit_body() -> None:
    """Let only members send much: the token against forgeries is in the body.

    So the body is read, and a large one written to disk, before the guards ask who sends it.
    """
    if request.endpoint != "imports.new" or not current_user.is_authenticated:
        most = request.max_content_length
        request.max_content_length = min(most or PAGE_BYTES, PAGE_BYTES)
    elif request.method == "POST":
        db.session.commit()  # no transaction stays open while an upload comes in


def refuse_nul() -> None:
    """Refuse what PostgreSQL's text cannot hold here, once, and not at each column."""
    if request.endpoint in RAW:
        return
    if any("\x00" in text for _, texts in request.values.lists() for text in texts):
        raise Invalid("The text holds a character that cannot be stored (NUL). Remove it.")


def load_user(session_name: str) -> User | None:
    """The user of a session, unless the password has changed since it began."""
    if not (named := session_of(session_name)):
        return None
    user_id, version = named
    g.places = places = people.session_places(user_id, session_version=version)
    return places[0].user if places else people.session_user(user_id, session_version=version)


def session_of(name: str) -> tuple[int, int] | None:
    """The user's id and the version of their sessions, as `User.get_id` has put them together."""
    user_id, _, version = name.partition(":")
    if not (user_id.isdigit() and version.isdigit()):
        return None
    return int(user_id), int(version)


def enter(user: User, *, remember: bool = False) -> None:
    """Begin a new session for `user`: nothing of the old one survives (session fixation).

    `remember` keeps it for a month; otherwise it ends with the browser.
    """
    session.clear()
    session.permanent = remember
    login_user(user)


def local_path(target: str | None) -> str:
    """`target` when it is a path of this site, else the dashboard's: no open redirects."""
    home = url_for("dashboard.index")
    # Browsers read "\\" as "/" and skip control characters: "/\\evil.example" leaves the site.
    if not target or not target.isprintable() or "\\" in target or not target.startswith("/"):
        return home
    parts = urlsplit(target)
    return home if parts.scheme or parts.netloc or target.startswith("//") else target


def require_member() -> Response | None:
    """Let members in and remember their workspace; send strangers to the log-in page."""
    if not current_user.is_authenticated:
        return _send_to_log_in()
    membership = _membership()
    g.user = current_user._get_current_object()  # noqa: SLF001 - a row must not hold the proxy
    g.workspace, g.role = membership.workspace, membership.role
    logs.bind(workspace=g.workspace.id, user=g.user.id)
    changes = request.method not in ("GET", "HEAD", "OPTIONS")
    if changes and g.role == Role.VIEWER and request.endpoint not in OWN_ACCOUNT:
        raise Forbidden("Your role lets you look, not change. Ask an owner of the workspace.")
    return None


def _membership() -> Membership:
    """The place of the session's user, which came with them if this request has loaded them."""
    places, workspace_id = g.get("places"), session.get("workspace_id")
    if places and places[0].user_id == current_user.id:
        return people.chosen(places, workspace_id=workspace_id)
    return people.membership(current_user, workspace_id=workspace_id)


def _send_to_log_in() -> Response:
    """The log-in page, which leads back here; scripts get a plain 401 instead."""
    back = request.full_path.rstrip("?") if request.method == "GET" else None
    log_in = url_for("auth.login", next=back)
    if "HX-Request" in request.headers:
        return Response(status=401, headers={"HX-Redirect": url_for("auth.login")})
    if request.path.endswith(".json"):
        raise Unauthorized("Log in again to go on.")
    flash("Please log in to continue.", "info")
    return redirect(log_in)


def owners_only(view: Callable[P, R]) -> Callable[P, R]:
    """Keep a page for the workspace's owners."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        if g.role != Role.OWNER:
            raise Forbidden("Only an owner of the workspace may do this.")
        return view(*args, **kwargs)

    return guarded
