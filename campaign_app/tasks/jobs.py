"""The queue `jobs`: everything long that is not sending."""

from __future__ import annotations

from typing import Any

from celery import current_app as celery_app
from celery import shared_task
from flask import current_app
from kombu.exceptions import KombuError, OperationalError
from redis.exceptions import RedisError

from campaign_app.extensions import db
from campaign_app.imports import run
from campaign_app.lib import logs, underway
from campaign_app.lib.errors import Unavailable
from campaign_app.services import group_filling, housekeeping, idempotency, recipient_bulk
from campaign_app.services.recipient_bulk import Order
from campaign_app.tasks import dispatch

DOORBELL_SECONDS = 3600
"""A job may wait behind others; a second doorbell finds it claimed, or nothing left to do."""
BULK_SECONDS = 3600
"""A bulk action that starts an hour late would surprise the one who asked for it."""

log = logs.get(__name__)


@shared_task(name="jobs.run_import")
def run_import(import_id: int) -> None:
    """Import an uploaded file, unless another worker has it."""
    run.run(import_id, stores=current_app.extensions["stores"])
    dispatch.ask_for_round()  # a campaign whose time had come may have waited for it


@shared_task(name="jobs.sweep_imports")
def sweep_imports() -> None:
    """Ring again for imports whose doorbell was lost or whose worker died; tidy up."""
    run.tidy(current_app.extensions["stores"])
    for import_id in run.abandoned():
        ring_import(import_id)


@shared_task(name="jobs.bulk_recipients")
def bulk_recipients(workspace_id: int, user_id: int, order: dict[str, Any]) -> None:
    """Do one action on many recipients; a repeated or torn task finds less to do."""
    workspace, user = recipient_bulk.parties(workspace_id, user_id)
    asked = Order.from_json(order)
    total = 0
    after: int | None = 0
    try:
        while after is not None:
            changed, after = recipient_bulk.step(workspace, asked, after=after, user=user)
            db.session.commit()
            total += changed
            underway.note(workspace_id, asked.action, recipient_bulk.so_far(asked, changed=total))
    finally:  # what was done is done, and the log says so, even if the rest failed
        underway.over(workspace_id, asked.action)
        db.session.rollback()
        recipient_bulk.record_end(workspace, asked, changed=total, user=user)
        db.session.commit()


@shared_task(name="jobs.fill_group")
def fill_group(group_id: int) -> None:
    """Put the addresses that wait for a group into it, each chunk in a transaction."""
    while group_filling.step(group_id):
        db.session.commit()
    dispatch.ask_for_round()  # a campaign whose time had come may have waited for it


@shared_task(name="jobs.sweep_groups")
def sweep_groups() -> None:
    """Ring again for addresses that wait though nobody works at them; forget old requests."""
    idempotency.forget_old()
    db.session.commit()
    for group_id in group_filling.overdue():
        ring_filling(group_id)


@shared_task(name="jobs.keep_house")
def keep_house() -> None:
    """Forget what nobody will ask for again, in short transactions."""
    after: int | None = 0
    while after is not None:
        after = housekeeping.forget_usage(after=after)
        db.session.commit()
    housekeeping.forget_lost_windows()
    db.session.commit()


def ring_bulk(workspace_id: int, user_id: int, order: dict[str, Any]) -> None:
    """Ask for a long action on recipients. Raises Unavailable: no sweep would make it good."""
    try:
        celery_app.send_task(
            "jobs.bulk_recipients",
            args=(workspace_id, user_id, order),
            expires=BULK_SECONDS,
            ignore_result=True,
            retry=False,
        )
    except (KombuError, OperationalError, RedisError) as error:
        log.warning("bulk action not asked for", error=type(error).__name__)
        raise Unavailable(
            "Nothing was changed: the background workers cannot be reached. Try again in a minute."
        ) from error


def ring_import(import_id: int) -> None:
    """Ask for an import to be run. Never raises: the sweep makes good what the broker missed."""
    _ring("jobs.run_import", import_id)


def ring_filling(group_id: int) -> None:
    """Ask for a group's waiting addresses to be worked off. Never raises, as `ring_import`."""
    _ring("jobs.fill_group", group_id)


def _ring(task: str, row_id: int) -> None:
    try:
        celery_app.send_task(
            task, args=(row_id,), expires=DOORBELL_SECONDS, ignore_result=True, retry=False
        )
    except (KombuError, OperationalError, RedisError) as error:
        log.warning("doorbell not rung", task=task, error=type(error).__name__)
