"""The door for the operator: `bin/flask …`."""

from __future__ import annotations

from flask import Flask

from campaign_app.cli import demo, tokens, users


def register(app: Flask) -> None:
    """Add the commands to the Flask CLI."""
    for group in (users.group, tokens.group, demo.group):
        app.cli.add_command(group)
