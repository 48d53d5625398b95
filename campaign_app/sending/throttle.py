"""Pace: the turns that all connections, workers and machines take from one another, in Redis.

A limit is a gap between two turns, and it may be stricter in two ways. With a `cap` no sliding
minute ever holds more turns than that: each counts until a minute after its hand-over has ended,
because nobody knows when within it the server said yes. A limit that goes `alone` gives a turn only
when the one before has ended, and measures the gap from there: that is what a delay means to a
provider. A turn is taken at its moment and never ahead of it, so a changed pace, which has a key of
its own, finds nobody in line. If Redis forgets, everybody starts slow: an unknown limit waits for
one gap.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from redis.exceptions import RedisError

from campaign_app.extensions import redis
from campaign_app.lib import logs
from campaign_app.sending.throttle_scripts import SETTLE, TAKE

WINDOW_SECONDS = 0.25
"""A window is what a connection sends in this time; so long can a pause take to bite."""
LONGEST_SLEEP = 10.0
"""A drain sleeps longer gaps than this without its connection: it gives the batch back."""
LONGEST_TURN = 30.0
"""A hand-over that takes longer counts as ended: one that hangs must not hold up all the others."""
START_SECONDS = 0.6
"""What an unknown limit waits at least: the windows before and after Redis forgot, taken together,
must not hold more than a minute allows."""
UNKNOWN_SECONDS = 1.0
"""How soon to ask again while Redis does not answer."""
LATE_SECONDS = 0.05
"""What comes late may be made good, up to so much: or the rate would never be reached."""
KEY_SECONDS = 7_200
"""Longer than the longest gap."""

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit: `gap` in seconds, `cap` in turns in any sliding minute, 0 for none."""

    key: str
    gap: float
    cap: int = 0
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Pace:
    """All the limits that a message of one campaign, sent by one sender, has to keep."""

    limits: tuple[Limit, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.limits)


@dataclass(frozen=True, slots=True)
class Turns:
    """`count` messages may leave now; 0: none before `wait_seconds` have passed."""

    count: int
    wait_seconds: float = 0.0
    pace: Pace = field(default_factory=Pace)
    token: str = ""


def delay(sender_id: int, seconds: float) -> Limit:
    """One e-mail at a time, and `seconds` between the end of one and the beginning of the next."""
    return Limit(f"s{sender_id}:delay:{seconds:g}", seconds, alone=True)


def per_minute(whose: str, most: int) -> Limit:
    """At most `most` in any sliding minute, spread over it."""
    return Limit(f"{whose}:{most}", 60 / most, cap=most)


def brake(sender_id: int, rate: float) -> Limit:
    """About `rate` a minute, spread evenly. Its key stays: the rate rises every few seconds."""
    return Limit(f"s{sender_id}:brake", 60 / rate)


def take_turns(pace: Pace, *, most: int) -> Turns:
    """Take the turns that are there now, at most `most` and no more than a window's worth.

    They must be settled with `settle` as soon as their hand-over has ended.
    """
    return _ask(pace, most) if pace else Turns(most)


def until_turn(pace: Pace) -> float:
    """Seconds until the next turn may come; none is taken."""
    return _ask(pace, 0).wait_seconds if pace else 0.0


def settle(turns: Turns, *, used: int) -> None:
    """Tell that the hand-over of these turns has ended, and give back what was not used."""
    if not turns.pace or not turns.count:
        return
    try:
        redis.client.eval(
            SETTLE,
            2 * len(turns.pace.limits),
            *_keys(turns.pace.limits),
            turns.token,
            KEY_SECONDS,
            turns.count,
            used,
            *_numbers(turns.pace.limits),
        )
    except RedisError as error:  # then they count as used and under way for LONGEST_TURN
        log.warning("turns not settled", error=type(error).__name__)


def _ask(pace: Pace, most: int) -> Turns:
    token = secrets.token_hex(8)
    seconds = (WINDOW_SECONDS, LONGEST_TURN, START_SECONDS, LATE_SECONDS)
    try:
        wait, given = redis.client.eval(
            TAKE,
            2 * len(pace.limits),
            *_keys(pace.limits),
            token,
            KEY_SECONDS,
            most,
            *map(_micro, seconds),
            *_numbers(pace.limits),
        )
    except RedisError as error:
        # Without Redis nobody knows the pace of the others: better late than too fast.
        log.warning("pace unknown, waiting", error=type(error).__name__)
        return Turns(0, UNKNOWN_SECONDS)
    return Turns(int(given), int(wait) / 1e6, pace, token)


def _keys(limits: Sequence[Limit]) -> list[str]:
    names = [f"carillon:pace:{limit.key}" for limit in limits]
    return [key for name in names for key in (name, f"{name}:log")]


def _numbers(limits: Sequence[Limit]) -> list[int]:
    return [
        number for limit in limits for number in (_micro(limit.gap), limit.cap, int(limit.alone))
    ]


def _micro(seconds: float) -> int:
    return round(seconds * 1_000_000)
