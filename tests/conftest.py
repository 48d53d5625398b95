"""Real servers for every test: a PostgreSQL built by the migrations, and a Redis.

Each xdist worker has its own pair. A test runs inside an outer transaction that is rolled back;
what must be committed for other processes to see asks for `live_app` instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask, has_app_context
from flask.globals import app_ctx
from flask.testing import FlaskClient
from hypothesis import settings
from sqlalchemy.orm import scoped_session, sessionmaker

from campaign_app import create_app, extensions
from campaign_app.extensions import db, redis
from campaign_app.guards import limiter
from campaign_app.web import campaign_review
from config import Config
from local_stack import postgres
from local_stack import redis as redis_server
from tests import databases, factories
from tests.people import Person

settings.register_profile("patient", deadline=None)  # a machine may stand still in any example
settings.load_profile("patient")

STARTING = {"browser", "faults", "stack"}
"""The marks of tests that start processes."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What starts processes comes first: a long test at the end would keep all others waiting."""
    items.sort(key=lambda item: STARTING.isdisjoint(mark.name for mark in item.iter_markers()))


@pytest.fixture(scope="session", autouse=True)
def patience() -> Iterator[None]:
    """What the application does without when it takes a second, comes late on a busy machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(extensions, "REDIS_SECONDS", 30.0)
        patch.setattr(campaign_review, "GLANCE_SECONDS", 30.0)
        yield


@pytest.fixture(scope="session")
def redis_url(patience: None) -> Iterator[str]:
    with redis_server.temporary() as server:
        yield server.url


@pytest.fixture(scope="session")
def postgres_server(redis_url: str) -> Iterator[postgres.Server]:
    with postgres.temporary() as server:
        databases.migrate(server, redis_url)
        yield server


@pytest.fixture(scope="session")
def config(
    postgres_server: postgres.Server, redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Config:
    folder = tmp_path_factory.mktemp("state")
    return databases.config(
        databases.copy(postgres_server, "carillon_test"), redis_url, state_dir=str(folder)
    )


@pytest.fixture(scope="session")
def app(config: Config) -> Flask:
    app = create_app(config)
    app.config["WTF_CSRF_ENABLED"] = False
    app.extensions["hits"].close()  # its thread would write in the midst of a test's transaction
    return app


@pytest.fixture
def session(app: Flask) -> Iterator[None]:
    """Everything the test and its requests do happens in one transaction, and is undone."""
    with app.app_context():
        connection = db.engine.connect()
    outer, real_session = connection.begin(), db.session
    maker = sessionmaker(bind=connection, join_transaction_mode="create_savepoint")
    # Requests keep their own session, as in production; what lies outside one shares another.
    db.session = scoped_session(
        maker, lambda: id(app_ctx._get_current_object()) if has_app_context() else 0
    )
    yield
    db.session.remove()
    db.session = real_session
    outer.rollback()
    connection.close()
    redis.client.flushdb()


@pytest.fixture
def live_app(config: Config, app: Flask, postgres_server: postgres.Server) -> Iterator[Flask]:
    """An application on a database of its own, where commits are real."""
    with databases.live(config, postgres_server) as live:
        yield live


@pytest.fixture
def throttled_app(config: Config, app: Flask, session: None) -> Iterator[Flask]:
    """An application whose throttles are on, as they are outside the tests."""
    strict = create_app(replace(config, environment="development"))
    strict.config["WTF_CSRF_ENABLED"] = False
    with strict.app_context():
        limiter.reset()
        yield strict
        db.session.remove()
        db.engine.dispose()
    limiter.enabled = False


@pytest.fixture
def client(app: Flask, session: None) -> FlaskClient:
    """A browser without a session."""
    return app.test_client()


@pytest.fixture
def alice(app: Flask, session: None) -> Person:
    """The owner of a workspace, logged in."""
    return Person.enter(app, factories.membership(name="Alice"))


@pytest.fixture
def bob(app: Flask, alice: Person) -> Person:
    """Alice's colleague, an editor of the same workspace."""
    return Person.enter(
        app, factories.membership(name="Bob", role="editor", workspace=alice.workspace)
    )


@pytest.fixture
def charlie(app: Flask, session: None) -> Person:
    """A stranger: the owner of another workspace."""
    return Person.enter(app, factories.membership(name="Charlie"))
