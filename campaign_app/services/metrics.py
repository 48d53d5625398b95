"""Figures that no process counts: read from the tables and from Redis when Prometheus asks.

Everything is cheap whatever the size: nothing counts messages, and what looks at batches looks at
those that are not done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import Select, func, select, text
from sqlalchemy.exc import SQLAlchemyError

from campaign_app.extensions import db
from campaign_app.lib import build
from campaign_app.models.campaigns import Campaign, CampaignStatus
from campaign_app.models.imports import Import, ImportState
from campaign_app.models.messages import Batch, BatchState, Message, MessageStatus
from campaign_app.models.senders import Sender, SenderSlot, SenderState
from campaign_app.services.health import Health

AWAKE = (CampaignStatus.SCHEDULED, CampaignStatus.SENDING, CampaignStatus.PAUSED)
AT_WORK = (ImportState.WAITING, ImportState.RUNNING)
EARLIEST = 1_000
"""Due retries that are looked at for the oldest that nothing holds back."""

_NOW = func.now()
_AGE = func.extract("epoch", _NOW - func.min(Batch.not_before))


def everything(
    process_figures: Sequence[Metric],
    *,
    health: Health,
    broker: Redis,
    queues: Mapping[str, Sequence[str]],
) -> list[Metric]:
    """What the processes have counted, and what the tables and Redis say now.

    A part that does not answer is missing from it, and `carillon_up` says so.
    """
    found = [*process_figures, _build(), _up(health), _workers(health)]
    parts: tuple[tuple[bool, Callable[[], list[Metric]]], ...] = (
        (health.database, _from_tables),
        (health.broker, lambda: [_queues(broker, queues)]),
    )
    for answers, read in parts:
        with suppress(SQLAlchemyError, RedisError):  # it may go while it is asked
            found += read() if answers else []
    return found


def _build() -> Metric:
    labels = {"version": build.VERSION, "python": build.PYTHON}
    return _gauge("build_info", "What runs here.", [(labels, 1)])


def _up(health: Health) -> Metric:
    answers = {"database": health.database, "broker": health.broker}
    return _gauge("up", "Whether a server answers.", _by("part", answers))


def _workers(health: Health) -> Metric:
    words = "Processes that gave a sign of life lately; for beat, whether its ticks arrive."
    return _gauge("workers", words, _by("part", health.alive))


def _queues(broker: Redis, queues: Mapping[str, Sequence[str]]) -> Metric:
    lengths = {name: sum(map(broker.llen, lists)) for name, lists in queues.items()}
    return _gauge("queue_length", "Tasks that wait in Redis.", _by("queue", lengths))


def _from_tables() -> list[Metric]:
    db.session.execute(text("SET LOCAL statement_timeout = '2s'"))
    counted = [
        _count("senders", "Senders by state.", SenderState, Sender.state),
        _count("campaigns", "Campaigns that are not over.", AWAKE, Campaign.status),
        _count("imports", "Imports waiting or running.", AT_WORK, Import.state),
    ]
    return [*counted, *_batches(), _slots(), _late_retries()]


def _count(name: str, words: str, states: Iterable[str], column: Any) -> Metric:  # noqa: ANN401
    """Rows by state; a state without any is 0, so that nothing vanishes from a graph."""
    wanted = list(states)
    rows = _rows(select(column, func.count()).where(column.in_(wanted)).group_by(column))
    numbers = dict.fromkeys(map(str, wanted), 0) | {str(state): count for state, count in rows}
    return _gauge(name, words, _by("state", numbers))


def _batches() -> list[Metric]:
    waiting = (BatchState.PENDING, BatchState.DISPATCHED, BatchState.SENDING)
    found = _rows(
        select(
            Batch.state,
            func.count(),
            func.count().filter(Batch.lease_until < _NOW),
            func.greatest(0, _AGE),
        )
        .where(Batch.state != BatchState.DONE)
        .group_by(Batch.state)
    )
    counts = dict.fromkeys(map(str, waiting), 0) | {str(row[0]): row[1] for row in found}
    ages = {str(row[0]): float(row[3] or 0) for row in found}
    return [
        _gauge("batches", "Batches that are not done.", _by("state", counts)),
        _gauge(
            "queue_age_seconds",
            "How long the oldest batch that was given free has been due.",
            [({}, ages.get(BatchState.DISPATCHED, 0.0))],
        ),
        _gauge(
            "leases_expired",
            "Batches whose lease ran out and that nobody has taken back yet.",
            [({}, sum(row[2] for row in found))],
        ),
    ]


def _slots() -> Metric:
    held = SenderSlot.slot >= 0, SenderSlot.lease_until > _NOW
    in_use = _rows(select(func.count()).where(*held))[0][0]
    return _gauge("slots_in_use", "Connections that senders hold.", [({}, in_use)])


def _late_retries() -> Metric:
    """By how much the oldest due retry of a campaign that is sending is late."""
    due = (
        select(Message.campaign_id, Message.next_attempt_at, Message.status)
        .where(Message.next_attempt_at <= _NOW)
        .order_by(Message.next_attempt_at)
        .limit(EARLIEST)
        .subquery()
    )
    late = select(func.extract("epoch", _NOW - func.min(due.c.next_attempt_at))).join(
        Campaign, Campaign.id == due.c.campaign_id
    )
    late = late.where(
        Campaign.status == CampaignStatus.SENDING, due.c.status == MessageStatus.DEFERRED
    )
    words = "How long the oldest second try has been due; the dispatcher looks every ten seconds."
    return _gauge("retry_late_seconds", words, [({}, float(_rows(late)[0][0] or 0))])


def _rows(statement: Select[Any]) -> Sequence[Any]:
    return db.session.execute(  # figures of the whole installation: no row is named
        statement.execution_options(all_workspaces=True)
    ).all()


def _by(label: str, numbers: Mapping[str, float]) -> list[tuple[dict[str, str], float]]:
    return [({label: str(name)}, float(number)) for name, number in numbers.items()]


def _gauge(name: str, words: str, samples: Iterable[tuple[dict[str, str], float]]) -> Metric:
    found = list(samples)
    labels = list(found[0][0]) if found else []
    family = GaugeMetricFamily(f"carillon_{name}", words, labels=labels)
    for values, number in found:
        family.add_metric([values[label] for label in labels], number)
    return family
