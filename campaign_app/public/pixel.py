"""The pixel, answered before Flask: it is by far the most frequent request, and says nothing."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from datetime import datetime
from email.utils import formatdate
from typing import TYPE_CHECKING

from campaign_app.lib import clock
from campaign_app.lib.signing import Signer
from campaign_app.public import pixel_request
from campaign_app.tracking.buffer import Buffer
from campaign_app.tracking.events import LONGEST_AGENT, Hit

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

GIF = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
"""One transparent pixel."""

HEADERS = [
    ("Content-Type", "image/gif"),
    ("Content-Length", str(len(GIF))),
    # Every look is a hit: no cache between us and the reader may answer for us.
    ("Cache-Control", "no-store, private, max-age=0"),
    ("X-Content-Type-Options", "nosniff"),
]
PREFIX, SUFFIX = "/o/", ".gif"


class Pixel:
    """Counts loads of the pixel. `hops`: how many proxies in front write X-Forwarded-For.

    A forged token gets the same pixel, so that nobody can try tokens out; nothing is counted.
    """

    def __init__(self, *, signer: Signer, hits: Buffer, hops: int) -> None:
        self._signer = signer
        self._hits = hits
        self._hops = hops
        self._second = 0.0
        self._answers = (b"", b"")

    @property
    def is_behind(self) -> bool:
        """Whether loads come faster than they can be written down."""
        return self._hits.is_behind

    def count(self, token: str, *, method: str, user_agent: str, ip: str) -> None:
        """Keep a load as a hit if its token is one of ours."""
        message_id = self._signer.read(token)
        if message_id is not None:
            agent = user_agent[:LONGEST_AGENT]
            self._hits.add(Hit(message_id, clock.now(), method, agent, ip))

    def take(self, head: bytes, *, peer: str, at: datetime) -> bool | None:
        """Count the load that these bytes of a request ask for; whether its connection is kept.

        None when it is another request, or this one in an unusual form: WSGI answers those. `at` is
        the present: whoever takes many at once asks for the time once.
        """
        load = pixel_request.read(head, hops=self._hops)
        if load is None:
            return None
        token, reader = load
        message_id = self._signer.read(token)
        if message_id is not None:
            self._hits.add(Hit(message_id, at, "GET", reader.user_agent, reader.ip or peer))
        return reader.keeps

    def answers(self, at: datetime) -> tuple[bytes, bytes]:
        """The whole answer that closes the connection, and the one that keeps it."""
        second = at.timestamp() // 1
        if second != self._second:
            self._second = second
            self._answers = (_bytes("close", second), _bytes("keep-alive", second))
        return self._answers


class PixelShortcut:
    """WSGI: `/o/<token>.gif` is answered here, everything else by the application behind."""

    def __init__(self, app: WSGIApplication, pixel: Pixel) -> None:
        self._app = app
        self._pixel = pixel

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        method = environ["REQUEST_METHOD"]
        if not (path.startswith(PREFIX) and path.endswith(SUFFIX) and method in ("GET", "HEAD")):
            return self._app(environ, start_response)
        self._pixel.count(
            path[len(PREFIX) : -len(SUFFIX)],
            method=method,
            user_agent=environ.get("HTTP_USER_AGENT", ""),
            ip=environ.get("REMOTE_ADDR", ""),
        )
        start_response("200 OK", list(HEADERS))
        return [GIF if method == "GET" else b""]


def _bytes(connection: str, second: float) -> bytes:
    lines = [("Date", formatdate(second, usegmt=True)), ("Connection", connection), *HEADERS]
    head = "".join(f"{name}: {value}\r\n" for name, value in lines)
    return f"HTTP/1.1 200 OK\r\n{head}\r\n".encode() + GIF
