"""Security headers of every answer. A view that sets its own keeps it."""

from __future__ import annotations

from flask import Flask, current_app, request
from werkzeug.wrappers import Response

POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "connect-src 'self'{bucket}; "
    # The editor shows an author's remote pictures.
    "img-src 'self' data: blob: https: http:; font-src 'self' data:; frame-src 'self'; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)


def install(app: Flask) -> None:
    """Give every answer of the application its headers."""
    app.after_request(protect)


def _policy() -> str:
    """The policy of our own pages, which may send files to the bucket if there is one."""
    origin = current_app.extensions["stores"].origin
    return POLICY.format(bucket=f" {origin}" if origin else "")


def protect(answer: Response) -> Response:
    """Say what browsers may do with an answer."""
    headers = answer.headers
    if "Content-Security-Policy" not in headers:
        # E-mails shown in our own pages' sandboxed frames bring a policy that lets us frame them.
        headers["Content-Security-Policy"] = _policy()
        headers.setdefault("X-Frame-Options", "DENY")
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    if request.is_secure:
        headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    if request.endpoint != "static":
        # Back, on a shared computer, must not show what was seen before logging out.
        headers.setdefault("Cache-Control", "no-store")
    return answer
