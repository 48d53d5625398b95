"""PostgreSQL restarts, dies, freezes and goes away in the middle of a campaign."""

from __future__ import annotations

import signal
import time

import pytest

from tests.faults import invariants
from tests.faults.scene import LEASE, SceneMaker

pytestmark = [pytest.mark.stack, pytest.mark.faults]

AWAY = 30.0


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["fast", "immediate"])
def test_a_restart_of_postgresql_loses_nothing(scene: SceneMaker, how: signal.Signals):
    with scene(people=600, sending=2, max_connections=4) as play:
        for accepted in (60, 300):
            play.wait_for_accepts(accepted)
            play.stage.restart_postgres(how)
        play.finish(seconds=90)
    invariants.check(play)


def test_postgresql_may_be_away_for_half_a_minute(scene: SceneMaker):
    with scene(people=400, sending=2, max_connections=4) as play:
        play.wait_for_accepts(60)
        play.stage.postgres.stop(signal.SIGQUIT)
        time.sleep(AWAY)  # five leases
        accepted = len(play.server.ledger.accepts())
        play.stage.postgres.start()
        play.finish(seconds=90)
    assert accepted < 400  # without a database nobody goes on
    invariants.check(play)


def test_a_postgresql_that_freezes_past_the_leases_is_waited_for(scene: SceneMaker):
    with scene(people=400, sending=2, max_connections=4) as play:
        play.wait_for_accepts(60)
        with play.stage.frozen_postgres():
            time.sleep(2 * LEASE)
        play.finish(seconds=90)
    invariants.check(play)


def test_workers_killed_while_the_database_is_away_lose_nothing(scene: SceneMaker):
    with scene(max_connections=2) as play:
        play.wait_for_accepts(60)
        play.stage.postgres.stop()
        time.sleep(1)  # the open windows come to their end, with nowhere to write it down
        play.stack.kill("sending-1")
        play.stage.postgres.start()
        play.stack.start("sending", number=2)
        play.finish()
    invariants.check(play, unconfirmed=2)
