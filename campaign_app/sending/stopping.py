"""The process's wish to end: set once by SIGTERM, seen by every drain and every sleep."""

from __future__ import annotations

import threading

_wanted = threading.Event()


def want() -> None:
    """Ask every drain of this process to end after its window."""
    _wanted.set()


def is_wanted() -> bool:
    """True once the process has been asked to end."""
    return _wanted.is_set()


def sleep(seconds: float) -> None:
    """Wait, but not longer than until the process is asked to end."""
    _wanted.wait(max(0.0, seconds))


def forget() -> None:
    """Start afresh: for a process that serves several tests."""
    _wanted.clear()
