"""The Celery application: three queues, and settings that make every task a mere doorbell."""

from __future__ import annotations

from celery import Celery, Task
from flask import Flask
from redis.exceptions import RedisError

from campaign_app.extensions import redis
from campaign_app.lib import logs

DISPATCH, SENDING, JOBS = QUEUES = ("dispatch", "sending", "jobs")
AT_ONCE, LATER = 0, 9
"""Priorities: the doorbells of workspaces that have drains already lie behind all the others."""
BEAT = "beat"
"""What gives signs of life besides the workers of the queues."""
TICK_SECONDS = 10
"""How often Beat rings the dispatcher."""
SWEEP_SECONDS = 30
"""How often imports, addresses and mails that wait for somebody are looked for."""
WORDS_SECONDS = 5
"""How often recipients are looked for whose words are not indexed yet."""
HOUSE_SECONDS = 3600
"""How often old rows are forgotten."""
DOORBELL_SECONDS = 10
"""A doorbell older than this is thrown away: the next tick has rung again by then."""


class ContextTask(Task):  # type: ignore[type-arg]
    """A task that runs inside the Flask application's context."""

    flask_app: Flask

    def __call__(self, *args: object, **kwargs: object) -> object:
        """Run the task; its database session ends with the context, its ids in the log, too."""
        with self.flask_app.app_context(), logs.bound(task=self.name, task_id=self.request.id):
            try:
                return self.run(*args, **kwargs)
            finally:
                logs.forget()  # what the engine has bound: threads serve one task after another


def make_celery(app: Flask, *, redis_url: str) -> Celery[ContextTask]:
    """The Celery application whose tasks run inside `app`'s context."""
    task_class = type("AppTask", (ContextTask,), {"flask_app": app, "abstract": True})
    celery: Celery[ContextTask] = Celery(app.import_name, task_cls=task_class)
    celery.conf.update(_settings(redis_url))
    app.extensions["celery"] = celery
    return celery


def lists(queue: str) -> list[str]:
    """The Redis lists in which a queue's tasks wait, one for each priority that we use."""
    return [queue, f"{queue}\x06\x16{LATER}"]  # as Kombu names them


def jobs_wait() -> bool:
    """Whether jobs are in their queue: then all workers are busy. False while Redis is away."""
    try:
        return any(redis.client.llen(name) for name in lists(JOBS))
    except RedisError:
        return False


TASK_MODULES = tuple(f"campaign_app.tasks.{queue}" for queue in QUEUES)
"""One module a queue."""
ROUTES = {f"{queue}.*": {"queue": queue} for queue in QUEUES}
"""A task's name begins with its queue's."""


def _settings(redis_url: str) -> dict[str, object]:
    return {
        "broker_url": redis_url,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "task_ignore_result": True,
        "task_acks_late": False,
        "task_store_errors_even_if_ignored": False,
        # A prefetched doorbell outlives its `expires` and starts after SIGTERM.
        "worker_disable_prefetch": True,
        "worker_prefetch_multiplier": 1,
        "worker_hijack_root_logger": False,
        "task_default_queue": JOBS,
        "timezone": "UTC",
        "imports": TASK_MODULES,
        "task_routes": ROUTES,
        "beat_schedule": {
            "tick": {
                **_every(TICK_SECONDS, "dispatch.tick", expires=DOORBELL_SECONDS),
                "kwargs": {"from_beat": True},
            },
            "imports": _every(SWEEP_SECONDS, "jobs.sweep_imports", expires=SWEEP_SECONDS),
            "groups": _every(SWEEP_SECONDS, "jobs.sweep_groups", expires=SWEEP_SECONDS),
            "recipients": _every(SWEEP_SECONDS, "jobs.sweep_recipients", expires=SWEEP_SECONDS),
            "words": _every(WORDS_SECONDS, "jobs.index_words", expires=WORDS_SECONDS),
            "erasures": _every(SWEEP_SECONDS, "jobs.erase_people", expires=SWEEP_SECONDS),
            "signups": _every(SWEEP_SECONDS, "sending.mail_signups", expires=SWEEP_SECONDS),
            "house": _every(HOUSE_SECONDS, "jobs.keep_house", expires=HOUSE_SECONDS),
        },
    }


def _every(seconds: int, task: str, *, expires: int) -> dict[str, object]:
    return {"task": task, "schedule": seconds, "options": {"expires": expires}}
