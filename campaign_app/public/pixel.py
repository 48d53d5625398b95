"""The pixel, answered before Flask: it is by far the most frequent request, and says nothing."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import TYPE_CHECKING

from campaign_app.lib import clock
from campaign_app.lib.signing import Signer
from campaign_app.tracking.buffer import Buffer
from campaign_app.tracking.events import Hit

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


class PixelShortcut:
    """WSGI: `/o/<token>.gif` is answered here, everything else by the application behind.

    A forged token gets the same pixel, so that nobody can try tokens out; nothing is counted.
    """

    def __init__(self, app: WSGIApplication, *, signer: Signer, hits: Buffer) -> None:
        self._app = app
        self._signer = signer
        self._hits = hits

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        method = environ["REQUEST_METHOD"]
        if not (path.startswith(PREFIX) and path.endswith(SUFFIX) and method in ("GET", "HEAD")):
            return self._app(environ, start_response)
        message_id = self._signer.read(path[len(PREFIX) : -len(SUFFIX)])
        if message_id is not None:
            self._hits.add(
                Hit(
                    message_id,
                    clock.now(),
                    method=method,
                    user_agent=environ.get("HTTP_USER_AGENT", ""),
                    ip=environ.get("REMOTE_ADDR", ""),
                )
            )
        start_response("200 OK", list(HEADERS))
        return [GIF if method == "GET" else b""]
