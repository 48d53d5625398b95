"""The senders' pages: what is shown, what is never shown, and the test."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from campaign_app.extensions import db
from campaign_app.lib import clock
from campaign_app.models.senders import Sender, SenderState
from campaign_app.services import senders
from tests import factories
from tests.people import Person
from tests.smtp_sink import Fault, SmtpSink

FORM = {
    "name": "Acme",
    "preset": "other",
    "host": "127.0.0.1",
    "port": "2525",
    "security": "none",
    "username": "acme",
    "password": "s3cret-word",
    "from_name": "Acme News",
    "from_email": "news@example.com",
    "delay_seconds": "0,5",
    "max_connections": "2",
    "messages_per_connection": "50",
    "per_day": "1,000",
}


def only(person: Person) -> Sender:
    db.session.expire_all()
    [sender] = senders.every(person.workspace)
    return sender


def create(person: Person, **changes: str) -> TestResponse:
    return person.client.post("/senders/new", data={**FORM, **changes})


def test_an_empty_list_says_what_to_do_next(alice: Person):
    page = alice.client.get("/senders/").text
    assert "No sender yet" in page
    assert 'href="/senders/new"' in page


def test_a_sender_is_created_as_entered(alice: Person):
    answer = create(alice)
    sender = only(alice)
    assert answer.location == f"/senders/{sender.id}"
    assert (sender.delay_seconds, sender.per_day, sender.per_hour) == (0.5, 1000, None)


def test_a_delay_of_four_seconds_is_proposed(alice: Person):
    page = alice.client.get("/senders/new").text
    assert re.search(r'<input[^>]* name="delay_seconds"[^>]* value="4"', page)


def test_the_password_is_never_sent_to_the_browser(alice: Person):
    create(alice)
    sender = only(alice)
    refused = create(alice, name="")
    pages = [alice.client.get(f"/senders/{sender.id}{rest}").text for rest in ("", "/edit")]
    for page in (*pages, refused.text, alice.client.get("/senders/").text):
        assert "s3cret-word" not in page
        assert sender.password_encrypted not in page


def test_editing_without_a_password_keeps_it(alice: Person):
    create(alice)
    before = only(alice).password_encrypted
    changed = {**FORM, "password": "", "name": "Acme 2"}
    answer = alice.client.post(f"/senders/{only(alice).id}/edit", data=changed)
    assert answer.status_code == 302
    assert (only(alice).name, only(alice).password_encrypted) == ("Acme 2", before)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("port", "abc", "whole number"),
        ("port", "", "Enter the port"),
        ("delay_seconds", "soon", "number of seconds"),
        ("delay_seconds", "-1", "between 0 and"),
        ("host", "http://x", "name only"),
        ("from_email", "news", "no @"),
        ("per_day", "0", "from 1 to"),
        ("security", "magic", "security-error"),
    ],
)
def test_a_mistake_is_told_at_its_field(alice: Person, field: str, value: str, words: str):
    answer = create(alice, **{field: value})
    assert answer.status_code == 422
    assert f"{field}-error" in answer.text
    assert words in answer.text


def test_a_used_sender_is_not_deleted_and_says_why(alice: Person):
    sender = factories.sender(alice.workspace)
    factories.campaign(alice.workspace, sender_id=sender.id, status="paused")
    answer = alice.client.post(f"/senders/{sender.id}/delete")
    assert answer.status_code == 409
    assert "paused or scheduled" in answer.text


def test_an_unused_sender_is_deleted(alice: Person):
    sender = factories.sender(alice.workspace)
    answer = alice.client.post(f"/senders/{sender.id}/delete", follow_redirects=True)
    assert "No sender yet" in answer.text


def slowed(person: Person, **values: Any) -> Sender:
    return factories.sender(
        person.workspace,
        brake_rate=120.4,
        brake_from=240,
        brake_reason="451 4.7.0 <slow> down",
        braked_at=datetime(2026, 11, 22, 14, 5, tzinfo=UTC),
        **values,
    )


def test_a_slowed_sender_says_how_far_since_when_and_why(alice: Person):
    page = alice.client.get(f"/senders/{slowed(alice, per_minute=600).id}").text
    assert "Slowed down to 120 a minute" in page
    assert "It did 240 a minute" in page
    assert "22 Nov 2026, 14:05" in page
    assert "451 4.7.0 &lt;slow&gt; down" in page
    assert "to the 600 a minute it is set to" in page


@pytest.mark.parametrize("place", ["", "{id}"])
def test_the_pace_of_a_slowed_sender_is_what_it_slowed_to(alice: Person, place: str):
    sender = slowed(alice)
    page = " ".join(alice.client.get("/senders/" + place.format(id=sender.id)).text.split())
    assert "Slowed to 120 a minute, " in page
    assert "Full speed" not in page


@pytest.mark.parametrize(("seconds", "style"), [(90, "%H:%M:%S"), (150, "%H:%M")])
def test_a_rest_that_is_over_soon_is_told_to_the_second(alice: Person, seconds: int, style: str):
    until = clock.now() + timedelta(seconds=seconds)
    sender = factories.sender(alice.workspace, state=SenderState.COOLING, cooling_until=until)
    for address in ("/senders/", f"/senders/{sender.id}"):
        page = alice.client.get(address).text
        assert re.search(rf"until [^:]*{until:{style}}(?!:)", page)


def test_without_a_set_pace_the_page_says_when_the_brake_ends(alice: Person):
    page = alice.client.get(f"/senders/{slowed(alice).id}").text
    assert "above 300 a minute it has no limit again" in page


def test_the_brake_of_a_slowed_sender_can_be_lifted(alice: Person):
    sender = slowed(alice)
    alice.client.post(f"/senders/{sender.id}/full-pace")
    db.session.refresh(sender)
    assert sender.brake_rate is None
    assert "Slowed down" not in alice.client.get(f"/senders/{sender.id}").text
    assert alice.client.post(f"/senders/{sender.id}/full-pace").status_code == 409


def test_a_stopped_sender_shows_the_servers_words_and_is_resumed(alice: Person):
    sender = factories.sender(
        alice.workspace, state=SenderState.STOPPED, state_reason="535 5.7.8 Bad log-in"
    )
    assert "535 5.7.8 Bad log-in" in alice.client.get("/senders/").text
    assert "535 5.7.8 Bad log-in" in alice.client.get(f"/senders/{sender.id}").text
    alice.client.post(f"/senders/{sender.id}/resume")
    assert only(alice).state == SenderState.ACTIVE


@pytest.fixture
def sink() -> Iterator[SmtpSink]:
    with SmtpSink() as server:
        yield server


def send_test(person: Person, server: SmtpSink, **form: Any) -> TestResponse:
    sender = factories.sender(person.workspace, host="127.0.0.1", port=server.port)
    return person.client.post(f"/senders/{sender.id}/test", data=form)


def test_a_test_goes_to_the_user_and_shows_the_literal_reply(alice: Person, sink: SmtpSink):
    page = send_test(alice, sink).text
    [record] = sink.accepted
    assert record.rcpt == alice.user.email
    assert "250 2.0.0 Ok: queued" in page
    assert b"Subject: Carillon: a test of" in record.body
    assert not sink.violations


def test_a_refused_test_shows_the_literal_refusal_and_where(alice: Person):
    with SmtpSink([Fault("rcpt", reply="550 5.1.1 Nobody here")]) as server:
        page = send_test(alice, server, to="nobody@example.com").text
    assert "550 5.1.1 Nobody here" in page
    assert "at the recipient’s address" in page


def test_a_server_that_is_away_is_told_too(alice: Person, sink: SmtpSink):
    sender = factories.sender(alice.workspace, host="127.0.0.1", port=1)
    page = alice.client.post(f"/senders/{sender.id}/test").text
    assert "while connecting" in page


def test_a_test_to_no_address_is_refused(alice: Person, sink: SmtpSink):
    page = send_test(alice, sink, to="nobody").text
    assert "has no @" in page
    assert not sink.accepted


def test_htmx_gets_only_the_result(alice: Person, sink: SmtpSink):
    sender = factories.sender(alice.workspace, host="127.0.0.1", port=sink.port)
    answer = alice.client.post(f"/senders/{sender.id}/test", headers={"HX-Request": "true"})
    assert "<html" not in answer.text
    assert "250 2.0.0 Ok: queued" in answer.text


def test_all_pages_that_send_tests_share_one_allowance(
    throttled_app: Flask, alice: Person, sink: SmtpSink
):
    browser = Person.enter(throttled_app, factories.membership(workspace=alice.workspace)).client
    sender = factories.sender(alice.workspace, host="127.0.0.1", port=sink.port)
    campaign = factories.campaign(alice.workspace, sender_id=sender.id)
    pages = [f"/senders/{sender.id}/test", f"/campaigns/{campaign.id}/test"] * 10
    form = {"to": "nobody"}
    assert {browser.post(page, data=form).status_code for page in pages} == {200}
    assert "many tests" in browser.post(pages[0], data=form).text


@pytest.mark.parametrize("rest", ["", "/edit", "/delete", "/resume", "/full-pace", "/test"])
def test_a_stranger_sees_nothing_there(alice: Person, charlie: Person, rest: str):
    sender = factories.sender(alice.workspace, name="Alices secret")
    path = f"/senders/{sender.id}{rest}"
    open_it = charlie.client.get if rest in ("", "/edit") else charlie.client.post
    assert open_it(path).status_code == 404
    assert "Alices secret" not in charlie.client.get("/senders/").text
