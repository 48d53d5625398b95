"""What `bin/run` says and stops with, instead of a traceback."""

from __future__ import annotations


class StartError(RuntimeError):
    """Something could not be started; the message says why, for the person at the terminal."""
