"""The door for programs: JSON over HTTP, a bearer token instead of a session."""

from __future__ import annotations

from flask import Blueprint, Flask

from campaign_app.api import docs, door, lost, problems
from campaign_app.api.openapi import ROOT
from campaign_app.api.operations import OPERATIONS
from campaign_app.guards import csrf


def _guarded() -> Blueprint:
    blueprint = Blueprint("api", __name__, url_prefix=ROOT)
    blueprint.before_request(door.require_token)
    problems.install(blueprint)
    for one in OPERATIONS:
        # No redirects to or from a closing slash: programs lose their body on the way.
        blueprint.add_url_rule(
            one.path, one.name, one.handle, methods=[one.method], strict_slashes=False
        )
    return blueprint


GUARDED = _guarded()
"""The operations: `door.require_token` stands before each of them."""
OPEN = docs.bp
"""What describes them, for everybody."""


def register(app: Flask) -> None:
    """Hang the API into the application. No cookies: nothing that a foreign page could misuse."""
    csrf.exempt(GUARDED)
    app.register_blueprint(GUARDED)
    app.register_blueprint(OPEN)
    # Before all else that looks at requests: it would answer them with a page.
    app.before_request_funcs.setdefault(None, []).insert(0, lost.answer)
