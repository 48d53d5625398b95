"""A counter in Redis that says "look again": what somebody changed holds within a second.

PostgreSQL has the truth, and every window reads it. But a drain that sleeps until its pace lets the
next message leave would go by an old pace for seconds, or keep its connection for a campaign that
is paused by now. Without Redis it looks after its sleep, ten seconds at the most.
"""

from __future__ import annotations

from time import monotonic

from redis.exceptions import RedisError

from campaign_app.extensions import redis
from campaign_app.lib import logs
from campaign_app.sending import stopping

KEY = "carillon:changes"
LOOK_SECONDS = 0.25
"""How often a sleeping drain looks."""

log = logs.get(__name__)


def announce() -> None:
    """Wake every sleeping drain, after the commit of a change. Never raises."""
    try:
        redis.client.incr(KEY)
    except RedisError as error:
        log.warning("change not announced", error=type(error).__name__)


class Watch:
    """What one drain has seen of the counter; made before it reads the pace, or it misses one."""

    def __init__(self) -> None:
        self._seen = count()

    def sleep(self, seconds: float) -> bool:
        """Wait; False, and at once, when something has changed or the process is asked to end."""
        until = monotonic() + seconds
        while not stopping.is_wanted() and not self.is_old():
            left = until - monotonic()
            if left <= 0:
                return True
            stopping.sleep(min(left, LOOK_SECONDS))
        return False

    def is_old(self) -> bool:
        """Whether something has changed since this was last asked, or since it was made."""
        now = count()
        is_old = now is not None and now != self._seen
        self._seen = now if is_old else self._seen
        return is_old


class _Latest:
    """The counter as one of this process's drains has read it last."""

    def __init__(self) -> None:
        self._count: int | None = None
        self._at = float("-inf")

    def __call__(self) -> int | None:
        now = monotonic()
        if now - self._at >= LOOK_SECONDS:
            self._at = now  # first, so that the others do not ask, too
            self._count = count()
        return self._count


latest = _Latest()
"""The counter, at most LOOK_SECONDS old: forty-eight drains ask for it as one."""


def count() -> int | None:
    """How often something was announced; None while Redis is away."""
    try:
        value = redis.client.get(KEY)
    except RedisError:
        return None
    return int(value) if isinstance(value, bytes) else 0
