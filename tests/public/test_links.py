"""The public links of a mail: pixel, click, unsubscribe."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from campaign_app import create_app
from campaign_app.extensions import db
from campaign_app.lib import clock
from campaign_app.models.campaigns import Link
from campaign_app.models.messages import Message
from campaign_app.models.recipients import ConsentEvent, Recipient, RecipientStatus, Suppression
from campaign_app.models.tracking import ClickEvent, Engagement, OpenEvent
from campaign_app.public.pixel import Pixel
from campaign_app.tracking.buffer import Buffer
from campaign_app.tracking.events import LONGEST_AGENT, Hit
from config import Config
from tests import factories
from tests.people import Person

BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"}


@pytest.fixture
def mail(alice: Person) -> Message:
    """A mail that Alice sent to Ana an hour ago."""
    recipient = factories.recipient(alice.workspace, attributes={"city": "Novi Sad"})
    campaign = factories.campaign(alice.workspace)
    for number, url in enumerate(
        ("https://shop.example/sale", "https://shop.example/{{ city }}"), start=1
    ):
        factories.save(
            Link(workspace_id=alice.workspace.id, campaign_id=campaign.id, number=number, url=url)
        )
    return factories.message(campaign, recipient)


def token(app: Flask, mail: Message) -> str:
    return app.extensions["signer"].sign(mail.id)


def everything(app: Flask, model: type) -> list:
    app.extensions["hits"].flush()
    db.session.expire_all()
    return db.session.query(model).execution_options(all_workspaces=True).all()


def test_the_pixel_counts_an_open_once_per_message(app, client: FlaskClient, mail: Message):
    for _ in range(2):
        answer = client.get(f"/o/{token(app, mail)}.gif", headers=BROWSER)
    assert (answer.status_code, answer.mimetype) == (200, "image/gif")
    assert "no-store" in answer.headers["Cache-Control"]
    (bucket,) = everything(app, Engagement)
    assert (bucket.opens, bucket.unique_opens, bucket.machine_opens) == (2, 1, 0)
    assert mail.opened_at is not None


def test_a_forged_pixel_looks_the_same_and_counts_nothing(app, client: FlaskClient, mail: Message):
    answer = client.get(f"/o/{token(app, mail)[::-1]}.gif", headers=BROWSER)
    assert answer.status_code == 200
    assert everything(app, OpenEvent) == []


@pytest.mark.parametrize(
    ("agent", "reason"),
    [("Mozilla/5.0", "prefetch"), ("YahooMailProxy; x", "prefetch"), ("", "no user agent")],
)
def test_a_machines_open_is_kept_aside(app, client, mail: Message, agent: str, reason: str):
    client.get(f"/o/{token(app, mail)}.gif", headers={"User-Agent": agent})
    (event,) = everything(app, OpenEvent)
    assert event.machine_reason == reason
    (bucket,) = everything(app, Engagement)
    assert (bucket.unique_opens, bucket.machine_opens) == (0, 1)
    assert mail.opened_at is None


def test_a_hit_that_waits_in_memory_is_small(app: Flask, mail: Message):
    kept: list[Hit] = []
    buffer = Buffer(kept.extend)
    pixel = Pixel(signer=app.extensions["signer"], hits=buffer, hops=0)
    pixel.count(token(app, mail), method="GET", user_agent="x" * 8_000, ip="")
    buffer.close()
    assert [len(hit.user_agent) for hit in kept] == [LONGEST_AGENT]


def test_a_hit_right_after_sending_is_a_machines(app, client, mail: Message):
    mail.sent_at = clock.now() - timedelta(seconds=1)
    db.session.commit()
    client.get(f"/o/{token(app, mail)}.gif", headers=BROWSER)
    assert [event.machine_reason for event in everything(app, OpenEvent)] == ["too soon"]


def test_a_link_leads_on_and_counts_click_and_open(app, client, mail: Message):
    answer = client.get(f"/c/{token(app, mail)}.1", headers=BROWSER)
    assert (answer.status_code, answer.location) == (302, "https://shop.example/sale")
    (event,) = everything(app, ClickEvent)
    assert (event.link_number, event.machine_reason) == (1, "")
    assert mail.opened_at == mail.clicked_at == event.created_at
    link = next(link for link in everything(app, Link) if link.number == 1)
    assert (link.clicks, link.unique_clicks) == (1, 1)


def test_a_link_with_a_merge_field_is_filled_in_at_the_click(app, client, mail: Message):
    answer = client.get(f"/c/{token(app, mail)}.2", headers=BROWSER)
    assert answer.location == "https://shop.example/Novi%20Sad"


@pytest.mark.parametrize("path", ["/c/{}.9", "/c/{}", "/c/{}.", "/c/x{}.1", "/u/x{}"])
def test_a_wrong_token_is_a_plain_404(app, client, mail: Message, path: str):
    assert client.get(path.format(token(app, mail)), headers=BROWSER).status_code == 404


def test_visiting_every_link_at_once_is_a_scanner(app, client, mail: Message):
    factories.save(
        Link(
            workspace_id=mail.workspace_id,
            campaign_id=mail.campaign_id,
            number=3,
            url="https://shop.example/3",
        )
    )
    for number in (1, 2, 3):
        client.get(f"/c/{token(app, mail)}.{number}", headers=BROWSER)
    assert {event.machine_reason for event in everything(app, ClickEvent)} == {"every link"}


def test_looking_at_the_unsubscribe_page_changes_nothing(app, client, mail: Message):
    page = client.get(f"/u/{token(app, mail)}")
    assert mail.address not in page.text  # whoever was forwarded the mail learns no address
    assert "p•••@example.com" in page.text
    (recipient,) = everything(app, Recipient)
    assert recipient.status == RecipientStatus.SUBSCRIBED


def test_one_click_opts_out_without_cookie_or_redirect_and_again(app, client, mail: Message):
    for _ in range(2):
        answer = client.post(f"/u/{token(app, mail)}", data={"List-Unsubscribe": "One-Click"})
        assert answer.status_code == 200
        assert "Set-Cookie" not in answer.headers
    (recipient,) = everything(app, Recipient)
    assert recipient.status == RecipientStatus.UNSUBSCRIBED
    (event,) = everything(app, ConsentEvent)
    assert event.source == "one-click"
    (bucket,) = everything(app, Engagement)
    assert bucket.unsubscribes == 1


def test_the_form_keeps_the_reason(app, client, mail: Message):
    client.post(f"/u/{token(app, mail)}", data={"reason": "Too many mails"})
    (event,) = everything(app, ConsentEvent)
    assert (event.source, event.reason) == ("link", "Too many mails")


def test_whoever_has_another_address_by_now_unsubscribes_all_the_same(
    app, client: FlaskClient, mail: Message
):
    db.session.execute(text("UPDATE recipients SET email = 'new@example.com'"))
    db.session.commit()
    client.post(f"/u/{token(app, mail)}")
    (recipient,) = everything(app, Recipient)
    assert recipient.status == RecipientStatus.UNSUBSCRIBED
    assert [row.email for row in everything(app, Suppression)] == [mail.address]


def test_whoever_was_mailed_can_unsubscribe_after_the_campaign_was_deleted(
    app, client: FlaskClient, mail: Message
):
    db.session.execute(text("DELETE FROM campaigns"))
    db.session.commit()
    assert client.post(f"/u/{token(app, mail)}").status_code == 200
    (recipient,) = everything(app, Recipient)
    assert recipient.status == RecipientStatus.UNSUBSCRIBED


def test_behind_a_proxy_the_readers_own_address_is_kept(app: Flask, config: Config, mail: Message):
    behind = create_app(replace(config, trusted_proxies=1))
    forwarded = {**BROWSER, "X-Forwarded-For": "203.0.113.9"}
    behind.test_client().get(f"/o/{token(app, mail)}.gif", headers=forwarded)
    (event,) = everything(behind, OpenEvent)
    assert event.ip == "203.0.113.9"


def test_a_link_of_a_deleted_campaign_leads_to_a_kind_page(app, client: FlaskClient, mail: Message):
    db.session.execute(text("DELETE FROM campaigns"))
    db.session.commit()
    answer = client.get(f"/c/{token(app, mail)}.1", headers=BROWSER)
    assert answer.status_code == 410
    assert "no longer there" in answer.text
    assert f"/u/{token(app, mail)}" in answer.text


@pytest.mark.parametrize("path", ["/c/{}.1", "/u/{}"])
def test_a_mail_of_a_workspace_that_is_gone_gets_a_kind_page(app, client: FlaskClient, path: str):
    answer = client.get(path.format(app.extensions["signer"].sign(123_456_789)), headers=BROWSER)
    assert answer.status_code == 410
    assert "no more e-mails will come" in answer.text


def test_the_link_of_a_test_says_that_it_was_one(app, client: FlaskClient):
    answer = client.get(f"/u/{app.extensions['signer'].sign(0)}", headers=BROWSER)
    assert answer.status_code == 410
    assert "is a test" in answer.text
