"""What is costly to compute and may be some seconds old, kept in Redis for every process."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TypeVar, cast

from redis.exceptions import RedisError

from campaign_app.extensions import redis

T = TypeVar("T")


def kept(key: str, seconds: int, compute: Callable[[], T]) -> T:
    """What `compute` gives, in JSON's own types, computed at most once in `seconds`.

    While Redis is away it is computed each time.
    """
    try:
        known = redis.client.get(key)
    except RedisError:
        return compute()
    if known is not None:
        return cast(T, json.loads(known))
    fresh = compute()
    try:
        redis.client.set(key, json.dumps(fresh), ex=seconds)
    except RedisError:
        return fresh
    return fresh
