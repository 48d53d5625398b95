"""Hits, gathered in memory and written together: a pixel must cost microseconds, not a commit."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from campaign_app.lib import logs
from campaign_app.tracking.events import Hit

FLUSH_SECONDS = 0.5
LARGEST_WRITE = 5_000
MOST_KEPT = 500_000
"""While the database is away, about 100 MB; then the oldest hits are lost, and it is logged."""

log = logs.get(__name__)


class Buffer:
    """Collects hits from any thread; a thread of its own writes them twice a second.

    The thread starts with the first hit, so after the web server has forked. A killed process
    loses the hits of its last half second.
    """

    def __init__(self, write: Callable[[list[Hit]], None]) -> None:
        self._write = write
        self._hits: deque[Hit] = deque(maxlen=MOST_KEPT)
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()

    def add(self, hit: Hit) -> None:
        """Keep a hit for the next write."""
        self._hits.append(hit)  # appending to a deque is atomic
        if self._thread is None:
            self._start()

    def flush(self) -> None:
        """Write everything gathered so far, now."""
        with self._writing:
            while self._hits:
                count = min(len(self._hits), LARGEST_WRITE)
                hits = [self._hits.popleft() for _ in range(count)]
                try:
                    self._write(hits)
                except Exception:
                    self._hits.extendleft(reversed(hits))
                    raise

    def close(self) -> None:
        """Write what is left and end the thread."""
        self._ended.set()
        self._flush_or_log()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="tracking-buffer", daemon=True
                )
                self._thread.start()

    def _run(self) -> None:
        while not self._ended.wait(FLUSH_SECONDS):
            self._flush_or_log()

    def _flush_or_log(self) -> None:
        try:
            self.flush()
        except Exception:  # the thread must outlive whatever the database does
            log.exception("hits not written yet", waiting=len(self._hits))
