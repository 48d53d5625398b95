"""A whole Carillon on loopback: its own database and Redis, and the Procfile's web process."""

from __future__ import annotations

import itertools
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from flask import Flask

from campaign_app import create_app
from campaign_app.extensions import db
from config import Config
from local_stack import children, postgres
from tests import databases
from tests.stack.workers import Workers

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Site:
    """`app` writes into the database that the processes read; `url` is where they are found."""

    url: str
    config: Config
    app: Flask
    folder: Path


@contextmanager
def site(config: Config, server: postgres.Server, folder: Path) -> Iterator[Site]:
    """A site with an empty database, served by gunicorn while the block lasts."""
    own = _own_config(config, server, folder)
    app = create_app(replace(own, redis_url=config.redis_url))
    port = own.public_url.rpartition(":")[2]
    processes = Workers(own, folder)
    try:
        processes.start("web", HOST="127.0.0.1", PORT=port, WEB_WORKERS="1")
        web = processes.running["web"]
        children.wait_until(
            lambda: _answers(f"{own.public_url}/healthz"), web, log=folder / "web.log"
        )
        yield Site(own.public_url, own, app, folder)
    finally:
        processes.stop()
        with app.app_context():
            db.engine.dispose()


def _own_config(config: Config, server: postgres.Server, folder: Path) -> Config:
    database = databases.copy(server, f"browser_{next(_numbers)}")
    return replace(
        config,
        environment="development",  # throttles and CSRF tokens are on, as in production
        database_url=database,
        redis_url=f"{config.redis_url.removesuffix('/0')}/1",  # other tests flush number 0
        public_url=f"http://127.0.0.1:{children.free_port()}",
        state_dir=str(folder),
    )


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False
