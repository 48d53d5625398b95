"""Signs of life, as workers give them, and the time that passes without one."""

from __future__ import annotations

from campaign_app.extensions import redis
from campaign_app.lib import pulse
from campaign_app.services.health import GONE_AFTER


def everybody_lives() -> None:
    """One process of each part has just given a sign."""
    for part in GONE_AFTER:
        pulse.beat(redis.client, part, "host:1")


def let_pass(seconds: float, *, part: str) -> None:
    """Make the signs of this part so much older."""
    for member in redis.client.zrange(pulse.KEY, 0, -1):
        if member.decode().startswith(f"{part}@"):
            redis.client.zincrby(pulse.KEY, -seconds, member)
