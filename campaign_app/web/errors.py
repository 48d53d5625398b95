"""How an error reaches a person: a page or a problem, never a traceback."""

from __future__ import annotations

from flask import Flask, jsonify, render_template, request
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DataError, IntegrityError, OperationalError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from campaign_app.extensions import db
from campaign_app.lib import logs, patience
from campaign_app.lib.errors import CarillonError, NotFound

log = logs.get(__name__)

PAGES = (403, 404, 409, 413, 429, 500, 503)
"""The statuses with a page of their own; the others borrow 409's, which shows the message."""


def install(app: Flask) -> None:
    """Answer every error in the form the visitor asked for."""
    app.register_error_handler(CarillonError, answer_ours)
    app.register_error_handler(CSRFError, answer_csrf)
    app.register_error_handler(DataError, answer_impossible)
    app.register_error_handler(OperationalError, answer_stopped)
    app.register_error_handler(IntegrityError, answer_stopped)
    app.register_error_handler(HTTPException, answer_http)
    app.register_error_handler(Exception, answer_unexpected)


def answer_ours(error: CarillonError) -> tuple[Response | str, int]:
    """An error written for people: its own words."""
    db.session.rollback()
    return _answer(error.status, error.message)


def answer_csrf(error: CSRFError) -> tuple[Response | str, int]:
    """A form of an older session: say how to go on."""
    del error
    return _answer(400, "This form is from an older session. Load the page again and repeat.")


def answer_impossible(error: DataError) -> tuple[Response | str, int]:
    """A value that no column can hold, an id of thirty digits say: there is no such row."""
    db.session.rollback()
    log.warning("impossible value", path=request.path, reason=str(error.orig))
    return _answer(404, NotFound().message)


def answer_stopped(error: OperationalError | IntegrityError) -> tuple[Response | str, int]:
    """A statement that took too long, that others were in the way of, or that came too late."""
    message = patience.reason(error)
    if not message:
        return answer_unexpected(error)
    db.session.rollback()
    log.warning("statement stopped", path=request.path, reason=str(error.orig))
    return _answer(503, message)


def answer_http(error: HTTPException) -> tuple[Response | str, int] | HTTPException:
    """What Flask itself refused."""
    if error.code is None or error.code < 400:  # a redirect travels as an exception, too
        return error
    return _answer(error.code, error.description or "")


def answer_unexpected(error: Exception) -> tuple[Response | str, int]:
    """A bug: the log has everything, the visitor an apology."""
    db.session.rollback()
    log.error("request failed", path=request.path, exc_info=error)
    return _answer(500, "Something went wrong on our side. It has been logged.")


def _answer(status: int, message: str) -> tuple[Response | str, int]:
    if request.path.endswith(".json") or request.accept_mimetypes.best == "application/json":
        return jsonify(status=status, detail=message), status
    page = status if status in PAGES else 409
    return render_template(f"errors/{page}.html", status=status, message=message), status
