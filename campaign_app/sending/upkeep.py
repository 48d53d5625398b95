"""What a sending process does for its own host: only here are the journals of its connections.

The dispatcher may run elsewhere. So each sending process, at its start and every half minute, takes
back what died on this host, settles what others had to leave open, and deletes what nobody needs.
All of it wins its rows, so any number of processes may do so at once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from campaign_app.lib import logs
from campaign_app.sending import late_journals, recover, stopping

EVERY_SECONDS = 30.0

log = logs.get(__name__)


def look_after(journals: Path) -> None:
    """One time, in the caller's session."""
    recover.take_back(journals, own=True)
    late_journals.settle(journals)
    recover.tidy(journals)


def start(
    journals: Path,
    context: Callable[[], AbstractContextManager[object]],
    *,
    seconds: float = EVERY_SECONDS,
) -> threading.Thread:
    """Do so now and every `seconds`, until the process is asked to end.

    `context` gives each time a database session of its own.
    """
    thread = threading.Thread(
        target=_go_on, args=(journals, context, seconds), name="upkeep", daemon=True
    )
    thread.start()
    return thread


def _go_on(
    journals: Path, context: Callable[[], AbstractContextManager[object]], seconds: float
) -> None:
    while not stopping.is_wanted():
        try:
            with context():
                look_after(journals)
        except Exception:  # the next time may find a database, a folder, other rows
            log.exception("upkeep failed")
        stopping.sleep(seconds)
