"""Redis forgets, restarts and goes away: it is a doorbell, and the rows are the truth."""

from __future__ import annotations

import time

import pytest

from local_stack import children
from tests.faults import invariants
from tests.faults.browser import Browser
from tests.faults.scene import SLOWER, SceneMaker

pytestmark = [pytest.mark.stack, pytest.mark.faults]

MINUTE = 60.0
PAGES = ("/", "/live.json", "/campaigns", "/recipients", "/senders", "/healthz")


def test_a_redis_that_forgets_everything_again_and_again_keeps_the_pace(scene: SceneMaker):
    with scene(people=200, sending=2, campaign={"tpm": 600}, max_connections=4) as play:
        for accepted in range(20, 180, 20):
            play.wait_for_accepts(accepted)
            play.stage.keys.flushall()
        play.finish()
    invariants.check(play, per_minute=600)


@pytest.mark.parametrize("pace", [None, 600], ids=["free", "paced"])
def test_a_restart_of_redis_loses_nothing(scene: SceneMaker, pace: int | None):
    with scene(campaign={"tpm": pace}, max_connections=2) as play:
        play.wait_for_accepts(60)
        play.stage.redis.stop()
        play.stage.redis.start()
        play.finish(seconds=90)
    invariants.check(play, per_minute=pace)


def test_the_pages_are_served_while_redis_is_away_for_a_minute(scene: SceneMaker):
    with scene(people=600, campaign={"tpm": 600}, max_connections=2) as play:
        port = children.free_port()
        play.stack.start("web", PORT=str(port))
        browser = Browser(port)
        play.wait(browser.is_served)
        play.wait_for_accepts(60)
        play.stage.redis.stop()
        until = time.monotonic() + MINUTE
        browser.sign_up()
        while time.monotonic() < until:
            assert {page: browser.get(page).status for page in PAGES} == dict.fromkeys(PAGES, 200)
            time.sleep(5)
        assert browser.get("/readyz").status == 503
        play.stage.redis.start()
        play.finish(seconds=150)
    invariants.check(play, per_minute=600)
    assert browser.slowest < 5 * SLOWER
