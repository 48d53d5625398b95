"""The queue `jobs`: everything long that is not sending."""

from __future__ import annotations

from celery import shared_task

from campaign_app.sending import plan
from campaign_app.tasks import dispatch


@shared_task(name="jobs.plan_campaign")
def plan_campaign(campaign_id: int) -> None:
    """Work out a started campaign's audience, then ask for a round."""
    if plan.plan(campaign_id) is not None:
        dispatch.ring()
