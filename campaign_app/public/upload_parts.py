"""Where the parts of uploads are PUT when no bucket takes them: each address is its own ticket.

No session, no token, no database: the ticket says which bytes of which upload may be written, and
until when. A part goes from the socket to its place in the file, a mebibyte in memory at a time.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from http import HTTPStatus
from typing import IO, cast

from flask import Blueprint, Response, current_app, jsonify, request
from werkzeug.exceptions import HTTPException

from campaign_app.lib import clock
from campaign_app.lib.errors import CarillonError, Forbidden, Invalid, NotFound, Unavailable
from campaign_app.lib.tickets import Ticket

bp = Blueprint("upload_parts", __name__)

MOST_AT_ONCE = 4
"""Parts that one process takes in at once: half its threads stay free for the pages."""
GRACE_SECONDS = 20.0
SLOWEST = 16 * 1024
"""Bytes a second, over all of a part: who is slower holds a thread for nothing."""
DRAIN_SECONDS = 1.0
"""How long a refused part is still listened to, so that the sender hears why."""

PIECE = 64 * 1024
TOO_SLOW = "The part came too slowly. Send it again."
BROKEN = "The connection broke. Send the part again."

_places = threading.BoundedSemaphore(MOST_AT_ONCE)


class Busy(Unavailable):
    """All places are taken."""

    def __init__(self) -> None:
        super().__init__("Many files are being uploaded just now. Try again in a second.")


class Interrupted(CarillonError):
    """The part came too slowly, or not to its end."""

    status = HTTPStatus.REQUEST_TIMEOUT
    retryable = True


@bp.put("/parts/<text>")
def take(text: str) -> Response:
    """Take a part in, and answer its ETag. A part may be sent again; the last one counts."""
    ticket = _ticket(text)
    request.max_content_length = ticket.length
    with _place(), _Body(request.stream, _socket()) as body:
        stream = cast(IO[bytes], body)
        etag = current_app.extensions["stores"].folder.receive(ticket, stream)
    return Response(status=200, headers={"ETag": etag})


@bp.errorhandler(CarillonError)
def refuse(error: CarillonError) -> Response:
    """Say why, as a problem (RFC 9457), when the rest of the part has been let go by."""
    _drain()
    answer = jsonify(
        type="about:blank",
        title=HTTPStatus(error.status).phrase,
        status=int(error.status),
        detail=error.message,
        retryable=error.retryable,
    )
    answer.status_code, answer.mimetype = error.status, "application/problem+json"
    answer.headers["Connection"] = "close"
    if isinstance(error, Busy):
        answer.headers["Retry-After"] = "1"
    return answer


@bp.errorhandler(HTTPException)
def refuse_http(error: HTTPException) -> Response:
    """The sender is gone, or what they send is no HTTP: nobody is there to listen."""
    return refuse(Interrupted(error.description or "The part did not come to its end."))


def _ticket(text: str) -> Ticket:
    """What may be sent here, if it is what is being sent."""
    ticket: Ticket | None = current_app.extensions["stores"].tickets.read(text)
    if ticket is None:
        raise NotFound("This address was not made here, or a piece of it is missing.")
    if ticket.expires <= clock.now().timestamp():
        raise Forbidden("This address has expired. Ask for the addresses of this upload again.")
    if request.content_length is None:
        raise Invalid("Say how long the part is, with the header Content-Length.")
    if request.content_length != ticket.length:
        raise Invalid(
            f"Part {ticket.number} has {ticket.length:,} bytes, not {request.content_length:,}."
        )
    return ticket


@contextlib.contextmanager
def _place() -> Iterator[None]:
    """One of the few places for parts. Raises Busy at once: waiting would hold a thread, too."""
    if not _places.acquire(blocking=False):
        raise Busy
    try:
        yield
    finally:
        _places.release()


class _Body:
    """What comes in, as long as it comes at a decent pace.

    A thread that waits for bytes cannot look at the clock: a timer does, and shuts the connection
    of who is too slow, whereupon the waiting ends.
    """

    def __init__(self, stream: IO[bytes], sock: socket.socket | None) -> None:
        self._stream = stream
        self._socket = sock
        self._began = time.monotonic()
        self._bytes = 0
        self._is_cut = False

    def __enter__(self) -> _Body:
        self._set_timer()
        return self

    def __exit__(self, *error: object) -> None:
        self._timer.cancel()

    def read(self, size: int) -> bytes:
        """So many bytes, or fewer at the end. Raises Interrupted."""
        pieces, wanted = [], size
        try:
            while wanted and (piece := self._stream.read(min(PIECE, wanted))):
                pieces.append(piece)
                wanted -= len(piece)
                self._bytes += len(piece)
                if self._is_slow():
                    raise Interrupted(TOO_SLOW)
        except (OSError, HTTPException) as error:  # reset, silent for a minute, or cut by us
            raise Interrupted(TOO_SLOW if self._is_cut else BROKEN) from error
        return b"".join(pieces)

    def _is_slow(self) -> bool:
        seconds = time.monotonic() - self._began
        return seconds > GRACE_SECONDS and self._bytes < SLOWEST * seconds

    def _set_timer(self) -> None:
        self._timer = threading.Timer(GRACE_SECONDS + 0.1, self._look)
        self._timer.daemon = True
        self._timer.start()

    def _look(self) -> None:
        if not self._is_slow():
            self._set_timer()
        elif self._socket is not None:
            self._is_cut = True
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RD)


def _drain() -> None:
    """Let go by what is still coming: a connection that is closed on it would eat the answer."""
    stream, until = request.environ["wsgi.input"], time.monotonic() + DRAIN_SECONDS
    left, sock = request.content_length or 0, _socket()
    with contextlib.suppress(OSError, ValueError):
        while left > 0 and (patience := until - time.monotonic()) > 0:
            if sock is not None:
                sock.settimeout(patience)  # it is closed after the answer in any case
            block = stream.read(min(1024, left))
            if not block:
                break
            left -= len(block)
    if left > 0 and sock is not None:  # or gunicorn would wait for the rest in our stead
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RD)


def _socket() -> socket.socket | None:
    """The connection itself, under the web server that we run with."""
    found: socket.socket | None = request.environ.get("gunicorn.socket")
    return found
