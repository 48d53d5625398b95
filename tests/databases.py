"""Databases for the tests: each a copy of one that the migrations have built."""

from __future__ import annotations

from pathlib import Path

from flask_migrate import upgrade

from campaign_app import create_app
from campaign_app.extensions import db
from config import Config
from local_stack.postgres import Server

TEMPLATE = "carillon_template"


def migrate(server: Server, redis_url: str) -> None:
    """Build what the others are copied from.

    PostgreSQL copies only what nobody is connected to, so nothing else ever opens it.
    """
    app = create_app(config(server.create_database(TEMPLATE), redis_url, state_dir="var"))
    with app.app_context():
        upgrade(directory=str(Path(__file__).parent.parent / "migrations"))
        db.engine.dispose()


def copy(server: Server, name: str) -> str:
    """Create the database `name`, migrated and empty, and give its URL."""
    return server.create_database(name, template=TEMPLATE)


def config(database_url: str, redis_url: str, *, state_dir: str) -> Config:
    """The settings that tests run with."""
    return Config(
        environment="testing",
        secret_key="tests only",
        encryption_keys="MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
        database_url=database_url,
        redis_url=redis_url,
        state_dir=state_dir,
        public_url="http://carillon.test",
        allow_private_hosts=True,
        log_level="WARNING",
    )
