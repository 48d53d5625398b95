"""Answers for the live pages' polling: small JSON that says "nothing new" when nothing is.

What a team looks at is worked out once a second for all of them. Whoever asks for it in that second
is asked for their seat, and for nothing else: two short questions, one to the database and one to
Redis, before the doors of the pages are even reached. Whatever else they are, the doors deal with.
"""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask, current_app, g, request, session
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response

from campaign_app.extensions import redis
from campaign_app.lib import logs
from campaign_app.sending import changes
from campaign_app.services import seats
from campaign_app.services.seats import Seat
from campaign_app.web import door

SHARED_SECONDS = 1
SHARED = frozenset({"dashboard.live", "now.live", "campaigns.live", "analytics.live"})
"""The endpoints whose answers are shared: by everybody in a workspace, whatever their role."""


def install(app: Flask) -> None:
    """Let the answers that are shared come before all doors."""
    app.before_request_funcs.setdefault(None, []).insert(0, _at_once)


def answer(data: dict[str, object]) -> Response:
    """`data` as JSON with an ETag, or 304 when the asker has it already."""
    return _conditional(current_app.json.dumps(data))


def shared(compute: Callable[[], dict[str, object]]) -> Response:
    """`answer`, computed once a second for all of a workspace who look at the same page.

    A team that watches a launch, each with some tabs, must not slow it down. Whatever somebody
    changes by hand is seen at once.
    """
    seat = Seat(g.user.id, g.workspace.id, g.user.time_zone)
    known, count = _look(seat)
    if known is not None:
        return _conditional(known)
    text = current_app.json.dumps(compute())
    if count is not None:
        _keep(seat, f"{count} {text}")
    return _conditional(text)


def _at_once() -> Response | None:
    """What is known to whoever has this session; None leaves the request to its door."""
    if request.endpoint not in SHARED or request.method != "GET":
        return None
    if not (named := door.session_of(session.get("_user_id", ""))):
        return None
    user_id, version = named
    try:
        seat = seats.taken(
            user_id, session_version=version, workspace_id=session.get("workspace_id")
        )
    except SQLAlchemyError:
        return None
    if seat is None:
        return None
    logs.bind(workspace=seat.workspace_id, user=seat.user_id)
    known, _ = _look(seat)
    return None if known is None else _conditional(known)


def _look(seat: Seat) -> tuple[str | None, int | None]:
    """The answer that is known, and how often somebody has changed something; None while unknown.

    An answer from before the last change is known no more.
    """
    try:
        count, value = redis.client.mget(changes.KEY, _key(seat))
    except RedisError:
        return None, None
    now = int(count or 0)
    known = value.decode() if isinstance(value, bytes) else ""
    made_at, _, text = known.partition(" ")
    return (text if made_at == str(now) else None), now


def _keep(seat: Seat, value: str) -> None:
    try:
        redis.client.set(_key(seat), value, ex=SHARED_SECONDS)
    except RedisError as error:
        logs.get(__name__).warning("live answer not kept", error=type(error).__name__)


def _key(seat: Seat) -> str:
    return f"live:answer:{seat.workspace_id}:{seat.time_zone}:{request.full_path}"


def _conditional(text: str) -> Response:
    response = current_app.response_class(text, mimetype="application/json")
    response.add_etag()
    return response.make_conditional(request)
