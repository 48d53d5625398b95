"""Pace: the gap between hand-overs, held over all connections, workers and machines.

A sender's `delay_seconds` and per-minute cap and a campaign's messages per minute are one thing
here, a gap. Redis keeps the moment at which each may go on, and one script takes a turn of both.
If Redis forgets, the sender starts slow: an unknown key waits for one gap.
"""

from __future__ import annotations

from dataclasses import dataclass

from redis.exceptions import RedisError

from campaign_app.extensions import redis
from campaign_app.lib import logs

WINDOW_SECONDS = 0.25
"""A window is what a connection sends in this time; so long can a pause take to bite."""
LONGEST_SLEEP = 10.0
"""A drain sleeps longer gaps than this without its connection: it gives the batch back."""
KEY_SECONDS = 86_400

log = logs.get(__name__)

# KEYS: the sender's and the campaign's next moment. ARGV: their gaps, the turns wanted, the longest
# wait, all in microseconds but the turns. Answers: microseconds until the last turn, turns given.
_TAKE_TURNS = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local turns, longest = tonumber(ARGV[3]), tonumber(ARGV[4])
local start, widest = now, 0
for i = 1, 2 do
    local gap = tonumber(ARGV[i])
    if gap > 0 then
        -- Noted even if no turn is taken: an unknown moment would stay one gap ahead for ever.
        redis.call('SET', KEYS[i], string.format('%.0f', now + gap), 'NX', 'EX', ARGV[5])
        local free = tonumber(redis.call('GET', KEYS[i]))
        if free > start then start = free end
        if gap > widest then widest = gap end
    end
end
local last = start + (turns - 1) * widest
if last - now > longest then return {last - now, 0} end
for i = 1, 2 do
    local gap = tonumber(ARGV[i])
    if gap > 0 then
        redis.call('SET', KEYS[i], string.format('%.0f', last + gap), 'EX', ARGV[5])
    end
end
return {last - now, turns}
"""


@dataclass(frozen=True, slots=True)
class Pace:
    """The gaps, in seconds, that a sender and a campaign ask for; 0 asks for none."""

    sender_id: int
    campaign_id: int
    sender_gap: float = 0.0
    campaign_gap: float = 0.0

    @property
    def gap(self) -> float:
        """The wider of the two gaps."""
        return max(self.sender_gap, self.campaign_gap)


@dataclass(frozen=True, slots=True)
class Turns:
    """`count` messages may leave after `wait_seconds`; 0 = none within LONGEST_SLEEP."""

    count: int
    wait_seconds: float


def sender_gap(*, delay_seconds: float, per_minute: int | None) -> float:
    """The gap that a sender's delay and its per-minute cap come to, in seconds."""
    return max(delay_seconds, 60 / per_minute if per_minute else 0.0)


def take_turns(pace: Pace, *, most: int) -> Turns:
    """Reserve the next turns, at most `most` and no more than a window's worth.

    They are given as a burst at the moment of the last of them, so none leaves too early.
    """
    if pace.gap <= 0:
        return Turns(most, 0.0)
    return _ask(pace, max(1, min(most, int(WINDOW_SECONDS / pace.gap))), LONGEST_SLEEP)


def until_turn(pace: Pace) -> float:
    """Seconds until the next turn would come; none is taken."""
    return _ask(pace, 1, -1.0).wait_seconds if pace.gap > 0 else 0.0


def _ask(pace: Pace, count: int, longest: float) -> Turns:
    keys = [f"carillon:pace:s{pace.sender_id}", f"carillon:pace:c{pace.campaign_id}"]
    gaps = [_micro(pace.sender_gap), _micro(pace.campaign_gap)]
    try:
        wait, given = redis.client.eval(
            _TAKE_TURNS, 2, *keys, *gaps, count, _micro(longest), KEY_SECONDS
        )
    except RedisError as error:
        # Without Redis nobody knows the pace of the others: better late than too fast.
        log.warning("pace unknown, waiting", error=type(error).__name__)
        return Turns(0, LONGEST_SLEEP)
    return Turns(int(given), int(wait) / 1e6)


def _micro(seconds: float) -> int:
    return round(seconds * 1_000_000)
