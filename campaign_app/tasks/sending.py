"""The queue `sending`: a task is one SMTP connection that drains its sender, or one planning."""

from __future__ import annotations

from typing import TYPE_CHECKING

from celery import shared_task
from celery.signals import worker_ready, worker_shutting_down

from campaign_app.extensions import db
from campaign_app.lib import logs
from campaign_app.sending import confirmations, plan, stopping, upkeep
from campaign_app.sending.deliver import End, drain
from campaign_app.services import retry
from campaign_app.tasks import dispatch
from campaign_app.tasks.queues import LATER, SENDING, ContextTask
from campaign_app.tasks.workshop import confirmation_url, worker_name, workshop

if TYPE_CHECKING:
    from celery.worker.consumer import Consumer


@shared_task(name="sending.drain_sender")
def drain_sender(sender_id: int) -> None:
    """Drain the sender; with work left, ring the successor, else ask what is next."""
    logs.bind(sender=sender_id)
    end = drain(sender_id, workshop=workshop(), worker=worker_name())
    if end == End.YIELDED:
        dispatch.send("sending.drain_sender", sender_id, priority=LATER)
    elif end in (End.EMPTY, End.WAITING):
        dispatch.ask_for_round()


@shared_task(name="sending.plan_campaign")
def plan_campaign(campaign_id: int) -> None:
    """Work out a started campaign's audience, then ask for a round.

    Here and not among the jobs, where two long imports would hold up every start.
    """
    if plan.plan(campaign_id) is not None:
        dispatch.ask_for_round()


@shared_task(name="sending.retry_failed")
def retry_failed(campaign_id: int) -> None:
    """Make a campaign's failed messages pending, some at a time; a repeated task finds fewer."""
    while retry.go_on(campaign_id) and not stopping.is_wanted():
        db.session.commit()
        dispatch.ask_for_round()
    db.session.commit()
    dispatch.ask_for_round()


@shared_task(name="sending.mail_signups")
def mail_signups() -> None:
    """Ring for every sender that has confirmation mails due."""
    for sender_id in confirmations.senders_due():
        dispatch.send("sending.mail_signups_of", sender_id)


@shared_task(name="sending.mail_signups_of")
def mail_signups_of(sender_id: int) -> None:
    """Mail the confirmations of a sender for a turn; a repeated task finds fewer, or no slot."""
    logs.bind(sender=sender_id)
    tools, worker = workshop(), worker_name()
    end = confirmations.drain(sender_id, workshop=tools, worker=worker, link=confirmation_url)
    if end != End.NO_SLOT:
        dispatch.ask_for_round()  # a campaign may have given up a connection for it
    if end == End.YIELDED:
        dispatch.send("sending.mail_signups_of", sender_id, priority=LATER)


@worker_ready.connect
def _look_after(sender: Consumer, **_: object) -> None:
    """From now on recover what died on this host: other hosts do not see its journals."""
    task = sender.app.Task
    if SENDING in sender.app.amqp.queues.consume_from and issubclass(task, ContextTask):
        flask_app = task.flask_app
        with flask_app.app_context():
            journals = workshop().journals
        upkeep.start(journals, flask_app.app_context)


@worker_shutting_down.connect
def _stop(**_: object) -> None:
    """SIGTERM: every drain ends after its window, and nothing is left unconfirmed."""
    stopping.want()
