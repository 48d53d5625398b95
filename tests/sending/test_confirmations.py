"""Confirmation mails over a real server: sent once, tried again by their row, given up at last."""

from __future__ import annotations

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
from campaign_app.services import signups, suppressions
from campaign_app.services.signups import Ref
from tests import factories
from tests.sending import signing_up
from tests.sending.engine import KEY
from tests.sending.signing_up import let_time_pass
from tests.smtp_sink import Fault, SmtpSink


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop("http://carillon.test", tmp_path, True, Vault(KEY), str)


def sign_up(port: int, **account: object) -> Signup:
    """Ana asks by a form whose sender is at the port."""
    sender = factories.sender(factories.workspace(), port=port, **account)
    [signup] = signing_up.sign_up(sender, "ana@example.com")
    return signup


def go(workshop: Workshop, signup: Signup) -> bool:
    """One round over what is due; tells whether the mail left."""
    for sender_id in confirmations.senders_due():
        signing_up.mail(sender_id, workshop)
    db.session.refresh(signup)
    return signup.mailed_at is not None


def test_a_confirmation_is_mailed_once_with_its_link(live_app: Flask, workshop: Workshop):
    with SmtpSink() as sink:
        signup = sign_up(sink.port)
        assert go(workshop, signup)
        go(workshop, signup)
    [record] = sink.accepted
    mail = message_from_bytes(record.body, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    assert (mail["To"], mail["Subject"]) == ("ana@example.com", "Please confirm: News <&> more")
    text, html = (part.get_content() for part in mail.iter_parts())
    assert f"http://carillon.test/s/confirm/{signup.id}" in text
    assert "News &lt;&amp;&gt; more" in html


def test_a_server_that_is_busy_is_asked_again(live_app: Flask, workshop: Workshop):
    with SmtpSink([Fault("rcpt", reply="451 4.3.0 later", times=1)]) as sink:
        signup = sign_up(sink.port)
        assert not go(workshop, signup)
        assert "451 4.3.0 later" in signup.problem
        let_time_pass()
        assert go(workshop, signup)
    assert signup.problem == ""


def test_whoever_was_suppressed_meanwhile_gets_none(live_app: Flask, workshop: Workshop):
    with SmtpSink() as sink:
        signup = sign_up(sink.port)
        suppressions.put(Ref(signup.workspace_id), [signup.email], reason="No", source="page")
        db.session.commit()
        assert not go(workshop, signup)
    assert not sink.accepted
    assert signup.mail_at is None


def test_a_link_that_is_too_old_to_work_is_not_mailed(live_app: Flask, workshop: Workshop):
    with SmtpSink() as sink:
        signup = sign_up(sink.port)
        signup.asked_at -= signups.VALID_FOR
        db.session.commit()
        assert not go(workshop, signup)
    assert not sink.accepted


def test_an_unknown_mailbox_is_given_up_at_once(live_app: Flask, workshop: Workshop):
    with SmtpSink([Fault("rcpt", reply="550 5.1.1 nobody here")]) as sink:
        signup = sign_up(sink.port)
        assert not go(workshop, signup)
    assert (signup.mail_at, "550 5.1.1" in signup.problem) == (None, True)


def test_a_server_that_never_answers_is_given_up_in_the_end(live_app: Flask, workshop: Workshop):
    signup = sign_up(1)
    for _ in range(len(confirmations.WAITS)):
        assert not go(workshop, signup)
        let_time_pass()
    go(workshop, signup)
    assert signup.mail_at is None


def test_the_mail_of_a_worker_that_died_is_due_again(live_app: Flask, workshop: Workshop):
    with SmtpSink() as sink:
        signup = sign_up(sink.port)
        signup.mail_at = clock.now() + confirmations.LEASE  # and then it was killed
        db.session.commit()
        assert not go(workshop, signup)
        let_time_pass()
        assert go(workshop, signup)


@pytest.mark.parametrize("state", [SenderState.STOPPED, SenderState.COOLING])
def test_a_sender_at_rest_keeps_its_mails(live_app: Flask, workshop: Workshop, state: SenderState):
    with SmtpSink() as sink:
        signup = sign_up(sink.port, state=state)
        assert not go(workshop, signup)
        assert (signup.attempts, signup.mail_at is None) == (0, False)


def test_confirmations_count_against_the_senders_caps(live_app: Flask, workshop: Workshop):
    with SmtpSink() as sink:
        signup = sign_up(sink.port, per_hour=1)
        assert go(workshop, signup)
        signup.mail_at, signup.mailed_at = clock.now(), None
        db.session.commit()
        assert not go(workshop, signup)
    assert len(sink.accepted) == 1
