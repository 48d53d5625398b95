"""Uploaded files below STATE_DIR, under names that nobody can guess; streamed, never in memory.

A file may lie in a bucket instead: whoever reads one takes the application's
`extensions["stores"]`, and `with stores.local_path(row.storage_key) as path:`.
"""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path
from typing import IO

from campaign_app.lib.errors import Unavailable

FOLDER = "uploads"
_BLOCK = 1024 * 1024
NO_ROOM = "The server has no room for this file at the moment. Please try again later."


def keep(stream: IO[bytes], state_path: Path) -> tuple[str, int]:
    """Write a stream to disk; gives the file's key and its size in bytes.

    Raises Unavailable when the disk is full; nothing is left behind then.
    """
    key = f"{FOLDER}/{secrets.token_hex(16)}"
    path = state_path / key
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("wb") as file:
            shutil.copyfileobj(stream, file, _BLOCK)
        return key, path.stat().st_size
    except OSError as error:
        path.unlink(missing_ok=True)
        raise Unavailable(NO_ROOM) from error


def discard(state_path: Path, key: str) -> None:
    """Remove a kept file; one that is gone already is no error."""
    if key.startswith(f"{FOLDER}/"):
        (state_path / key).unlink(missing_ok=True)
