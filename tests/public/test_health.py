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
from campaign_app.lib import pulse
from campaign_app.services import health
from campaign_app.services.health import GONE_AFTER
from config import Config
from tests import signs


@pytest.fixture
def no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever answers late on a busy machine is there all the same."""
    monkeypatch.setattr(health, "PATIENCE", 60)


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


def test_ready_when_every_part_has_given_a_sign_of_life(client: FlaskClient, no_hurry: None):
    signs.everybody_lives()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json) == (200, {"status": "ok", "missing": []})


@pytest.mark.parametrize("part", GONE_AFTER)
def test_a_part_that_is_gone_is_named(client: FlaskClient, no_hurry: None, part: str):
    signs.everybody_lives()
    signs.let_pass(GONE_AFTER[part] + 2, part=part)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json == {"status": "unavailable", "missing": [part]}


def test_one_of_several_workers_is_enough(client: FlaskClient, no_hurry: None):
    signs.everybody_lives()
    signs.let_pass(GONE_AFTER["sending"] + 2, part="sending")
    pulse.beat(redis.client, "sending", "another-host:7")
    assert client.get("/readyz").status_code == 200


def test_a_restart_is_no_alarm(client: FlaskClient, no_hurry: None):
    signs.everybody_lives()
    for part in GONE_AFTER:
        signs.let_pass(GONE_AFTER["sending"] - 5, part=part)
    assert client.get("/readyz").status_code == 200


def test_whoever_lives_is_back_after_a_flushall(client: FlaskClient, no_hurry: None):
    signs.everybody_lives()
    redis.client.flushall()
    assert client.get("/readyz").json["missing"] == list(GONE_AFTER)
    signs.everybody_lives()  # the next beat of each
    assert client.get("/readyz").status_code == 200


def test_a_hanging_broker_is_named_soon(client: FlaskClient, silent_redis: None):
    began = monotonic()
    answer = client.get("/readyz")
    assert monotonic() - began < health.PATIENCE + 3
    assert answer.status_code == 503
    gone = ["broker", *GONE_AFTER]
    assert answer.json["missing"][-len(gone) :] == gone


def test_processes_of_long_ago_are_forgotten(client: FlaskClient):
    pulse.beat(redis.client, "sending", "old:1")
    signs.let_pass(pulse.FORGOTTEN_SECONDS + 5, part="sending")
    signs.everybody_lives()
    assert "old:1" not in {beat.process for beat in pulse.read(redis.client)}


def test_a_browser_finds_the_icon_where_no_page_names_it(client: FlaskClient):
    where = client.get("/favicon.ico").headers["Location"]
    with client.get(where) as icon:
        assert (icon.status_code, icon.mimetype) == (200, "image/svg+xml")
