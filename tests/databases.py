"""Databases for the tests: each a copy of one that the migrations have built."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from flask import Flask
from flask_migrate import upgrade

from campaign_app import create_app
from campaign_app.extensions import db, redis
from config import Config
from local_stack.postgres import Server

TEMPLATE = "carillon_template"

_numbers = itertools.count(1)


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


@contextmanager
def live(config: Config, server: Server) -> Iterator[Flask]:
    """An application on a database of its own, where commits are real, and in its context."""
    url = copy(server, f"live_{next(_numbers)}")
    app = create_app(replace(config, database_url=url))
    app.config["WTF_CSRF_ENABLED"] = False
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()
    redis.client.flushdb()
