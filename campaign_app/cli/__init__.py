"""The door for the operator: `bin/flask …`."""

from __future__ import annotations

from flask import Flask
from flask_migrate import Migrate

from campaign_app.cli import demo, tokens, users
from campaign_app.extensions import db

migrate = Migrate()


def register(app: Flask) -> None:
    """Add the commands to the Flask CLI."""
    migrate.init_app(app, db, directory="migrations")
    for group in (users.group, tokens.group, demo.group):
        app.cli.add_command(group)
