"""How an error reaches a program: `application/problem+json` (RFC 9457), never a traceback."""

from __future__ import annotations

import time
from collections.abc import Sequence
from http import HTTPStatus

from flask import Blueprint, Response, request
from flask_limiter import RateLimitExceeded
from pydantic import BaseModel, Field
from sqlalchemy.exc import DataError, IntegrityError, InterfaceError, OperationalError
from werkzeug.exceptions import HTTPException

from campaign_app.extensions import db
from campaign_app.guards import limiter
from campaign_app.lib import logs, patience
from campaign_app.lib.errors import CarillonError, Invalid, InvalidEntries, NotFound

MIMETYPE = "application/problem+json"
MOST_ENTRIES = 100
"""Wrong entries of a list that are named; of more, the first."""
RETRY_SECONDS = 5
"""When to come back to a database that did not answer."""

NAMES = {"time_zone": "timezone", "direct": "recipient_emails"}
"""The services' names of inputs that the API calls otherwise."""
WORDS = {
    400: "The body is not JSON.",
    404: NotFound().message,
    405: "This address does not know that method; Allow names those it does.",
    413: "The body is too large.",
}
"""In place of what the framework says."""

log = logs.get(__name__)


class Mistake(BaseModel):
    """One thing that is wrong with the input."""

    pointer: str | None = Field(default=None, description="Where in the body it is (RFC 6901).")
    parameter: str | None = Field(default=None, description="Or: the query parameter.")
    detail: str


class Problem(BaseModel):
    """What went wrong, as RFC 9457 has it."""

    type: str = "about:blank"
    title: str = Field(description="The status in words.")
    status: int
    detail: str = Field(description="What happened, for people.")
    retryable: bool = Field(description="Whether the same request may succeed later.")
    errors: list[Mistake] | None = Field(
        default=None, description="Each thing wrong with the input."
    )
    existing_id: int | None = Field(
        default=None, description="The id of what is there already, if that is in the way."
    )


class BadInputError(CarillonError):
    """The input as a whole is not what the operation takes."""

    def __init__(
        self, message: str, *, status: int = 422, mistakes: Sequence[Mistake] = ()
    ) -> None:
        super().__init__(message)
        self.status = status
        self.mistakes = mistakes


class TakenError(CarillonError):
    """What should be made is there already."""

    status = 409

    def __init__(self, message: str, *, existing_id: int) -> None:
        super().__init__(message)
        self.existing_id = existing_id


def wrong_parameter(name: str, detail: str) -> BadInputError:
    """Something is wrong with a parameter of the query."""
    return BadInputError(f"{name}: {detail}", mistakes=[Mistake(parameter=name, detail=detail)])


def install(blueprint: Blueprint) -> None:
    """Answer every error of the blueprint's routes as a problem."""
    blueprint.register_error_handler(CarillonError, of_ours)
    blueprint.register_error_handler(DataError, of_impossible)
    blueprint.register_error_handler(OperationalError, of_absence)
    blueprint.register_error_handler(InterfaceError, of_absence)
    blueprint.register_error_handler(IntegrityError, of_clash)
    blueprint.register_error_handler(HTTPException, of_http)
    blueprint.register_error_handler(Exception, of_unexpected)


def of_ours(error: CarillonError) -> Response:
    """An error in its own words, with what is wrong by field."""
    db.session.rollback()
    answer = problem(
        error.status,
        error.message,
        retryable=error.retryable,
        mistakes=_mistakes(error),
        existing_id=error.existing_id if isinstance(error, TakenError) else None,
    )
    if error.status == HTTPStatus.UNAUTHORIZED:
        given = ', error="invalid_token"' if "Authorization" in request.headers else ""
        answer.headers["WWW-Authenticate"] = f'Bearer realm="Carillon"{given}'  # RFC 6750 §3
    return answer


def of_impossible(error: DataError) -> Response:
    """A value that no column can hold, an id of thirty digits say: there is no such row."""
    log.warning("impossible value", path=request.path, reason=str(error.orig))
    return of_ours(NotFound())


def of_absence(error: OperationalError | InterfaceError) -> Response:
    """The database is away, broke off, or stopped what took too long: it may be repeated."""
    db.session.rollback()
    stopped = patience.reason(error) if isinstance(error, OperationalError) else ""
    log.error("database away or stopped", path=request.path, reason=str(error.orig))
    message = stopped or "The database does not answer. Try again in a moment."
    answer = problem(503, message, retryable=True)
    answer.headers["Retry-After"] = str(RETRY_SECONDS)
    return answer


def of_clash(error: IntegrityError) -> Response:
    """A row that was needed is gone: the request may be repeated. Anything else is a bug."""
    if not patience.reason(error):
        return of_unexpected(error)
    db.session.rollback()
    log.warning("came too late", path=request.path, reason=str(error.orig))
    return problem(503, patience.reason(error), retryable=True)


def of_http(error: HTTPException) -> Response:
    """What the framework refused."""
    db.session.rollback()
    status = error.code or 500
    too_often = isinstance(error, RateLimitExceeded)
    answer = problem(status, WORDS.get(status, error.description or ""), retryable=too_often)
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After"):
            answer.headers[name] = value
    if too_often:
        limit = limiter.current_limit
        seconds = limit.reset_at - time.time() if limit else 60
        answer.headers["Retry-After"] = str(max(1, round(seconds)))
    return answer


def of_unexpected(error: Exception) -> Response:
    """A bug: the log has everything, the program an apology."""
    db.session.rollback()
    log.error("request failed", path=request.path, exc_info=error)
    return problem(500, "Something went wrong on our side. It has been logged.")


def problem(
    status: int,
    detail: str,
    *,
    retryable: bool = False,
    mistakes: Sequence[Mistake] = (),
    existing_id: int | None = None,
) -> Response:
    """The answer itself."""
    found = Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        retryable=retryable,
        errors=list(mistakes) or None,
        existing_id=existing_id,
    )
    return Response(found.model_dump_json(exclude_none=True), status, mimetype=MIMETYPE)


def _mistakes(error: CarillonError) -> Sequence[Mistake]:
    if isinstance(error, BadInputError):
        return error.mistakes
    if not isinstance(error, Invalid) or error.field is None:
        return ()
    pointer = f"/{NAMES.get(error.field, error.field)}"
    if isinstance(error, InvalidEntries):
        named = list(error.entries.items())[:MOST_ENTRIES]
        return [Mistake(pointer=f"{pointer}/{place}", detail=what) for place, what in named]
    return [Mistake(pointer=pointer, detail=error.message)]
