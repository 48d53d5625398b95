"""The queue `jobs`: everything long that is not sending."""

from __future__ import annotations

from celery import current_app as celery_app
from celery import shared_task
from flask import current_app
from kombu.exceptions import KombuError, OperationalError
from redis.exceptions import RedisError

from campaign_app.imports import run
from campaign_app.lib import logs
from campaign_app.sending import plan
from campaign_app.tasks import dispatch

IMPORT_DOORBELL_SECONDS = 3600
"""An import may wait behind others; a second doorbell finds it claimed and does nothing."""

log = logs.get(__name__)


@shared_task(name="jobs.plan_campaign")
def plan_campaign(campaign_id: int) -> None:
    """Work out a started campaign's audience, then ask for a round."""
    if plan.plan(campaign_id) is not None:
        dispatch.ring()


@shared_task(name="jobs.run_import")
def run_import(import_id: int) -> None:
    """Import an uploaded file, unless another worker has it."""
    run.run(import_id, state_path=current_app.extensions["carillon_config"].state_path)


@shared_task(name="jobs.sweep_imports")
def sweep_imports() -> None:
    """Ring again for imports whose doorbell was lost or whose worker died."""
    for import_id in run.abandoned():
        ring_import(import_id)


def ring_import(import_id: int) -> None:
    """Ask for an import to be run. Never raises: the sweep makes good what the broker missed."""
    try:
        celery_app.send_task(
            "jobs.run_import",
            args=(import_id,),
            expires=IMPORT_DOORBELL_SECONDS,
            ignore_result=True,
            retry=False,
        )
    except (KombuError, OperationalError, RedisError) as error:
        log.warning("doorbell not rung", task="jobs.run_import", error=type(error).__name__)
