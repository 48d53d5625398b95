"""The demo workspace: ready at once, made only once, and never left half sent in silence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from click.testing import Result
from flask import Flask

from campaign_app.extensions import db
from campaign_app.models.campaigns import Campaign, CampaignStatus
from campaign_app.models.people import Membership
from campaign_app.models.senders import Sender
from campaign_app.services import campaigns, demo, people, readiness, senders
from config import Config

PASSWORD = "correct horse battery"


@pytest.fixture
def stack(app: Flask, config: Config, session: None) -> Iterator[Flask]:
    """The application beside a mail catcher's port; nobody listens there."""
    app.extensions["carillon_config"] = replace(config, mailbox_smtp_port=2525)
    yield app
    app.extensions["carillon_config"] = config


def run(app: Flask, *arguments: str) -> Result:
    result = app.test_cli_runner().invoke(args=["demo", *arguments])
    db.session.expire_all()
    return result


def create(app: Flask) -> Result:
    return run(app, "create", "--password", PASSWORD)


def place() -> Membership:
    return people.membership(people.by_email(demo.EMAIL))


def draft() -> Campaign:
    return demo.campaign_to_send(place().workspace, user=place().user)


def catcher() -> Sender:
    [sender] = senders.every(place().workspace)
    return sender


def test_the_demo_can_be_sent_at_once(stack: Flask):
    assert create(stack).exit_code == 0
    assert place().workspace.name == "Carillon demo"
    assert not readiness.blockers(place().workspace, draft())
    assert (catcher().host, catcher().port, catcher().delay_seconds) == ("127.0.0.1", 2525, 0)


def test_making_it_again_changes_nothing_but_the_catchers_port(stack: Flask, config: Config):
    create(stack)
    before = draft().id
    stack.extensions["carillon_config"] = replace(config, mailbox_smtp_port=2626)
    result = create(stack)
    assert (result.exit_code, "stands already" in result.output) == (0, True)
    assert (draft().id, catcher().port) == (before, 2626)


def test_a_password_is_made_up_and_printed_when_none_is_given(stack: Flask):
    password = run(stack, "create").output.split()[-1]
    assert people.authenticate(email=demo.EMAIL, password=password) is not None


def test_without_a_mail_catcher_it_says_so(app: Flask, session: None):
    result = create(app)
    assert result.exit_code == 1
    assert "bin/run starts one" in result.output


def test_sending_that_does_not_end_in_time_is_a_failure(stack: Flask):
    create(stack)
    result = run(stack, "send", "--timeout", "0")
    assert result.exit_code == 1
    assert only_campaign().status == CampaignStatus.SENDING


def only_campaign() -> Campaign:
    [campaign] = db.session.query(Campaign).where(Campaign.workspace_id == place().workspace.id)
    return campaign


def test_what_was_sent_before_is_sent_as_a_copy(stack: Flask):
    create(stack)
    first = draft()
    campaigns.launch(place().workspace, first, user=place().user)
    db.session.flush()
    copy = draft()
    assert copy.id != first.id
    campaigns.launch(place().workspace, copy, user=place().user)
    assert copy.name == demo.CAMPAIGN


def test_sending_without_a_demo_is_one_line(stack: Flask):
    result = run(stack, "send")
    assert (result.exit_code, result.output.count("\n")) == (1, 1)
