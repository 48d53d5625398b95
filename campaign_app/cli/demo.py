"""`flask demo …`: a workspace to try things out in, and a campaign sent from it."""

from __future__ import annotations

import secrets
import sys
import time

import click
from flask import current_app
from flask.cli import AppGroup

from campaign_app.cli.plain import plainly
from campaign_app.extensions import db
from campaign_app.models.people import Workspace
from campaign_app.services import campaigns, demo, people, progress
from campaign_app.services.demo import Catcher
from campaign_app.services.progress import Counts
from campaign_app.tasks import dispatch

POLL_SECONDS = 0.5
OUTCOMES = ("sent", "failed", "unconfirmed", "skipped", "cancelled", "pending")

group = AppGroup("demo", help="A workspace to try things out in.")


@group.command("create")
@click.option("--email", default=demo.EMAIL, show_default=True, help="Who logs in to it.")
@click.option("--password", default="", help="Made up and printed when left out.")
@plainly
def create(email: str, password: str) -> None:
    """Create the demo workspace; leave one that stands as it is."""
    config = current_app.extensions["carillon_config"]
    if not config.mailbox_smtp_port:
        raise click.ClickException(
            "There is no local mail catcher: MAILBOX_SMTP_PORT is not set. bin/run starts one."
        )
    chosen = password or secrets.token_urlsafe(12)
    catcher = Catcher(config.mailbox_smtp_port, current_app.extensions["vault"])
    membership, is_new = demo.ensure(email=email, password=chosen, catcher=catcher)
    db.session.commit()
    if is_new:
        click.echo(f"{membership.workspace.name}: log in as {email}, password {chosen}")
    else:
        click.echo(f"{membership.workspace.name} stands already.")


@group.command("send")
@click.option("--email", default=demo.EMAIL, show_default=True, help="Whose workspace it is.")
@click.option("--timeout", default=120.0, show_default=True, help="Seconds to wait at most.")
@plainly
def send(email: str, timeout: float) -> None:
    """Send the demo campaign and wait until every message is accounted for."""
    user = people.by_email(email)
    workspace = people.membership(user).workspace
    campaign = demo.campaign_to_send(workspace, user=user)
    campaigns.launch(workspace, campaign, user=user)
    db.session.commit()
    dispatch.ring()
    counts = _wait(workspace, campaign.id, until=time.monotonic() + timeout)
    _print_totals(campaign.name, counts)
    if not counts.total or counts.sent != counts.total:
        sys.exit(1)


def _wait(workspace: Workspace, campaign_id: int, *, until: float) -> Counts:
    """The counts once nothing moves any more, or when the time is over."""
    while True:
        campaign = campaigns.get(workspace, campaign_id)
        counts = progress.counts(workspace, [campaign])[campaign_id]
        is_planned = campaign.planned_at is not None
        db.session.rollback()  # each look begins anew, and nothing is held while we sleep
        _show(counts if is_planned else None)
        if (is_planned and counts.done >= counts.total) or time.monotonic() > until:
            click.echo("", err=True)
            return counts
        time.sleep(POLL_SECONDS)


def _show(counts: Counts | None) -> None:
    words = f"{counts.done:,} of {counts.total:,} done" if counts else "Working out who gets it…"
    click.echo(f"\r{words:<40}", nl=False, err=True)


def _print_totals(name: str, counts: Counts) -> None:
    figures = counts.as_dict()
    click.echo(name)
    for outcome in OUTCOMES:
        click.echo(f"  {outcome:<12}{figures[outcome]:>8,}")
    click.echo(f"  {'total':<12}{figures['total']:>8,}")
