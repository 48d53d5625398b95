"""Static files that browsers may keep: their addresses carry a version, and change with them."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from flask import Flask, current_app, request
from werkzeug.wrappers import Response

# Not the scripts: modules import each other by their bare names, and the same module under a
# second address would run a second time.
VERSIONED = ("vendor/", "css/", "img/", "icons.svg")
FOR_EVER = "public, max-age=31536000, immutable"


def install(app: Flask) -> None:
    """Put the version into the addresses, and let whoever asks with one keep the file."""
    app.url_defaults(add_version)
    app.after_request(let_keep)


def add_version(endpoint: str, values: dict[str, Any]) -> None:
    """Add `v`, made of the file's bytes, to the address of a static file."""
    name = values.get("filename", "")
    if endpoint == "static" and name.startswith(VERSIONED):
        path = Path(str(current_app.static_folder)) / name
        if path.is_file():
            values.setdefault("v", _version(path, path.stat().st_mtime_ns))


def let_keep(answer: Response) -> Response:
    """A year, and no question whether it has changed."""
    if request.endpoint == "static" and "v" in request.args and answer.status_code == 200:
        answer.headers["Cache-Control"] = FOR_EVER
    return answer


@cache
def _version(path: Path, changed_at: int) -> str:
    del changed_at  # a file that is edited is read again
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
