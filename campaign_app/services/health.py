"""Is everything there that sending needs? Asked often, so it must answer even when nothing does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import cache
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from campaign_app.lib import pulse
from campaign_app.lib.pulse import Beat

PATIENCE = 1.5
"""Seconds for all parts together: whoever asks gives up after two."""
GONE_AFTER = {"beat": 60, "dispatch": 60, "sending": 20, "jobs": 20}
"""Seconds without a sign of life after which a part counts as gone.

A worker beats every two seconds while it listens to the broker, and one that is only started again
is back before that. The dispatcher is deaf during a round, and Beat is heard by its rounds.
"""

# A part that hangs keeps its thread, and further questions wait in line for a while, unanswered:
# that is an answer, too. Nothing piles up beyond these.
_probes = ThreadPoolExecutor(max_workers=6, thread_name_prefix="readyz")


@dataclass(frozen=True, slots=True)
class Health:
    """What answers, how many processes of each part live, and since when the newest sign is old.

    `ages` are seconds and `at` seconds since the epoch; None where there was never a sign.
    """

    database: bool
    broker: bool
    alive: dict[str, int]
    ages: dict[str, int | None]
    at: dict[str, int | None]

    @property
    def missing(self) -> list[str]:
        """What is not there, by its name in the Procfile."""
        servers = {"database": self.database, "broker": self.broker}
        return [name for name, is_there in (servers | self.alive).items() if not is_there]


def check(engine: Engine, *, redis_url: str) -> Health:
    """Ask the database, the broker and, through it, for the workers' signs of life.

    Answers within `PATIENCE` seconds.
    """
    broker = _broker(redis_url)
    questions: list[Callable[[], Any]] = [lambda: _answers(engine), lambda: _beats(broker)]
    asked = [_probes.submit(question) for question in questions]
    wait(asked, timeout=PATIENCE)
    database, beats = (_answer_of(one) for one in asked)
    return of(database=bool(database), beats=beats)


def workers(*, redis_url: str) -> Health:
    """The same for a page that has had the database's answer already; within a second."""
    return of(database=True, beats=_beats(_broker(redis_url)))


def of(*, database: bool, beats: Sequence[Beat] | None) -> Health:
    """The state that follows from the beats; None stands for a broker that does not answer."""
    found = {part: [one for one in beats or () if one.part == part] for part in GONE_AFTER}
    newest = {part: min(found[part], key=lambda one: one.age, default=None) for part in found}
    return Health(
        database=database,
        broker=beats is not None,
        alive={part: sum(one.age <= GONE_AFTER[part] for one in found[part]) for part in found},
        ages={part: one.age if one else None for part, one in newest.items()},
        at={part: one.at if one else None for part, one in newest.items()},
    )


def _answer_of(asked: Future[Any]) -> Any:  # noqa: ANN401  # each question has its own answer
    if asked.done():
        return asked.result()
    asked.cancel()
    return None


def _answers(engine: Engine) -> bool:
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    except SQLAlchemyError:
        return False
    return True


def _beats(broker: Redis) -> list[Beat] | None:
    try:
        return pulse.read(broker)
    except RedisError:
        return None


@cache
def _broker(url: str) -> Redis:
    """A client that neither waits nor tries again."""
    return Redis.from_url(
        url, socket_timeout=1, socket_connect_timeout=1, retry=Retry(NoBackoff(), 0)
    )
