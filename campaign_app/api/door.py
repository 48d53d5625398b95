"""Who may come in: a program with a workspace's token, doing what the token's maker may do."""

from __future__ import annotations

from flask import g, request

from campaign_app.extensions import db
from campaign_app.guards import limiter
from campaign_app.lib import logs
from campaign_app.lib.errors import CarillonError, Forbidden
from campaign_app.models.people import Role
from campaign_app.services import tokens

ALLOWANCE = "3000 per minute"
"""Requests of one token: fifty a second leave room for whoever polls, and for the others."""


class UnauthorisedError(CarillonError):
    """There is no token in the request, or none that opens a workspace."""

    status = 401


def require_token() -> None:
    """Let a valid token in and remember whose it is; OPTIONS says nothing that is secret."""
    if request.method == "OPTIONS":
        return
    given = request.authorization
    if given is None or given.type != "bearer" or not given.token:
        raise UnauthorisedError("Send your token with the header Authorization: Bearer car_….")
    request.get_data()  # before the first question: no transaction stays open while it comes in
    holder = tokens.holder(given.token)
    if holder is None:
        raise UnauthorisedError("This token is unknown, or has been revoked.")
    if tokens.note_use(holder.token):
        db.session.commit()
    g.user, g.workspace, g.role, g.token = holder.user, holder.workspace, holder.role, holder.token
    logs.bind(workspace=g.workspace.id, user=g.user.id)
    _count_request()
    if g.role == Role.VIEWER and request.method not in ("GET", "HEAD"):
        raise Forbidden("This token may look, not change: its maker is a viewer here.")


@limiter.shared_limit(
    ALLOWANCE,
    scope="api",
    key_func=lambda: str(g.token.id),
    error_message="Those were many requests in a short time. Retry-After says when to go on.",
)
def _count_request() -> None:
    """Take one from the token's allowance. Raises RateLimitExceeded when none is left."""
