"""What a load balancer asks: alive, and ready."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from time import monotonic

import pytest
from flask import Flask
from flask.testing import FlaskClient

from campaign_app.extensions import redis
from campaign_app.tasks.dispatch import BEAT_KEY
from config import Config


@pytest.fixture
def silent_redis(app: Flask, config: Config, session: None) -> Iterator[None]:
    """A broker that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"redis://127.0.0.1:{server.getsockname()[1]}/0"
        app.extensions["carillon_config"] = replace(config, redis_url=url)
        yield
        app.extensions["carillon_config"] = config


def test_alive_needs_nothing_but_the_process(client: FlaskClient, silent_redis: None):
    assert client.get("/healthz").json == {"status": "ok"}


def test_ready_when_the_dispatcher_has_beaten_lately(client: FlaskClient):
    redis.client.set(BEAT_KEY, 1, ex=60)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json) == (200, {"status": "ok", "missing": []})


def test_a_silent_dispatcher_is_named(client: FlaskClient):
    redis.client.delete(BEAT_KEY)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json == {"status": "unavailable", "missing": ["dispatcher"]}


def test_a_hanging_broker_is_named_within_two_seconds(client: FlaskClient, silent_redis: None):
    began = monotonic()
    answer = client.get("/readyz")
    assert monotonic() - began < 2
    assert answer.status_code == 503
    assert answer.json["missing"] == ["broker", "dispatcher"]
