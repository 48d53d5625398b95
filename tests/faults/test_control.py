"""People in mid-campaign: pause, cancel, opt out. At most the open windows go on."""

from __future__ import annotations

import time

import pytest

from tests.faults import invariants
from tests.faults.scene import SLOWER, Scene, SceneMaker

pytestmark = [pytest.mark.stack, pytest.mark.faults]

CONNECTIONS = 3
SOON = 1.0 * SLOWER
"""Seconds in which a click bites."""


def settle(play: Scene) -> None:
    """Wait until no window is open any more."""
    play.wait(lambda: not play.tables.value("SELECT sum(opened) FROM batches"))


def bites(play: Scene, status: str) -> None:
    """Change the campaign's status: nothing goes on but what is in the windows open then."""
    play.mailing.set_campaign(status=status)
    clicked = time.time()
    windows = play.tables.value("SELECT sum(opened) FROM batches")
    accepted = len(play.server.ledger.accepts())
    settle(play)
    time.sleep(SOON)
    later = play.server.ledger.accepts()[accepted:]
    assert len(later) <= windows
    assert all(one.time < clicked + SOON for one in later)


def test_a_pause_bites_at_the_next_window_and_a_resume_goes_on(scene: SceneMaker):
    with scene(people=900, max_connections=CONNECTIONS) as play:
        for accepted in (150, 400):
            play.wait_for_accepts(accepted)
            bites(play, "paused")
            play.wait(lambda: not play.held())
            invariants.check(play, unfinished=True)
            play.mailing.set_campaign(status="sending")
        play.finish()
    invariants.check(play)
    assert play.mailing.statuses() == {"sent": 900}


def test_a_cancelled_campaign_accounts_for_everybody(scene: SceneMaker):
    with scene(people=900, max_connections=CONNECTIONS) as play:
        play.wait_for_accepts(150)
        bites(play, "cancelled")
        play.finish()
    invariants.check(play)
    statuses = play.mailing.statuses()
    assert statuses == {
        "sent": len(play.server.ledger.accepts()),
        "cancelled": statuses["cancelled"],
    }
    assert statuses["cancelled"] > 300


def test_whoever_opts_out_in_mid_campaign_is_skipped(scene: SceneMaker):
    with scene(people=900, max_connections=CONNECTIONS) as play:
        play.wait_for_accepts(150)
        leaving = play.mailing.audience[::3]
        play.mailing.unsubscribe(*leaving)
        play.finish()
    invariants.check(play, late=SOON)
    reached = {one.rcpt for one in play.server.ledger.accepts()} & set(leaving)
    assert len(reached) < len(leaving) / 2
    assert play.mailing.statuses()["skipped"] == len(leaving) - len(reached)


def test_clicks_by_the_dozen_lose_nobody(scene: SceneMaker):
    with scene(people=600, sending=2, max_connections=CONNECTIONS) as play:
        for accepted in range(30, 300, 30):
            play.wait_for_accepts(accepted)
            for status in ("paused", "sending", "paused", "sending"):
                play.mailing.set_campaign(status=status)
        play.finish()
    invariants.check(play)
    assert play.mailing.statuses() == {"sent": 600}
