"""The queue `dispatch`: the round that Beat rings every ten seconds, alone in its worker."""

from __future__ import annotations

from celery import current_app as celery_app
from celery import shared_task
from kombu.exceptions import KombuError, OperationalError
from redis.exceptions import RedisError

from campaign_app.extensions import redis
from campaign_app.lib import logs, pulse
from campaign_app.lib.tenancy import HasId
from campaign_app.models.campaigns import Campaign
from campaign_app.sending import changes, dispatch, sharing
from campaign_app.sending.reconcile import Report, reconcile
from campaign_app.tasks.queues import AT_ONCE, BEAT, DISPATCH, DOORBELL_SECONDS, LATER
from campaign_app.tasks.workshop import capacity, worker_name, workshop

RUNG_KEY = "carillon:rung"

log = logs.get(__name__)


@shared_task(name="dispatch.tick")
def tick(from_beat: bool = False) -> None:  # Celery sends it by name
    """One round; then ring whom it names. `from_beat` tells Beat's ticks from those rung for."""
    _note_life(from_beat=from_beat)
    found = dispatch.go_round(journals=workshop().journals, capacity=capacity())
    for campaign_id in found.to_plan:
        send("sending.plan_campaign", campaign_id)
    for campaign_id in found.to_retry:
        send("sending.retry_failed", campaign_id)
    sharing.announce(found.shares)
    for turn, sender_id in enumerate(found.bells):
        later = turn >= found.shares.urgent
        send("sending.drain_sender", sender_id, priority=LATER if later else AT_ONCE)


def reconcile_and_ring(workspace: HasId, campaign: Campaign) -> Report:
    """Check and repair a campaign, commit, and ring whom nobody has rung. Raises Conflict."""
    report = reconcile(workspace, campaign, journals=workshop().journals)
    if report.to_plan:
        send("sending.plan_campaign", campaign.id)
    for _ in range(report.doorbells):
        send("sending.drain_sender", campaign.sender_id or 0)
    ring()
    return report


def ring() -> None:
    """Tell of a change that is committed: wake the drains that sleep, and ask for a round now."""
    changes.announce()
    ask_for_round()


def ask_for_round() -> None:
    """Ask for a round now. Never raises: Beat's next round makes good what the broker missed."""
    try:
        if redis.client.set(RUNG_KEY, 1, nx=True, ex=DOORBELL_SECONDS):
            send("dispatch.tick")
    except RedisError as error:
        log.warning("doorbell not rung", error=type(error).__name__)


def send(task: str, *args: int, priority: int = AT_ONCE) -> None:
    """Put a doorbell into its queue; it is thrown away when nobody answers in time."""
    try:
        celery_app.send_task(
            task,
            args=args,
            expires=DOORBELL_SECONDS,
            ignore_result=True,
            retry=False,
            priority=priority,
        )
    except (KombuError, OperationalError, RedisError) as error:
        log.warning("doorbell not rung", task=task, error=type(error).__name__)


def _note_life(*, from_beat: bool) -> None:
    """Let /readyz see that Beat and this worker live, and let the next `ring` through."""
    pulse.beat(redis.client, DISPATCH, worker_name())
    if from_beat:
        pulse.beat(redis.client, BEAT)
    try:
        redis.client.delete(RUNG_KEY)
    except RedisError as error:
        log.warning("redis away", error=type(error).__name__)
