"""Turns: gaps, sliding minutes and delays, over all who ask, and what happens if Redis forgets."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st

from campaign_app.extensions import redis
from campaign_app.sending import throttle
from campaign_app.sending.pacing import Pacer
from campaign_app.sending.throttle import Limit, Pace, Turns, settle, take_turns, until_turn

TOLERANCE = 0.005
"""Seconds: what our clock and Redis's may differ by."""


@pytest.fixture(autouse=True)
def forgetful(app: Flask):
    redis.client.flushdb()
    yield
    redis.client.flushdb()


def started(*limits: Limit) -> Pace:
    """A pace whose first turn is there."""
    pace = Pace(limits)
    until_turn(pace)
    for limit in limits:
        redis.client.hset(f"carillon:pace:{limit.key}", "next", round(time.time() * 1e6))
    return pace


def moment(pace: Pace) -> tuple[float, float]:
    """Between which two moments the next turn is said to come."""
    before = time.time()
    wait = until_turn(pace)
    return before + wait, time.time() + wait


def comes(pace: Pace, seconds: float, *, after: tuple[float, float]) -> bool:
    """Whether the next turn comes so long after what happened between two moments.

    However long the test stood still anywhere: only moments are compared.
    """
    earliest, latest = moment(pace)
    return latest >= after[0] + seconds - TOLERANCE and earliest <= after[1] + seconds + TOLERANCE


@contextmanager
def timed() -> Iterator[list[float]]:
    """When the block began, and when it had ended."""
    times = [time.time()]
    yield times
    times.append(time.time())


def wait_and_take(pace: Pace, *, most: int = 200) -> Turns:
    while not (turns := take_turns(pace, most=most)).count:
        time.sleep(turns.wait_seconds)
    return turns


def test_no_limit_gives_everything_at_once():
    assert take_turns(Pace(), most=200) == Turns(200)
    assert until_turn(Pace()) == 0


def test_an_unknown_limit_starts_slow():
    for pace in (Pace((Limit("a", 2.0),)), Pace((throttle.per_minute("c1", 30),))):
        turns = take_turns(pace, most=50)
        assert (turns.count, turns.wait_seconds) == (0, pytest.approx(2.0, abs=0.1))


def test_a_quick_limit_starts_slow_too():
    turns = take_turns(Pace((throttle.per_minute("c1", 60_000),)), most=50)
    assert (turns.count, turns.wait_seconds) == (0, pytest.approx(throttle.START_SECONDS, abs=0.05))


def test_the_next_turn_comes_a_gap_later():
    with timed() as taken:
        pace = started(Limit("a", 30.0))
        assert take_turns(pace, most=50).count == 1
    assert take_turns(pace, most=50).count == 0
    assert comes(pace, 30, after=taken)


def test_the_slowest_limit_counts():
    with timed() as taken:
        pace = started(Limit("a", 0.001), Limit("b", 30.0))
        assert take_turns(pace, most=50).count == 1
    assert comes(pace, 30, after=taken)


def test_small_gaps_come_as_a_windows_worth():
    with timed() as taken:
        pace = started(Limit("a", 0.05))
        assert take_turns(pace, most=50).count == 5
    following = float(redis.client.hget("carillon:pace:a", "next")) / 1e6
    assert taken[0] - throttle.LATE_SECONDS <= following - 0.25 <= taken[1]


def test_two_campaigns_share_their_senders_limit():
    sender = throttle.per_minute("s1", 2)
    started(sender)
    assert take_turns(Pace((sender,)), most=1).count == 1
    assert take_turns(Pace((sender, throttle.per_minute("c3", 6_000))), most=1).count == 0


def test_looking_takes_no_turn():
    pace = started(Limit("a", 60.0))
    assert [until_turn(pace) for _ in range(3)] == [0, 0, 0]
    assert take_turns(pace, most=1).count == 1


def test_a_long_wait_comes_to_its_end():
    pace = Pace((Limit("a", 30),))
    with timed() as asked:
        assert until_turn(pace) == 30
    time.sleep(0.3)
    assert until_turn(pace) <= 30 - 0.3 + TOLERANCE
    assert comes(pace, 30, after=asked)


def test_when_redis_forgets_everybody_starts_slow():
    pace = started(Limit("a", 3.0))
    take_turns(pace, most=1)
    redis.client.flushdb()
    assert until_turn(pace) == pytest.approx(3.0, abs=0.1)


def test_while_redis_is_away_a_drain_sleeps_and_does_not_spin(redis_url: str):
    pacer, began = Pacer(), time.monotonic()
    redis.connect("redis://127.0.0.1:1/0")
    back = threading.Timer(0.5, redis.connect, [redis_url])
    back.start()
    turns = pacer.take(Pace((Limit("a", 0.01),)), most=1)
    back.join()
    assert turns.count == 1
    assert time.monotonic() - began > throttle.UNKNOWN_SECONDS


def test_another_rate_does_not_wait_in_the_old_ones_line():
    slow = started(throttle.per_minute("c1", 1))
    take_turns(slow, most=1)
    assert until_turn(slow) > 50
    assert until_turn(Pace((throttle.per_minute("c1", 600),))) < 0.7


def test_a_brake_that_rises_keeps_its_line():
    with timed() as taken:
        assert take_turns(started(throttle.brake(1, 2)), most=1).count == 1
    assert comes(Pace((throttle.brake(1, 3),)), 30, after=taken)


def test_unused_turns_are_there_for_others():
    pace = started(Limit("a", 0.05, cap=5))
    turns = take_turns(pace, most=50)
    assert (turns.count, take_turns(pace, most=50).count) == (5, 0)
    settle(turns, used=1)
    assert wait_and_take(pace).count == 4


def test_what_is_settled_counts_for_a_minute_from_its_end():
    pace = started(Limit("a", 0.001, cap=3))
    turns = take_turns(pace, most=3)
    time.sleep(0.3)
    with timed() as ended:
        settle(turns, used=3)
    assert comes(pace, 60, after=ended)


def test_a_turn_under_way_counts_until_it_ends():
    pace = started(Limit("a", 0.001, cap=3))
    take_turns(pace, most=3)
    time.sleep(0.3)
    assert until_turn(pace) == pytest.approx(60, abs=0.1)  # for it may end just now


def test_a_delay_goes_one_by_one_and_from_end_to_beginning():
    pace = started(throttle.delay(1, 30))
    turns = take_turns(pace, most=50)
    time.sleep(0.3)
    assert (turns.count, take_turns(pace, most=50).count) == (1, 0)
    with timed() as ended:
        settle(turns, used=1)
    assert comes(pace, 30, after=ended)


def test_a_delayed_turn_that_was_not_used_is_there_at_once():
    pace = started(throttle.delay(1, 30))
    settle(take_turns(pace, most=1), used=0)
    assert take_turns(pace, most=1).count == 1


def test_a_delayed_turn_of_the_dead_is_believed_for_half_a_minute():
    pace = started(throttle.delay(1, 0.1))
    take_turns(pace, most=1)
    redis.client.hset("carillon:pace:s1:delay:0.1", "busy", 1)  # long ago
    time.sleep(0.15)
    assert take_turns(pace, most=1).count == 1


def test_what_ends_after_redis_forgot_is_told_again():
    delay, rate = throttle.delay(1, 30), throttle.per_minute("s1", 2)
    pace = started(delay, rate)
    turns = take_turns(pace, most=1)
    redis.client.flushdb()
    with timed() as ended:
        settle(turns, used=1)
    assert comes(Pace((delay,)), 30, after=ended)
    started(delay, rate)
    assert take_turns(pace, most=2).count == 1
    assert redis.client.hget("carillon:pace:s1:2", "total") == b"2"


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 7), st.integers(0, 7)), min_size=1, max_size=30))
def test_the_log_never_holds_more_than_the_cap(asked: list[tuple[int, int]]):
    redis.client.flushdb()
    pace, used = started(Limit("a", 0.000_001, cap=10)), 0
    for most, wanted in asked:
        turns = take_turns(pace, most=most)
        settle(turns, used=min(turns.count, wanted))
        used += min(turns.count, wanted)
    assert used <= 10
    assert int(redis.client.hget("carillon:pace:a", "total") or 0) == used
