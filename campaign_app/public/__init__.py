"""The door for everybody: signed links, one-click unsubscribe, health."""

from __future__ import annotations

from flask import Flask

from campaign_app.public import health


def register(app: Flask) -> None:
    """Hang the public pages into the application."""
    app.register_blueprint(health.bp)
