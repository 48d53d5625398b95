"""The pages of somebody who signs up, and of a reader who chooses."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from campaign_app.extensions import db
from campaign_app.lib import clock
from campaign_app.models.messages import Message
from campaign_app.models.recipients import Recipient
from campaign_app.models.signups import Signup, SignupForm
from campaign_app.models.tracking import Engagement
from campaign_app.services import group_endings, groups
from campaign_app.services.signups import Ref
from tests import factories
from tests.people import Person
from tests.services.test_signups import make_form

TYPED = {"email": "ana@example.com", "name": "Ana", "city": "Novi Sad", "i-agree": "yes"}


@pytest.fixture
def form(alice: Person) -> SignupForm:
    return make_form(alice, next_url="https://shop.example/welcome")


@pytest.fixture
def address(app: Flask, form: SignupForm) -> str:
    return f"/s/{app.extensions['signup_forms_signer'].sign(form.id)}"


def everybody(model: type) -> list:
    db.session.expire_all()
    return db.session.query(model).execution_options(all_workspaces=True).all()


def confirmation(app: Flask) -> str:
    [signup] = everybody(Signup)
    return f"/s/confirm/{app.extensions['signups_signer'].sign(signup.id)}"


def test_nobody_signs_up_for_a_group_that_has_ended(client: FlaskClient, form, address: str):
    group_endings.hide(Ref(form.workspace_id), [form.group_id], purge_after=clock.now())
    db.session.commit()
    assert client.get(address).status_code == 410
    assert client.post(address, data=TYPED).status_code == 410
    assert not everybody(Signup)


def test_a_stranger_signs_up_and_confirms(app: Flask, client: FlaskClient, address: str):
    assert 'name="city"' in client.get(address).text
    answer = client.post(address, data=TYPED)
    assert "look into your mailbox" in answer.text
    assert "Set-Cookie" not in answer.headers
    assert everybody(Recipient) == []
    page = client.post(confirmation(app))
    assert "https://shop.example/welcome" in page.text
    assert [one.email for one in everybody(Recipient)] == ["ana@example.com"]


def test_a_scanner_that_follows_the_link_confirms_nothing(app: Flask, client, address: str):
    client.post(address, data=TYPED)
    page = client.get(confirmation(app)).text
    assert "a•••@example.com" in page
    assert "ana@" not in page
    assert everybody(Recipient) == []


def test_the_answer_does_not_tell_who_is_on_the_list(client: FlaskClient, alice, address: str):
    factories.recipient(alice.workspace, email="known@example.com")
    pages = {
        client.post(address, data={**TYPED, "email": email}).text
        for email in ("known@example.com", "unknown@example.com")
    }
    assert len(pages) == 1


def test_a_program_that_fills_in_the_trap_learns_nothing(client: FlaskClient, address: str):
    answer = client.post(address, data={**TYPED, "your-website": "https://spam.example"})
    assert "look into your mailbox" in answer.text
    assert everybody(Signup) == []


def test_no_attribute_is_taken_for_the_trap_or_for_the_agreement(app: Flask, client, alice: Person):
    own = make_form(alice, attributes=["website", "consent"])
    address = f"/s/{app.extensions['signup_forms_signer'].sign(own.id)}"
    typed = {"email": "ana@example.com", "website": "ana.example", "consent": "no"}
    assert "tick the box" in client.post(address, data=typed).text
    client.post(address, data={**typed, "i-agree": "yes"})
    assert [one.attributes["website"] for one in everybody(Signup)] == ["ana.example"]


@pytest.mark.parametrize(
    ("wrong", "words"), [({"email": "ana"}, "has no @"), ({"i-agree": ""}, "tick the box")]
)
def test_what_is_wrong_is_said_and_what_was_typed_stays(client, address, wrong, words):
    typed = {key: value for key, value in {**TYPED, **wrong}.items() if value}
    answer = client.post(address, data=typed)
    assert answer.status_code == 422
    assert words in answer.text
    assert 'value="Novi Sad"' in answer.text


def test_a_form_that_is_gone_says_so(app: Flask, client: FlaskClient):
    forms, signers = app.extensions["signup_forms_signer"], app.extensions["signups_signer"]
    assert client.get(f"/s/{forms.sign(123_456)}").status_code == 410
    assert client.get(f"/s/confirm/{signers.sign(123_456)}").status_code == 410


def test_a_mails_token_opens_neither_form_nor_confirmation(app: Flask, client, form, address):
    client.post(address, data=TYPED)
    [signup] = everybody(Signup)
    for number, path in ((form.id, "/s/{}"), (signup.id, "/s/confirm/{}")):
        foreign = app.extensions["signer"].sign(number)
        assert client.post(path.format(foreign)).status_code == 404
    assert everybody(Recipient) == []


def test_many_sign_ups_for_one_address_are_throttled(throttled_app: Flask, address: str):
    client = throttled_app.test_client()
    same = [f"{TYPED['email']}{unseen}" for unseen in ("", " ", "\u200b", "\u200d", "\ufeff", "")]
    codes = [client.post(address, data={**TYPED, "email": one}).status_code for one in same]
    assert codes == [200] * 5 + [429]


@pytest.fixture
def mail(alice: Person) -> Message:
    ana = factories.recipient(alice.workspace)
    factories.group(alice.workspace, members=[ana], name="Letter", public=True)
    factories.group(alice.workspace, name="internal", public_name="Offers", public=True)
    return factories.message(factories.campaign(alice.workspace), ana)


def test_a_reader_chooses_among_the_lists(app: Flask, client: FlaskClient, mail: Message):
    path = f"/u/{app.extensions['signer'].sign(mail.id)}"
    page = client.get(path).text
    assert "internal" not in page
    assert mail.address not in page
    offers = dict(re.findall(r'value="(\d+)".*?\n\s+<span[^>]+>(\w+)<', page))
    ids = {name: number for number, name in offers.items()}
    answer = client.post(f"{path}/lists", data={"list": [ids["Offers"]]})
    assert re.findall(r"<li>.*?</svg>(.*?)</li>", answer.text) == ["Offers"]
    assert "Set-Cookie" not in answer.headers


def test_a_reader_who_ticks_nothing_has_unsubscribed(app: Flask, client, mail: Message):
    path = f"/u/{app.extensions['signer'].sign(mail.id)}"
    assert "You are unsubscribed" in client.post(f"{path}/lists").text
    assert [one.status for one in everybody(Recipient)] == ["unsubscribed"]
    assert [bucket.unsubscribes for bucket in everybody(Engagement)] == [1]
    assert "You get no e-mails" in client.get(path).text


def test_pressing_the_button_on_no_list_at_all_asks_first(app: Flask, client, alice: Person):
    factories.group(alice.workspace, name="Offers", public=True)
    mail = factories.message(
        factories.campaign(alice.workspace), factories.recipient(alice.workspace)
    )
    path = f"/u/{app.extensions['signer'].sign(mail.id)}"
    assert "we ask whether to unsubscribe you" in client.get(path).text
    asked = client.post(f"{path}/lists").text
    assert "Unsubscribe from everything?" in asked
    assert [one.status for one in everybody(Recipient)] == ["subscribed"]
    assert everybody(Engagement) == []
    [action] = re.findall(r'action="([^"]+)"', asked)
    assert "You are unsubscribed" in client.post(action).text
    assert [one.status for one in everybody(Recipient)] == ["unsubscribed"]


def test_a_list_that_is_no_number_is_passed_over(app: Flask, client: FlaskClient, mail: Message):
    path = f"/u/{app.extensions['signer'].sign(mail.id)}/lists"
    for strange in ("9" * 5_000, "9" * 19, "٣", "-1"):
        assert client.post(path, data={"list": [strange]}).status_code == 200


def test_whoever_has_unsubscribed_is_shown_the_way_back(app, client, alice: Person, mail, form):
    path = f"/u/{app.extensions['signer'].sign(mail.id)}"
    client.post(path)
    assert "by a form of" in client.get(path).text
    groups.get(alice.workspace, form.group_id).public = True
    db.session.commit()
    [address] = re.findall(r'href="(/s/[\w-]{24})"', client.get(path).text)
    assert client.get(address).status_code == 200
