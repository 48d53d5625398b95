"""Around every request: its id in the log and in the answer, and its figures for Prometheus."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterable
from time import monotonic
from typing import TYPE_CHECKING

from campaign_app.lib import logs, metrics

if TYPE_CHECKING:
    from _typeshed import OptExcInfo
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

HEADER = "X-Request-ID"
SLOW_SECONDS = 2.0
"""Answers that begin later are worth a line."""

UPLOAD = "upload"
"""Takes as long as the sender's line does: no answer is slow there."""

_ID = re.compile(r"[\w.-]{1,64}", re.ASCII)
_KINDS = {
    "api": "api",
    "static": "static",
    "c": "public",
    "o": "public",
    "parts": UPLOAD,
    "s": "public",
    "u": "public",
    "webhooks": "public",
    "healthz": "probe",
    "readyz": "probe",
    "metrics": "probe",
}
"""A path's first part → the kind of request; every other one is a page."""

log = logs.get(__name__)


class Observed:
    """WSGI: the application behind, observed. The pixel's shortcut stands before it."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path, began = environ.get("PATH_INFO", ""), monotonic()
        request_id = _id(environ.get("HTTP_X_REQUEST_ID", ""))
        statuses: list[str] = []

        def begin(
            status: str, headers: list[tuple[str, str]], exc_info: OptExcInfo | None = None, /
        ) -> Callable[[bytes], object]:
            statuses.append(status)
            return start_response(status, [*headers, (HEADER, request_id)], exc_info)

        logs.forget()  # whatever the last request of this thread has left
        with logs.bound(request=request_id):
            try:
                return self._app(environ, begin)
            finally:
                _note(kind(path), statuses[-1] if statuses else "500", monotonic() - began)


def kind(path: str) -> str:
    """What kind of request a path is: page, live, api, public, upload, static or probe."""
    found = _KINDS.get(path.strip("/").partition("/")[0], "page")
    return "live" if found == "page" and path.endswith(".json") else found


def _id(given: str) -> str:
    """The id that a proxy has given, when it can stand in a log; else a new one."""
    return given if _ID.fullmatch(given) else uuid.uuid4().hex


def _note(what: str, status: str, seconds: float) -> None:
    metrics.request(what, status=f"{status[:1]}xx", seconds=seconds)
    if seconds > SLOW_SECONDS and what != UPLOAD:
        log.warning("slow answer", kind=what, status=status[:3], seconds=round(seconds, 2))
