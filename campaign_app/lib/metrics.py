"""What Prometheus is told: one function for each thing that happens, called where it happens.

Labels are few and fixed. None names a workspace, a person, an address or a server: the page
"Right now" is for that. On the sending path a call costs a few microseconds and comes once for a
window, never for a message.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.metrics_core import Metric

from campaign_app.lib import logs, metric_files

QUICK = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
"""Seconds, from a server on the same machine to one that hangs."""

log = logs.get(__name__)


def _counter(name: str, words: str, *labels: str) -> Counter:
    return Counter(f"carillon_{name}", words, labels, registry=None)


def _histogram(name: str, words: str, *labels: str) -> Histogram:
    return Histogram(f"carillon_{name}", words, labels, registry=None, buckets=QUICK)


class Instruments:
    """Every figure that a process counts by itself; `services.metrics` reads the others."""

    def __init__(self) -> None:
        self.mails = _counter("mails", "E-mails by what was written down of them.", "outcome")
        self.reply_seconds = _histogram(
            "reply_seconds", "Seconds a server took for one e-mail: a window's by its e-mails."
        )
        self.window_seconds = _histogram("window_seconds", "Seconds a window's hand-over took.")
        self.commit_seconds = _histogram("commit_seconds", "Seconds a drain's commits took.")
        self.connections = _counter("smtp_connections", "Connections tried.", "outcome")
        self.drains = _counter("drains", "Drains by why they ended.", "end")
        self.leases = _counter("leases_taken_back", "Batches whose holder died or was cut off.")
        self.senders = _counter("sender_troubles", "Senders cooled or stopped.", "kind")
        self.activity = _counter("activity", "Lines of the workspaces' activity logs.", "action")
        self.hits = _counter("hits_written", "Opens and clicks written down.")
        self.hits_lost = _counter("hits_lost", "Opens and clicks that found no room in memory.")
        self.hits_buffered = Gauge(
            "carillon_hits_buffered",
            "Opens and clicks in memory, not written down yet.",
            registry=None,
            multiprocess_mode="livesum",
        )
        self.import_rows = _counter("import_rows", "Rows of imported files.", "outcome")
        self.requests = _counter("http_requests", "Requests answered.", "kind", "status")
        self.request_seconds = _histogram(
            "http_request_seconds", "Seconds until an answer began.", "kind"
        )
        self.failed_tasks = _counter("task_failures", "Tasks that raised.", "task")


class _Kept:
    """The process's instruments, made at the first figure: a command that counts leaves no file."""

    def __init__(self) -> None:
        self.folder: Path | None = None
        self._made: Instruments | None = None
        self._lock = threading.Lock()

    def keep_below(self, folder: Path) -> None:
        with self._lock:
            if folder != self.folder:
                self.folder, self._made = folder, None

    @property
    def instruments(self) -> Instruments:
        return self._made or self._make()

    def _make(self) -> Instruments:
        with self._lock:
            if self._made is None:
                self._made = self._in_files() or Instruments()
            return self._made

    def _in_files(self) -> Instruments | None:
        if self.folder is None:
            return None
        try:
            metric_files.write_below(self.folder)
            return Instruments()
        except Exception:  # no figure is worth a mail: count in memory, for nobody
            log.exception("metrics are not kept")
            metric_files.write_nowhere()
            return None


_kept = _Kept()


def configure(folder: Path) -> None:
    """Keep this process's figures in `folder`, which all processes of the host share."""
    _kept.keep_below(folder)


def read() -> list[Metric]:
    """The figures of all processes of this host."""
    return metric_files.read(_kept.folder) if _kept.folder else []


def window(*, messages: int, seconds: float) -> None:
    """A window of so many messages was handed over."""
    made = _kept.instruments
    made.window_seconds.observe(seconds)
    made.reply_seconds.observe(seconds / max(1, messages))


def mails(counts: Mapping[str, int]) -> None:
    """So many messages have come to these ends."""
    for outcome, count in counts.items():
        if count:
            _kept.instruments.mails.labels(outcome).inc(count)


def commit(seconds: float) -> None:
    """A drain has written down what it knew."""
    _kept.instruments.commit_seconds.observe(seconds)


def connection(*, opened: bool) -> None:
    """An SMTP connection was tried."""
    _kept.instruments.connections.labels("opened" if opened else "failed").inc()


def drain(end: str) -> None:
    """A drain has ended."""
    _kept.instruments.drains.labels(end).inc()


def leases_taken_back(count: int) -> None:
    """So many batches were taken back from holders that died."""
    if count:
        _kept.instruments.leases.inc(count)


def sender_trouble(kind: str) -> None:
    """A sender was cooled or stopped."""
    _kept.instruments.senders.labels(kind).inc()


def activity(action: str) -> None:
    """A line was written into an activity log; `action` is one of the code's own words."""
    _kept.instruments.activity.labels(action).inc()


def hits(*, written: int, buffered: int) -> None:
    """Opens and clicks were written down; so many came in meanwhile."""
    _kept.instruments.hits.inc(written)
    _kept.instruments.hits_buffered.set(buffered)


def hits_lost(count: int) -> None:
    """Opens and clicks found no room while the database was away."""
    _kept.instruments.hits_lost.inc(count)


def import_rows(counts: Mapping[str, int]) -> None:
    """Rows of a file were read, and imported or left out."""
    for outcome, count in counts.items():
        if count > 0:  # somebody whom an earlier batch left unchanged is counted anew
            _kept.instruments.import_rows.labels(outcome).inc(count)


def request(kind: str, *, status: str, seconds: float) -> None:
    """A request of this kind was answered; `status` is 2xx, 3xx, 4xx or 5xx."""
    _kept.instruments.requests.labels(kind, status).inc()
    _kept.instruments.request_seconds.labels(kind).observe(seconds)


def task_failed(name: str) -> None:
    """A task ended with an exception."""
    _kept.instruments.failed_tasks.labels(name).inc()
