"""The least that a WSGI application can do: what the web server itself costs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from campaign_app.public.pixel import GIF, HEADERS

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer with the pixel, whatever is asked."""
    del environ
    start_response("200 OK", list(HEADERS))
    return [GIF]
