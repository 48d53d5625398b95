"""The queue `jobs`: everything long that is not sending."""

from __future__ import annotations

import time

from celery import current_app as celery_app
from celery import shared_task
from flask import current_app
from kombu.exceptions import KombuError, OperationalError
from redis.exceptions import RedisError

from campaign_app.extensions import db
from campaign_app.imports import erasing, run, upload_sweep
from campaign_app.imports.run import Outcome
from campaign_app.lib import logs
from campaign_app.lib.errors import CarillonError
from campaign_app.models.erasures import Erasure
from campaign_app.services import (
    erasures,
    group_endings,
    group_filling,
    housekeeping,
    idempotency,
    recipient_bulk,
    recipient_index,
    signups,
    suppression_imports,
    tallies,
)
from campaign_app.tasks import dispatch, queues

DOORBELL_SECONDS = 3600
"""A job may wait behind others; a second doorbell finds it claimed, or nothing left to do."""
BULK_SECONDS = 20
"""How long a bulk action is at work before others who wait have their turn."""
INDEXING_SECONDS = 25
"""How long the index of words is filled at a stretch, while other jobs wait."""

log = logs.get(__name__)


@shared_task(name="jobs.run_import")
def run_import(import_id: int) -> None:
    """Import an uploaded file, try that, or undo it, unless another worker does.

    A long import goes to the end of the queue from time to time, so that nobody waits behind it.
    """
    stores = current_app.extensions["stores"]
    if run.run(import_id, stores=stores, others_wait=queues.jobs_wait) is Outcome.PUT_BACK:
        ring_import(import_id)
        return
    dispatch.ask_for_round()  # a campaign whose time had come may have waited for it


@shared_task(name="jobs.sweep_imports")
def sweep_imports() -> None:
    """Ring again for imports whose doorbell was lost or whose worker died; tidy up."""
    run.tidy(current_app.extensions["stores"])
    for import_id in run.abandoned():
        ring_import(import_id)


@shared_task(name="jobs.bulk_recipients")
def bulk_recipients(bulk_id: int) -> None:
    """Do, or undo, an action on many recipients, each step in a transaction."""
    ends = time.monotonic() + BULK_SECONDS
    try:
        while recipient_bulk.step(bulk_id):
            db.session.commit()
            if time.monotonic() > ends and queues.jobs_wait():
                ring_bulk(bulk_id)
                return
        db.session.commit()
    except CarillonError as error:
        _bulk_broke(bulk_id, error.message, for_good=True)
    except Exception:  # what it was, the worker's log says; the sweep tries again
        _bulk_broke(bulk_id, "Something went wrong on our side.", for_good=False)
        raise


@shared_task(name="jobs.sweep_recipients")
def sweep_recipients() -> None:
    """Ring again for bulk actions that nobody works at, and add up the changes of counts."""
    for bulk_id in recipient_bulk.overdue():
        ring_bulk(bulk_id)
    for workspace_id in tallies.long():
        tallies.fold(workspace_id)
        db.session.commit()
    for group_id in group_endings.purgeable():
        _ring("jobs.purge_group", group_id)


@shared_task(name="jobs.purge_group")
def purge_group(group_id: int) -> None:
    """Forget the members of a group that was deleted, some thousand at a time, and then itself."""
    while group_endings.purge(group_id):
        db.session.commit()
    db.session.commit()


@shared_task(name="jobs.index_words")
def index_words() -> None:
    """Index whoever was changed, for a while; then others have their turn, and Beat rings again."""
    ends, indexed = time.monotonic() + INDEXING_SECONDS, 0
    for workspace_id in recipient_index.waiting():
        while time.monotonic() < ends and (number := recipient_index.step(workspace_id)):
            db.session.commit()
            indexed += number
        db.session.rollback()
    if indexed >= recipient_index.STEP:
        recipient_index.settle()
        db.session.commit()
        _send("jobs.index_words", expires=INDEXING_SECONDS)


@shared_task(name="jobs.fill_group")
def fill_group(group_id: int) -> None:
    """Put the addresses that wait for a group into it, each chunk in a transaction."""
    while group_filling.step(group_id):
        db.session.commit()
    dispatch.ask_for_round()  # a campaign whose time had come may have waited for it


@shared_task(name="jobs.fill_suppressions")
def fill_suppressions(import_id: int) -> None:
    """Suppress the addresses of an import, each chunk in a transaction."""
    while suppression_imports.step(import_id):
        db.session.commit()


@shared_task(name="jobs.sweep_groups")
def sweep_groups() -> None:
    """Ring again for addresses that wait though nobody works at them; forget old requests."""
    idempotency.forget_old()
    db.session.commit()
    for group_id in group_filling.overdue():
        ring_filling(group_id)
    for import_id in suppression_imports.overdue():
        ring_suppressions(import_id)


@shared_task(name="jobs.keep_house")
def keep_house() -> None:
    """Forget what nobody will ask for again, in short transactions."""
    after: int | None = 0
    while after is not None:
        after = housekeeping.forget_usage(after=after)
        db.session.commit()
    housekeeping.forget_lost_windows()
    tallies.sweep()
    signups.forget_old()
    db.session.commit()
    while housekeeping.forget_undo():
        db.session.commit()
    upload_sweep.sweep(current_app.extensions["stores"])


def ring_bulk(bulk_id: int) -> None:
    """Ask for a bulk action, or its undo. Never raises: the sweep makes good what was missed."""
    _ring("jobs.bulk_recipients", bulk_id)


def ring_import(import_id: int) -> None:
    """Ask for what an import's state says: import, dry run or undo.

    Never raises: the sweep makes good what the broker missed.
    """
    _ring("jobs.run_import", import_id)


@shared_task(name="jobs.erase_people")
def erase_people() -> None:
    """Do the rounds of all erasures that are due; a torn one is done again."""
    for erasure_id in erasures.due():
        erasure = erasures.claim(erasure_id)
        db.session.commit()
        if erasure is not None:
            _erase(erasure)


def ring_erasures() -> None:
    """Ask for people to be erased. Never raises, as `ring_import`."""
    _send("jobs.erase_people", expires=DOORBELL_SECONDS)


def _erase(erasure: Erasure) -> None:
    workspace, email = erasures.whose(erasure), erasure.email or ""
    for step in erasures.steps(workspace, erasure):
        step()
        erasures.keep(erasure)
        db.session.commit()
    for path in erasing.rejected_files(workspace, current_app.extensions["stores"].state_path):
        erasing.forget(path, email)
    erasures.end_round(erasure)
    db.session.commit()


def ring_filling(group_id: int) -> None:
    """Ask for a group's waiting addresses to be worked off. Never raises, as `ring_import`."""
    _ring("jobs.fill_group", group_id)


def ring_suppressions(import_id: int) -> None:
    """Ask for an import of suppressions to be worked off. Never raises, as `ring_import`."""
    _ring("jobs.fill_suppressions", import_id)


def _ring(task: str, row_id: int) -> None:
    _send(task, row_id, expires=DOORBELL_SECONDS)


def _send(task: str, *arguments: int, expires: int) -> None:
    try:
        celery_app.send_task(task, args=arguments, expires=expires, ignore_result=True, retry=False)
    except (KombuError, OperationalError, RedisError) as error:
        log.warning("doorbell not rung", task=task, error=type(error).__name__)


def _bulk_broke(bulk_id: int, problem: str, *, for_good: bool) -> None:
    db.session.rollback()
    recipient_bulk.fail(bulk_id, problem, for_good=for_good)
    db.session.commit()
