"""Two transactions at once, one of which has to wait for the other."""

from __future__ import annotations

import time

from sqlalchemy import Connection, text

from campaign_app.extensions import db

PATIENCE = 20.0
"""Seconds; it takes some hundredths of one."""

_BLOCKED = text("SELECT count(*) FROM pg_stat_activity WHERE :pid = ANY(pg_blocking_pids(pid))")


def until_somebody_waits_for(other: Connection) -> None:
    """Return as soon as another session waits for what `other` holds."""
    pid = other.scalar(text("SELECT pg_backend_pid()"))
    ends = time.monotonic() + PATIENCE
    with db.engine.connect() as watching:
        while not watching.scalar(_BLOCKED, {"pid": pid}):
            assert time.monotonic() < ends, "Nobody waits."
            time.sleep(0.01)
