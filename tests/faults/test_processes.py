"""Processes die, stop, freeze and double in mid-campaign: the short form of the fault matrix."""

from __future__ import annotations

import signal

import pytest

from tests.faults import invariants
from tests.faults.scene import SceneMaker

pytestmark = pytest.mark.stack

CROWD = 450
"""So many that a campaign is still under way when a busy machine comes to the next line."""


def test_killing_every_process_loses_nothing_and_sends_nothing_twice(scene: SceneMaker):
    with scene(max_connections=2) as play:
        play.wait_for_accepts(60)
        for name in list(play.stack.running):
            play.stack.kill(name)
        for name in ("dispatch", "beat", "sending"):
            play.stack.start(name)
        play.finish()
    invariants.check(play, unconfirmed=2)  # one per connection killed


def test_two_beats_ten_doorbells_and_a_forgetful_redis_do_no_harm(scene: SceneMaker):
    with scene(sending=2, max_connections=2) as play:
        play.stack.start("beat", number=2)
        play.wait_for_accepts(20)
        for _ in range(10):
            play.ring("sending.drain_sender", play.mailing.sender_id)
            play.ring("dispatch.tick")
            play.ring("sending.plan_campaign", play.mailing.campaign_id)
        play.wait_for_accepts(60)
        play.stage.keys.flushall()
        play.finish()
    invariants.check(play)
    assert play.server.ledger.most_open <= 2


def test_a_politely_stopped_sender_leaves_nothing_in_doubt(scene: SceneMaker):
    with scene(people=CROWD) as play:
        play.wait_for_accepts(60)
        play.stack.kill("sending-1", signal.SIGTERM)
        sent, accepted = play.mailing.statuses()["sent"], len(play.mailing.accepts())
        assert sent == accepted < len(play.mailing.audience)
        play.stack.start("sending", number=2)
        play.finish()
    invariants.check(play)


def test_a_sender_suspended_past_its_lease_sends_nothing_twice(scene: SceneMaker):
    with scene(people=CROWD) as play:
        play.wait_for_accepts(60)
        play.stack.kill("sending-1", signal.SIGSTOP)
        play.stack.start("sending", number=2)
        play.wait_for_accepts(len(play.mailing.accepts()) + 20)  # by the other, who has taken over
        play.stack.kill("sending-1", signal.SIGCONT)
        play.finish()
    invariants.check(play, unconfirmed=1)
