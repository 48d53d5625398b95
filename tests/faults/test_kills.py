"""kill -9 between any two steps of a hand-over: the journal tells what nobody else knows."""

from __future__ import annotations

import shutil

import pytest

from tests.faults import invariants
from tests.faults.gate import gate
from tests.faults.scene import LEASE, TICK, Scene, SceneMaker
from tests.smtp_session import Fault

pytestmark = [pytest.mark.stack, pytest.mark.faults]

CLAIMED = "OLD.state = 'dispatched' AND NEW.state = 'sending'"
OPENED = "OLD.opened = 0 AND NEW.opened > 0"
RECORDED = "NEW.status = 'sent'"
PLANNED = "OLD.planned_at IS NULL AND NEW.planned_at IS NOT NULL"
TAKEN_BACK = "OLD.state = 'sending' AND NEW.state = 'pending'"
HELD = 4
"""Seconds for which the server keeps its answer back."""


def kill_and_replace(play: Scene) -> None:
    play.stack.kill("sending-1")
    play.stack.start("sending", number=2)


@pytest.mark.parametrize("at_commit", [False, True], ids=["before", "at commit"])
def test_a_planner_killed_at_its_last_step_leaves_nobody_out_and_plans_nobody_twice(
    scene: SceneMaker, at_commit: bool
):
    with scene(people=0) as play:
        with gate(play.tables, "campaigns", PLANNED, at_commit=at_commit) as closed:
            play.mail(people=120)
            closed.wait()
            kill_and_replace(play)
        play.finish()
    invariants.check(play)


@pytest.mark.parametrize("step", [CLAIMED, OPENED], ids=["claim", "window"])
def test_a_worker_killed_before_its_first_window_leaves_everybody_to_the_next(
    scene: SceneMaker, step: str
):
    with scene(people=0) as play:
        with gate(play.tables, "batches", step) as closed:
            play.mail(people=120)
            closed.wait()
            kill_and_replace(play)
        play.finish()
    invariants.check(play)


def test_one_killed_in_the_middle_of_a_body_leaves_only_that_message_in_doubt(scene: SceneMaker):
    stuck = Fault("body", after_bytes=200, hang=HELD, message=30, times=1)
    with scene(script=[stuck]) as play:
        play.wait_for_fault("body")
        kill_and_replace(play)
        play.finish()
    invariants.check(play, unconfirmed=1)


def test_one_killed_between_the_dot_and_its_answer_does_not_send_that_message_again(
    scene: SceneMaker,
):
    with scene(script=[Fault("dot", hang=HELD, message=30, times=1)]) as play:
        play.wait_for_fault("dot")
        kill_and_replace(play)
        play.finish()
    invariants.check(play, unconfirmed=1)
    assert play.mailing.statuses()["unconfirmed"] == 1  # it was accepted, and nobody can know


@pytest.mark.parametrize("at_commit", [False, True], ids=["before", "at commit"])
def test_answers_that_were_never_written_down_are_read_from_the_journal(
    scene: SceneMaker, at_commit: bool
):
    with scene(people=0) as play:
        with gate(play.tables, "messages", RECORDED, at_commit=at_commit) as closed:
            play.mail(people=120)
            closed.wait()
            kill_and_replace(play)
        play.finish()
    invariants.check(play)


def test_a_dispatcher_killed_while_it_takes_back_a_dead_ones_batch_has_taken_nothing(
    scene: SceneMaker,
):
    with scene(script=[Fault("dot", hang=HELD, message=30, times=1)]) as play:
        play.wait_for_fault("dot")
        kill_and_replace(play)
        with gate(play.tables, "batches", TAKEN_BACK) as closed:
            closed.wait()
            play.stack.kill("dispatch")
            play.stack.start("dispatch")
        play.finish()
    invariants.check(play, unconfirmed=1)


def test_a_host_lost_with_its_journal_leaves_no_more_than_its_open_windows_in_doubt(
    scene: SceneMaker,
):
    with scene(max_connections=2) as play:
        play.wait_for_accepts(80)
        play.stack.kill("sending-1")
        shutil.rmtree(play.stack.folder / "journals")
        in_windows = play.tables.value("SELECT sum(opened) FROM batches")
        play.stack.start("sending", number=2)
        play.finish()
    invariants.check(play, unconfirmed=in_windows)


def test_a_stack_killed_as_a_whole_goes_on_within_a_lease_and_a_round(scene: SceneMaker):
    with scene(people=50) as play:  # one batch: what is left of it hangs on the dead one's lease
        play.wait_for_accepts(20)
        for name in list(play.stack.running):
            play.stack.kill(name)
        accepted = len(play.mailing.accepts())
        for name in ("dispatch", "sending", "beat"):
            play.stack.start(name)
        play.wait_for_workers()
        play.wait_for_accepts(accepted + 1, seconds=LEASE + TICK + 2)  # two: the doorbell's way
        play.finish()
    invariants.check(play, unconfirmed=1)


def test_a_kill_at_full_speed_leaves_at_most_one_in_doubt_for_each_connection(scene: SceneMaker):
    quick = {"latency": 0, "fsync": False}
    with scene(people=12_000, sending=2, server=quick, max_connections=4) as play:
        for number, accepted in ((1, 2_000), (2, 6_000)):
            play.wait_for_accepts(accepted)
            play.stack.kill(f"sending-{number}")
            play.stack.start("sending", number=number + 2)
        play.finish(seconds=120)
    invariants.check(play, unconfirmed=8)  # two kills of at most four connections


def test_a_storm_of_kills_only_takes_longer(scene: SceneMaker):
    with scene(people=600, sending=2, max_connections=4) as play:
        for number in range(1, 6):
            play.wait_for_accepts(100 * number)
            play.stack.kill(f"sending-{number}")
            play.stack.start("sending", number=number + 2)
        play.stack.kill("dispatch")
        play.stack.start("dispatch")
        play.finish(seconds=120)
    invariants.check(play, unconfirmed=20)
