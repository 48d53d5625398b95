"""Answers for the live pages' polling: small JSON that says "nothing new" when nothing is."""

from __future__ import annotations

from collections.abc import Callable

from flask import current_app, g, request
from werkzeug.wrappers import Response

from campaign_app.lib.kept import kept
from campaign_app.sending import changes
from campaign_app.web.filters import user_zone

SHARED_SECONDS = 1


def answer(data: dict[str, object]) -> Response:
    """`data` as JSON with an ETag, or 304 when the asker has it already."""
    return _conditional(current_app.json.dumps(data))


def shared(compute: Callable[[], dict[str, object]]) -> Response:
    """`answer`, computed once a second for all of a workspace who look at the same page.

    A team that watches a launch, each with some tabs, must not slow it down. Whatever somebody
    changes by hand is seen at once.
    """
    asked = f"{g.workspace.id}:{user_zone()}:{changes.count()}:{request.full_path}"
    key = f"live:answer:{asked}"
    return _conditional(kept(key, SHARED_SECONDS, lambda: current_app.json.dumps(compute())))


def _conditional(text: str) -> Response:
    response = current_app.response_class(text, mimetype="application/json")
    response.add_etag()
    return response.make_conditional(request)
