"""Pace: gaps held over all connections, and what happens when Redis forgets."""

from __future__ import annotations

import time

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from campaign_app.extensions import redis
from campaign_app.sending.dispatch import share
from campaign_app.sending.throttle import LONGEST_SLEEP, Pace, sender_gap, take_turns, until_turn


@pytest.fixture(autouse=True)
def forgetful(app: Flask):
    redis.client.flushdb()
    yield
    redis.client.flushdb()


def pace(sender: float = 0.0, campaign: float = 0.0) -> Pace:
    return Pace(1, 2, sender, campaign)


def test_no_gap_gives_everything_at_once():
    assert take_turns(pace(), most=200) == take_turns(pace(), most=200)
    assert take_turns(pace(), most=200).wait_seconds == 0


def test_turns_follow_each_other_by_the_gap():
    waits = [take_turns(pace(sender=2.0), most=50).wait_seconds for _ in range(3)]
    assert waits == pytest.approx([2.0, 4.0, 6.0], abs=0.2)


def test_the_wider_gap_of_sender_and_campaign_counts():
    waits = [take_turns(pace(sender=0.5, campaign=3.0), most=1).wait_seconds for _ in range(2)]
    assert waits == pytest.approx([3.0, 6.0], abs=0.2)


def test_two_campaigns_share_their_senders_gap():
    take_turns(Pace(1, 2, 2.0, 0.0), most=1)
    assert take_turns(Pace(1, 3, 2.0, 0.0), most=1).wait_seconds == pytest.approx(4.0, abs=0.2)


def test_small_gaps_come_as_a_window_that_is_never_early():
    turns = take_turns(pace(campaign=0.05), most=50)
    assert turns.count == 5
    assert turns.wait_seconds == pytest.approx(0.05 + 4 * 0.05, abs=0.05)


def test_a_long_wait_reserves_nothing():
    for _ in range(2):
        turns = take_turns(pace(sender=60.0), most=1)
        assert (turns.count, turns.wait_seconds) == (0, pytest.approx(60.0, abs=0.5))
    assert turns.wait_seconds > LONGEST_SLEEP


def test_a_long_wait_comes_to_its_end():
    slow = pace(sender=LONGEST_SLEEP + 0.5)
    assert until_turn(slow) > LONGEST_SLEEP
    assert take_turns(slow, most=1).count == 0
    time.sleep(0.6)
    assert until_turn(slow) < LONGEST_SLEEP
    assert take_turns(slow, most=1).count == 1


def test_when_redis_forgets_the_sender_starts_slow():
    take_turns(pace(sender=3.0), most=1)
    redis.client.flushdb()
    assert take_turns(pace(sender=3.0), most=1).wait_seconds == pytest.approx(3.0, abs=0.2)


def test_the_tighter_of_delay_and_minute_cap_is_the_gap():
    assert sender_gap(delay_seconds=1.0, per_minute=20) == 3.0
    assert sender_gap(delay_seconds=4.0, per_minute=600) == 4.0
    assert sender_gap(delay_seconds=0.0, per_minute=None) == 0.0


def test_doorbells_are_rung_by_turns_between_workspaces():
    assert share({1: [10, 10, 10], 2: [20]}, {}, 96) == [10, 20, 10, 10]


def test_a_lone_workspace_may_have_every_drain():
    assert len(share({1: [10] * 100}, {}, 96)) == 96


@given(st.integers(1, 60), st.integers(0, 30), st.integers(4, 200))
def test_no_workspace_holds_more_than_a_quarter_while_others_wait(asked, busy, capacity):
    rung = share({1: [10] * asked, 2: [20]}, {1: busy}, capacity)
    assert busy + rung.count(10) <= max(capacity // 4, busy)
    assert 20 in rung
