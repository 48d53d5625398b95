"""Long work that no row tells of, as its worker notes it: a workspace's page shows it meanwhile.

Kept in Redis and forgotten by itself, so that a worker that dies leaves nothing behind. Nothing but
the page depends on it.
"""

from __future__ import annotations

import json
import time

from redis.exceptions import RedisError

from campaign_app.extensions import redis

FORGOTTEN_SECONDS = 60
"""How long a note stands that nobody renews."""


def note(workspace_id: int, job: str, words: str) -> None:
    """Say how far a job is; each of its steps says it anew. Never raises."""
    try:
        redis.client.hset(_key(workspace_id), job, json.dumps([words, time.time()]))
        redis.client.expire(_key(workspace_id), FORGOTTEN_SECONDS)
    except RedisError:
        return


def over(workspace_id: int, job: str) -> None:
    """The job has ended. Never raises."""
    try:
        redis.client.hdel(_key(workspace_id), job)
    except RedisError:
        return


def read(workspace_id: int) -> list[str]:
    """What is said of the workspace's jobs; nothing while Redis does not answer."""
    try:
        noted = redis.client.hgetall(_key(workspace_id))
    except RedisError:
        return []
    found = [json.loads(one) for _, one in sorted(noted.items())]
    return [words for words, at in found if time.time() - at < FORGOTTEN_SECONDS]


def _key(workspace_id: int) -> str:
    return f"carillon:underway:{workspace_id}"
