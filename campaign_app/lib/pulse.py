"""Signs of life: whoever works beats into Redis, and whoever asks sees who has beaten last.

One sorted set with the moment of each beat by Redis's own clock, because hosts' clocks differ.
Nothing depends on it but what people are told: after a FLUSHALL the living are back in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

from redis import Redis
from redis.exceptions import RedisError

KEY = "carillon:pulse"
FORGOTTEN_SECONDS = 3600
"""How long a process that beats no more is remembered."""

_BEAT = """
local now = tonumber(redis.call('TIME')[1])
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[2])
return now
"""
_READ = "return {redis.call('TIME')[1], redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')}"


@dataclass(frozen=True, slots=True)
class Beat:
    """The last beat of one process. `part` says what it does.

    `at` is in seconds since the epoch, by Redis's clock, and so many seconds ago.
    """

    part: str
    process: str
    at: int
    age: int


def beat(client: Redis, part: str, process: str = "") -> bool:
    """Note that this process lives; False while Redis does not answer."""
    try:
        client.eval(_BEAT, 1, KEY, f"{part}@{process}", FORGOTTEN_SECONDS)
    except RedisError:
        return False
    return True


def read(client: Redis) -> list[Beat]:
    """The last beat of everybody. Raises RedisError."""
    now, found = client.eval(_READ, 1, KEY)
    flat = [one.decode() if isinstance(one, bytes) else str(one) for one in found]
    return [
        _beat(member, int(now), int(float(moment)))
        for member, moment in zip(flat[::2], flat[1::2], strict=True)
    ]


def _beat(member: str, now: int, at: int) -> Beat:
    part, _, process = member.partition("@")
    return Beat(part, process, at, max(0, now - at))
