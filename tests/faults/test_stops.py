"""Processes that are asked to end, freeze, double or are missing for a while."""

from __future__ import annotations

import resource
import signal
import time

import pytest

from tests.faults import invariants
from tests.faults.gate import gate
from tests.faults.scene import LEASE, SceneMaker
from tests.smtp_session import Fault

pytestmark = [pytest.mark.stack, pytest.mark.faults]

AWAY = 30.0
"""Seconds for which somebody is missing."""


def test_a_deploy_stops_and_starts_everything_and_leaves_nothing_in_doubt(scene: SceneMaker):
    with scene(sending=2, max_connections=4) as play:
        play.wait_for_accepts(60)
        for process in play.stack.running.values():
            process.send_signal(signal.SIGTERM)
        for name in list(play.stack.running):
            play.stack.kill(name, signal.SIGTERM)
        assert play.held() == 0
        for name in ("dispatch", "beat", "sending"):
            play.stack.start(name)
        play.finish()
    invariants.check(play)


def test_a_polite_stop_waits_for_a_server_that_takes_its_time_at_the_dot(scene: SceneMaker):
    with scene(script=[Fault("dot", hang=8, message=30, times=1)]) as play:
        play.wait_for_fault("dot")
        play.stack.kill("sending-1", signal.SIGTERM)
        assert play.mailing.statuses()["sent"] == len(play.mailing.accepts())
        play.stack.start("sending", number=2)
        play.finish()
    invariants.check(play)


def test_a_worker_frozen_at_the_dot_past_its_lease_writes_nothing_when_it_wakes(scene: SceneMaker):
    with scene(script=[Fault("dot", hang=2, message=30, times=1)]) as play:
        play.wait_for_fault("dot")
        play.stack.kill("sending-1", signal.SIGSTOP)
        play.stack.start("sending", number=2)
        play.wait_for_accepts(len(play.mailing.accepts()) + 20)
        play.stack.kill("sending-1", signal.SIGCONT)
        play.finish()
    invariants.check(play, unconfirmed=1)


def test_one_frozen_in_mid_transaction_cannot_hold_its_rows_for_ever(scene: SceneMaker):
    with scene(people=0) as play:
        with gate(play.tables, "batches", "NEW.sent > OLD.sent") as closed:
            play.mail(people=120)
            closed.wait()
            play.stack.kill("sending-1", signal.SIGSTOP)
        play.stack.start("sending", number=2)
        play.finish()
        play.stack.kill("sending-1", signal.SIGCONT)
        time.sleep(2)  # for whatever it may still try
    invariants.check(play)


def test_a_worker_that_freezes_again_and_again_sends_nothing_twice(scene: SceneMaker):
    with scene(people=400, sending=2, max_connections=4) as play:
        for number, accepted in ((1, 60), (2, 140), (1, 220)):
            play.wait_for_accepts(accepted)
            play.stack.kill(f"sending-{number}", signal.SIGSTOP)
            time.sleep(LEASE + 1)
            play.stack.kill(f"sending-{number}", signal.SIGCONT)
        play.finish()
    invariants.check(play, unconfirmed=12)  # four connections, three times


@pytest.mark.parametrize("name", ["beat", "dispatch"])
def test_a_campaign_goes_on_while_beat_or_the_dispatcher_is_missing(scene: SceneMaker, name: str):
    with scene(people=600, max_connections=2) as play:
        play.wait_for_accepts(60)
        play.stack.kill(name)
        time.sleep(AWAY)
        assert len(play.mailing.accepts()) == 600  # a drain refills its sender by itself
        play.stack.start(name)
        play.finish(seconds=30)
    invariants.check(play)


def test_two_processes_share_a_senders_only_connection(scene: SceneMaker):
    with scene(sending=2, max_connections=1) as play:
        for _ in range(10):
            play.ring("sending.drain_sender", play.mailing.sender_id)
        play.finish()
    invariants.check(play)
    assert play.server.ledger.most_open == 1


def test_two_beats_and_tenfold_doorbells_keep_the_pace(scene: SceneMaker):
    with scene(people=100, sending=2, campaign={"tpm": 600}, max_connections=4) as play:
        play.stack.start("beat", number=2)
        for _ in range(10):
            play.ring("sending.drain_sender", play.mailing.sender_id)
            play.ring("sending.plan_campaign", play.mailing.campaign_id)
            play.ring("dispatch.tick")
        play.finish()
    invariants.check(play, per_minute=600)
    assert play.server.ledger.most_open <= 4


def test_without_room_for_a_journal_nothing_is_handed_over_and_nothing_is_lost(scene: SceneMaker):
    with scene(people=0) as play:
        pid = play.stack.running["sending-1"].pid
        unlimited = resource.prlimit(pid, resource.RLIMIT_FSIZE, (4_096, -1))
        assert unlimited == (-1, -1)  # from now on no file grows beyond it, as on a full disk
        play.mail(people=120)
        time.sleep(15)
        assert play.server.ledger.accepts() == []
        resource.prlimit(pid, resource.RLIMIT_FSIZE, unlimited)
        play.finish()
    invariants.check(play)
