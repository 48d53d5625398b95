"""Is everything there that sending needs? Asked often, so it must answer even when nothing does."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

PATIENCE = 1.5
"""Seconds for all parts together: whoever asks gives up after two."""

# A part that hangs keeps its thread, and further questions wait in line for a while, unanswered:
# that is an answer, too. Nothing piles up beyond these.
_probes = ThreadPoolExecutor(max_workers=6, thread_name_prefix="readyz")


def parts(engine: Engine, *, redis_url: str, heartbeat: str) -> dict[str, bool]:
    """Whether the database, the broker and the dispatcher answer, within `PATIENCE` seconds.

    `heartbeat` is the Redis key that the dispatcher's rounds renew.
    """
    broker = _broker(redis_url)
    questions: dict[str, Callable[[], bool]] = {
        "database": lambda: _answers(engine),
        "broker": lambda: _pings(broker),
        "dispatcher": lambda: _beats(broker, heartbeat),
    }
    asked = {name: _probes.submit(question) for name, question in questions.items()}
    answered, late = wait(asked.values(), timeout=PATIENCE)
    for probe in late:
        probe.cancel()
    return {name: probe in answered and probe.result() for name, probe in asked.items()}


def _answers(engine: Engine) -> bool:
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    except SQLAlchemyError:
        return False
    return True


def _pings(broker: Redis) -> bool:
    try:
        return bool(broker.ping())
    except RedisError:
        return False


def _beats(broker: Redis, heartbeat: str) -> bool:
    try:
        return bool(broker.exists(heartbeat))
    except RedisError:
        return False


@cache
def _broker(url: str) -> Redis:
    """A client that neither waits nor tries again."""
    return Redis.from_url(
        url, socket_timeout=1, socket_connect_timeout=1, retry=Retry(NoBackoff(), 0)
    )
