"""Waiting for the thing itself, an event or a state, and never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection, text

from campaign_app.extensions import db
from campaign_app.lib import clock

PATIENCE = 120.0
"""Seconds after which it hangs: what takes hundredths of one may stand still on a busy machine."""

_BLOCKED = text("SELECT count(*) FROM pg_stat_activity WHERE :pid = ANY(pg_blocking_pids(pid))")


def until(is_true: Callable[[], object], *, seconds: float = PATIENCE) -> None:
    """Return as soon as it is true."""
    ends = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < ends, f"Not within {seconds:.0f} s."
        time.sleep(0.01)


def this_minute() -> datetime:
    """The present minute, as soon as enough of it is left for whatever counts by minutes."""
    until(lambda: clock.now().second < 54)
    return clock.now().replace(second=0, microsecond=0)


def until_somebody_waits_for(other: Connection) -> None:
    """Return as soon as another session waits for what `other` holds."""
    pid = other.scalar(text("SELECT pg_backend_pid()"))

    def is_waited_for() -> object:
        with db.engine.connect() as watching:  # anew: a transaction sees one list of sessions
            return watching.scalar(_BLOCKED, {"pid": pid})

    until(is_waited_for)
