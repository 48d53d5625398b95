"""The door for the operator: `bin/flask …`."""

from __future__ import annotations

from flask import Flask


def register(app: Flask) -> None:
    """Add the commands to the Flask CLI."""
    del app
