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


def seconds(app: Flask) -> list[int]:
    """How long a session of the application may idle in a transaction, and ask, in seconds."""
    names = ("idle_in_transaction_session_timeout", "statement_timeout")
    asked = text("SELECT setting::int / 1000 FROM pg_settings WHERE name = :name")
    with app.app_context():
        found = [db.session.scalar(asked, {"name": name}) for name in names]
        db.session.remove()
        db.engine.dispose()
    return found


def test_the_web_waits_longer_for_a_reader_and_shorter_for_the_database(
    config: Config, app: Flask, monkeypatch: pytest.MonkeyPatch
):
    short = replace(config, lease_seconds=4)
    for name, value in asdict(short).items():
        monkeypatch.setenv(name.upper(), str(int(value) if isinstance(value, bool) else value))
    assert seconds(create_app(short)) == [4, 0]
    assert seconds(runpy.run_path(str(WSGI))["app"]) == [120, 20]
