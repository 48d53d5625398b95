"""A database where commits are real, shared by these tests: each has its own workspace."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask

from campaign_app import create_app
from campaign_app.extensions import db
from campaign_app.models.people import Workspace
from config import Config
from local_stack import postgres
from tests import databases, factories


@pytest.fixture(scope="session")
def import_app(config: Config, app: Flask, postgres_server: postgres.Server) -> Flask:
    return create_app(replace(config, database_url=databases.copy(postgres_server, "imports")))


@pytest.fixture
def workspace(import_app: Flask) -> Iterator[Workspace]:
    with import_app.app_context():
        yield factories.workspace()
        db.session.remove()
        db.engine.dispose()
