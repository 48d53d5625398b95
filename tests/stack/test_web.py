"""The web process as gunicorn loads it."""

from __future__ import annotations

import runpy
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from campaign_app import create_app
from campaign_app.extensions import db
from config import Config

WSGI = Path(__file__).parents[2] / "wsgi.py"


def idle_seconds(app: Flask) -> int:
    """How long a database session of the application may stop in mid-transaction."""
    asked = (
        "SELECT setting::int FROM pg_settings WHERE name = 'idle_in_transaction_session_timeout'"
    )
    with app.app_context():
        milliseconds = db.session.scalar(text(asked))
        db.session.remove()
        db.engine.dispose()
    return milliseconds // 1000


def test_a_download_may_stall_for_longer_than_a_lease(
    config: Config, app: Flask, monkeypatch: pytest.MonkeyPatch
):
    short = replace(config, lease_seconds=4)
    for name, value in asdict(short).items():
        monkeypatch.setenv(name.upper(), str(int(value) if isinstance(value, bool) else value))
    assert idle_seconds(create_app(short)) == 4
    assert idle_seconds(runpy.run_path(str(WSGI))["app"]) == 120
