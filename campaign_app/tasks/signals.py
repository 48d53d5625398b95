"""What Celery tells of its processes: that one lives, that a task failed, that it wants to log."""

from __future__ import annotations

import gc

from celery import Task
from celery import current_app as celery_app
from celery.signals import heartbeat_sent, setup_logging, task_failure, worker_init

from campaign_app.extensions import redis
from campaign_app.lib import metrics, pulse
from campaign_app.tasks.workshop import worker_name


def connect() -> None:
    """Listen to Celery's processes; twice does no harm."""
    heartbeat_sent.connect(beat)
    setup_logging.connect(keep_our_logs)
    task_failure.connect(count_failure)
    worker_init.connect(keep_what_is_loaded)


def beat(**_: object) -> None:
    """Every two seconds, out of the loop that waits for tasks.

    Not out of a thread of its own: that would go on beating while the loop hangs, or has lost the
    broker and hears no doorbell.
    """
    for queue in celery_app.amqp.queues.consume_from:
        pulse.beat(redis.client, queue, worker_name())


def keep_our_logs(**_: object) -> None:
    """Celery would set its own level and add a handler; somebody who listens keeps it from that."""


def keep_what_is_loaded(**_: object) -> None:
    """Never look for garbage in the application's modules, which live as long as the process.

    An import spent a sixth of its time on that. Processes that are forked from now on share them.
    """
    gc.collect()
    gc.freeze()


def count_failure(sender: Task[..., object] | None = None, **_: object) -> None:
    """A task that raised: Celery logs it."""
    metrics.task_failed(sender.name if sender and sender.name else "unknown")
