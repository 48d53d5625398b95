"""Hits, gathered in memory and written together: a pixel must cost microseconds, not a commit."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from campaign_app.lib import logs, metrics
from campaign_app.tracking.events import Hit

FLUSH_SECONDS = 0.5
LARGEST_WRITE = 5_000
MOST_KEPT = 500_000
"""While the database is away, about 150 MB; then the oldest hits are lost: counted and logged."""
BEHIND = 15_000
"""More than gathers between two writes of a healthy database at full speed."""
CLOSE_SECONDS = 10
"""How long an ending process tries to bring its last hits into the database."""

log = logs.get(__name__)


class Buffer:
    """Collects hits from any thread; a thread of its own writes them twice a second.

    The thread starts with the first hit, so after the web server has forked. A killed process
    loses the hits of its last half second.
    """

    def __init__(self, write: Callable[[list[Hit]], None], *, most_kept: int = MOST_KEPT) -> None:
        self._write = write
        self._hits: deque[Hit] = deque()
        self._most_kept = most_kept
        self._in_hand: list[Hit] = []
        self._lost = 0
        self._taking = threading.Lock()
        self._writing = threading.Lock()
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()

    def __len__(self) -> int:
        """How many hits are not written yet."""
        return len(self._in_hand) + len(self._hits)

    @property
    def is_behind(self) -> bool:
        """Whether hits come faster than they are written: whoever brings them may slow down."""
        return len(self._hits) > BEHIND

    def add(self, hit: Hit) -> None:
        """Keep a hit for the next write. When there are too many, the oldest is lost."""
        if len(self._hits) >= self._most_kept:
            self._lose_oldest()
        self._hits.append(hit)  # atomic, and by far the most frequent call: no lock
        if self._thread is None:
            self._start()

    def flush(self) -> None:
        """Write everything gathered so far, now. What cannot be written is kept."""
        with self._writing:
            self._tell_lost()
            while self._take():
                self._write(self._in_hand)
                metrics.hits(written=len(self._in_hand), buffered=len(self._hits))
                self._in_hand = []

    def close(self) -> None:
        """Write what is left and end the thread; after ten seconds in vain, log the loss."""
        self._ended.set()
        deadline = time.monotonic() + CLOSE_SECONDS
        while not self._flush_or_log():
            if time.monotonic() > deadline:
                log.error("hits are lost: the process ends without its database", lost=len(self))
                return
            time.sleep(FLUSH_SECONDS)

    def _take(self) -> bool:
        """Have hits in hand: those of a write that failed, or else the oldest that wait."""
        if not self._in_hand:
            with self._taking:
                count = min(len(self._hits), LARGEST_WRITE)
                self._in_hand = [self._hits.popleft() for _ in range(count)]
        return bool(self._in_hand)

    def _lose_oldest(self) -> None:
        with self._taking:
            if len(self._hits) >= self._most_kept:
                self._hits.popleft()
                self._lost += 1

    def _start(self) -> None:
        with self._taking:
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="tracking-buffer", daemon=True
                )
                self._thread.start()

    def _run(self) -> None:
        while not self._ended.wait(FLUSH_SECONDS):
            self._flush_or_log()

    def _flush_or_log(self) -> bool:
        try:
            self.flush()
        except Exception:  # the thread must outlive whatever the database does
            log.exception("hits not written yet", waiting=len(self))
            return False
        return True

    def _tell_lost(self) -> None:
        with self._taking:
            lost, self._lost = self._lost, 0
        if lost:
            metrics.hits_lost(lost)
            log.error("the oldest hits are lost: too many wait for the database", lost=lost)
