"""Real processes of the Procfile: their signs of life, their figures, their logs."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from flask import Flask

from campaign_app.extensions import db, redis
from campaign_app.services.health import GONE_AFTER
from config import Config
from local_stack import postgres
from tests import databases, signs
from tests.stack.workers import Workers, workers

pytestmark = pytest.mark.stack

PATIENCE = 150.0


@pytest.fixture(scope="module")
def live(config: Config, app: Flask, postgres_server: postgres.Server) -> Iterator[Flask]:
    with databases.live(config, postgres_server) as live:
        yield live


@pytest.fixture(scope="module")
def started(live: Flask, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    config = replace(live.extensions["carillon_config"], log_json=True, log_level="INFO")
    with workers(config, tmp_path_factory.mktemp("processes")) as running:
        yield running


@pytest.fixture
def stack(live: Flask, started: Workers) -> Iterator[Workers]:
    """All of them are there; what a test has killed is started again for the next."""
    if "beat" not in started.running:
        started.start("beat")
    wait_for(lambda: not missing(live), started)
    yield started
    db.session.remove()


def missing(app: Flask) -> list[str]:
    return app.test_client().get("/readyz").json["missing"]


def long_after_beat(app: Flask) -> list[str]:
    """What is missing when Beat has been silent for long; a round it rang for may still come."""
    signs.let_pass(GONE_AFTER["beat"] + 1, part="beat")
    return missing(app)


def wait_for(is_true: Callable[[], bool], stack: Workers) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_true():
        assert time.monotonic() < deadline, stack.logs()
        time.sleep(0.2)


def let_pass_what_a_part_may_be_silent() -> None:
    for part, seconds in GONE_AFTER.items():
        signs.let_pass(seconds + 1, part=part)


def test_whoever_is_killed_is_missed_and_nobody_else(live: Flask, stack: Workers):
    redis.client.flushall()
    wait_for(lambda: not missing(live), stack)
    for name in ("sending-1", "jobs"):
        stack.kill(name, signal.SIGKILL)
    let_pass_what_a_part_may_be_silent()
    wait_for(lambda: missing(live) == ["sending", "jobs"], stack)
    stack.kill("beat", signal.SIGKILL)
    wait_for(lambda: long_after_beat(live) == ["beat", "sending", "jobs"], stack)
    stack.start("sending", number=2)
    stack.start("jobs")
    wait_for(lambda: missing(live) == ["beat"], stack)


def test_every_line_of_every_process_is_json(live: Flask, stack: Workers):
    live.extensions["celery"].send_task("dispatch.tick", args=("nonsense", "too many"))
    log = stack.folder / "dispatch.log"
    wait_for(lambda: "TypeError" in log.read_text(), stack)
    lines = [
        json.loads(line)
        for path in stack.folder.glob("*.log")
        for line in path.read_text().splitlines()
    ]
    assert {"event", "level", "logger", "timestamp"} <= set.intersection(*map(set, lines))
    failure = next(line for line in lines if "exception" in line)
    assert failure["level"] == "error"
    assert "TypeError" in failure["exception"]
