"""Confirmation mails over a real server: sent once, tried again by their row, given up at last."""

from __future__ import annotations

from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from flask import Flask

from campaign_app.extensions import db
from campaign_app.lib import clock
from campaign_app.lib.secrets import Vault
from campaign_app.models.senders import SenderState
from campaign_app.models.signups import Signup
from campaign_app.sending import confirmations
from campaign_app.sending.workshop import Workshop
from campaign_app.services import signup_forms, signups, suppressions
from campaign_app.services.signup_forms import FormDetails
from campaign_app.services.signups import Answers, Ref
from tests import factories
from tests.sending.engine import KEY
from tests.smtp_sink import Fault, SmtpSink


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop("http://carillon.test", tmp_path, True, Vault(KEY), str)


def sign_up(port: int, **sender: object) -> Signup:
    """Ana asks by a form whose sender is at the port."""
    owner = factories.membership()
    group = factories.group(owner.workspace)
    account = factories.sender(owner.workspace, port=port, **sender)
    details = FormDetails("News <&> more", "I agree.", sender_id=account.id)
    form = signup_forms.save(owner.workspace, group, details, user=owner.user)
    signups.ask(form, Answers("ana@example.com", agreed=True))
    db.session.commit()
    return db.session.query(Signup).filter_by(workspace_id=owner.workspace_id).one()


def go(workshop: Workshop) -> int:
    """One round over what is due; gives how many mails left."""
    link = "http://carillon.test/s/confirm/{}".format
    return sum(confirmations.send(one, workshop=workshop, link=link) for one in confirmations.due())


def make_due(signup: Signup) -> None:
    db.session.refresh(signup)
    assert signup.mail_at is not None
    signup.mail_at = clock.now()
    db.session.commit()


def test_a_confirmation_is_mailed_once_with_its_link(live_app: Flask, workshop: Workshop):
    with SmtpSink() as sink:
        signup = sign_up(sink.port)
        assert (go(workshop), go(workshop)) == (1, 0)
    [record] = sink.accepted
    mail = message_from_bytes(record.body, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    assert (mail["To"], mail["Subject"]) == ("ana@example.com", "Please confirm: News <&> more")
    text, html = (part.get_content() for part in mail.iter_parts())
    assert f"http://carillon.test/s/confirm/{signup.id}" in text
    assert "News &lt;&amp;&gt; more" in html
    db.session.refresh(signup)
    assert signup.mailed_at is not None


def test_a_server_that_is_busy_is_asked_again(live_app: Flask, workshop: Workshop):
    with SmtpSink([Fault("rcpt", reply="451 4.3.0 later", times=1)]) as sink:
        signup = sign_up(sink.port)
        assert go(workshop) == 0
        make_due(signup)
        assert "451 4.3.0 later" in signup.problem
        assert go(workshop) == 1
    db.session.refresh(signup)
    assert signup.problem == ""


def test_whoever_was_suppressed_meanwhile_gets_none(live_app: Flask, workshop: Workshop):
    with SmtpSink() as sink:
        signup = sign_up(sink.port)
        suppressions.put(Ref(signup.workspace_id), [signup.email], reason="No", source="page")
        db.session.commit()
        assert go(workshop) == 0
    assert not sink.accepted
    db.session.refresh(signup)
    assert signup.mail_at is None


def test_an_unknown_mailbox_is_given_up_at_once(live_app: Flask, workshop: Workshop):
    with SmtpSink([Fault("rcpt", reply="550 5.1.1 nobody here")]) as sink:
        signup = sign_up(sink.port)
        assert go(workshop) == 0
    db.session.refresh(signup)
    assert (signup.mail_at, "550 5.1.1" in signup.problem) == (None, True)


def test_a_server_that_never_answers_is_given_up_in_the_end(live_app: Flask, workshop: Workshop):
    signup = sign_up(1)
    for _ in range(len(confirmations.WAITS)):
        assert go(workshop) == 0
        make_due(signup)
    go(workshop)
    db.session.refresh(signup)
    assert signup.mail_at is None


def test_the_mail_of_a_worker_that_died_is_due_again(live_app: Flask, workshop: Workshop):
    with SmtpSink() as sink:
        signup = sign_up(sink.port)
        confirmations._claim(signup.id)  # and then it was killed
        assert go(workshop) == 0
        db.session.refresh(signup)
        signup.mail_at -= timedelta(minutes=5)
        db.session.commit()
        assert go(workshop) == 1


@pytest.mark.parametrize("state", [SenderState.STOPPED, SenderState.COOLING])
def test_a_sender_at_rest_keeps_its_mails(live_app: Flask, workshop: Workshop, state: SenderState):
    with SmtpSink() as sink:
        signup = sign_up(sink.port, state=state)
        assert go(workshop) == 0
        db.session.refresh(signup)
        assert (signup.attempts, signup.mail_at is None) == (0, False)


def test_confirmations_count_against_the_senders_caps(live_app: Flask, workshop: Workshop):
    with SmtpSink() as sink:
        signup = sign_up(sink.port, per_hour=1)
        assert go(workshop) == 1
        signup.mail_at, signup.mailed_at = clock.now(), None
        db.session.commit()
        assert go(workshop) == 0
    assert len(sink.accepted) == 1
