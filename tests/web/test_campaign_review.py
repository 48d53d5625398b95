"""The last look at a campaign: audience, preview, test, schedule."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, timedelta
from email import message_from_bytes
from email.policy import SMTP

import pytest

from campaign_app.extensions import db
from campaign_app.lib import clock
from campaign_app.models.campaigns import Campaign, CampaignStatus
from campaign_app.services import audience, audience_direct, group_filling
from campaign_app.services.consent import Why
from tests import factories
from tests.campaigns import ready
from tests.people import Person
from tests.smtp_sink import Fault, SmtpSink


def test_the_review_shows_what_blocks_with_links_to_mend_it(alice: Person):
    campaign = factories.campaign(alice.workspace, subject="")
    page = alice.client.get(f"/campaigns/{campaign.id}").text
    for text in ("The subject is empty", "No sender is chosen", "No recipients are chosen"):
        assert text in page
    assert "/senders/new" in page
    assert f"/campaigns/{campaign.id}/send" not in page


def test_the_review_adds_up_the_audience(alice: Person):
    people = [factories.recipient(alice.workspace, status=s) for s in ("subscribed", "bounced")]
    groups = [factories.group(alice.workspace, members=people) for _ in range(2)]
    campaign = factories.campaign(alice.workspace, groups=groups)
    page = " ".join(alice.client.get(f"/campaigns/{campaign.id}").text.split())
    assert "<dt>chosen</dt><dd>4</dd>" in page
    assert ">chosen more than once</dt><dd>2</dd>" in page
    assert ">bounced or suppressed</dt><dd>1</dd>" in page


def test_the_preview_is_framed_without_scripts_and_filled_in_as_the_recipient(alice: Person):
    campaign = ready(alice, html="<p>Dear {{ name }}</p>", subject="Hi {{ city }}")
    reader = factories.recipient(alice.workspace, name="Zoë", attributes={"city": "Graz"})
    page = alice.client.get(f"/campaigns/{campaign.id}?recipient={reader.id}").text
    assert "Hi Graz" in page
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page
    frame = alice.client.get(f"/campaigns/{campaign.id}/preview.html?recipient={reader.id}")
    assert "Dear Zoë" in frame.text
    assert "default-src 'none'" in frame.headers["Content-Security-Policy"]


def test_readers_are_found_by_their_address(alice: Person):
    campaign = ready(alice)
    factories.recipient(alice.workspace, email="stranger@example.com")
    audience_direct.add(alice.workspace, campaign, ["zoe@example.com", "zora@example.com"])
    db.session.commit()
    found = alice.client.get(f"/campaigns/{campaign.id}/people?q=ZO").text
    assert "zoe@example.com" in found
    assert "zora@example.com" in found
    assert "Nobody" in alice.client.get(f"/campaigns/{campaign.id}/people?q=stranger").text


def test_a_schedule_is_kept_in_its_zone(alice: Person):
    campaign = ready(alice)
    day = (clock.now() + timedelta(days=30)).date()
    form = {"scheduled_at": f"{day}T09:00", "time_zone": "Asia/Kolkata"}
    answer = alice.client.post(
        f"/campaigns/{campaign.id}/schedule", data=form, follow_redirects=True
    )
    assert "starts at 09:00 on" in answer.text
    assert f'value="{day}T09:00"' in answer.text
    db.session.refresh(campaign)
    assert f"{campaign.scheduled_at.astimezone(UTC):%H:%M}" == "03:30"
    alice.client.post(f"/campaigns/{campaign.id}/unschedule")
    db.session.refresh(campaign)
    assert campaign.status == CampaignStatus.DRAFT


def test_a_due_campaign_says_that_it_waits_for_its_recipients(alice: Person):
    at = clock.now() - timedelta(seconds=1)
    campaign = ready(alice, status=CampaignStatus.SCHEDULED, scheduled_at=at)
    group = audience.own_group(alice.workspace, campaign)
    many = [f"p{n}@example.com" for n in range(group_filling.AT_ONCE + 1)]
    group_filling.fill(alice.workspace, group, many, why=Why("Test", "test"))
    db.session.commit()
    page = f"/campaigns/{campaign.id}"
    assert "Waits for its recipients to be added" in alice.client.get(page).text
    assert group_filling.step(group)
    db.session.commit()
    assert "Waits for its recipients" not in alice.client.get(page).text


def test_a_schedule_is_told_on_the_clocks_it_is_meant_for(alice: Person):
    campaign = ready(alice)
    alice.user.time_zone = "Asia/Tokyo"
    db.session.commit()
    day = clock.now() + timedelta(days=30)
    form = {"scheduled_at": f"{day:%Y-%m-%d}T09:00", "time_zone": "Asia/Kolkata"}
    alice.client.post(f"/campaigns/{campaign.id}/schedule", data=form)
    for page in (f"/campaigns/{campaign.id}", f"/campaigns/{campaign.id}/edit"):
        text = alice.client.get(page).text
        assert f"{day:%-d %b %Y}, 09:00 (Asia/Kolkata): " in text
        assert f"{day:%-d %b %Y}, 12:30</time> your time" in text


@pytest.mark.parametrize("when", ["2020-01-01T09:00", "", "soon"])
def test_a_wrong_time_is_told_at_its_field(alice: Person, when: str):
    campaign = ready(alice)
    form = {"scheduled_at": when, "time_zone": "Europe/Paris"}
    answer = alice.client.post(f"/campaigns/{campaign.id}/schedule", data=form)
    assert answer.status_code == 422
    assert 'id="scheduled_at-error"' in answer.text
    assert 'selected value="Europe/Paris"' in answer.text


def test_a_strangers_recipient_cannot_be_previewed(alice: Person, charlie: Person):
    campaign, stranger = ready(alice), factories.recipient(charlie.workspace)
    url = f"/campaigns/{campaign.id}/preview.html?recipient={stranger.id}"
    assert alice.client.get(url).status_code == 404


@pytest.fixture
def sink() -> Iterator[SmtpSink]:
    with SmtpSink() as server:
        yield server


def through(person: Person, server: SmtpSink, **values) -> Campaign:
    """A campaign whose sender is this server."""
    return ready(
        person, sender_id=factories.sender(person.workspace, port=server.port).id, **values
    )


def test_a_test_is_filled_in_as_in_the_preview(alice: Person, sink: SmtpSink):
    campaign = through(alice, sink, subject="Hi {{ city }}", html="<p>Dear {{ name }}</p>")
    reader = factories.recipient(alice.workspace, name="Zoe", attributes={"city": "Graz"})
    form = {"to": "check@example.com", "recipient": reader.id}
    page = alice.client.post(f"/campaigns/{campaign.id}/test", data=form).text
    [record] = sink.accepted
    assert record.rcpt == "check@example.com"
    assert b"Subject: [Test] Hi Graz" in record.body
    html = message_from_bytes(record.body, policy=SMTP).get_body(("html",))
    assert "Dear Zoe" in html.get_content()
    assert "250 2.0.0 Ok: queued" in page


def test_two_tests_have_different_message_ids(alice: Person, sink: SmtpSink):
    campaign = through(alice, sink)
    for _ in range(2):
        alice.client.post(f"/campaigns/{campaign.id}/test", headers={"HX-Request": "true"})
    assert len({record.message_id for record in sink.accepted}) == 2


def test_a_refused_test_shows_the_servers_words_and_the_phase(alice: Person):
    with SmtpSink([Fault("rcpt", reply="550 5.1.1 Nobody here")]) as server:
        page = alice.client.post(f"/campaigns/{through(alice, server).id}/test").text
    assert "550 5.1.1 Nobody here" in page
    assert "at the recipient’s address" in page


def test_a_test_needs_a_sender(alice: Person):
    campaign = ready(alice, sender_id=None)
    assert "Choose a sender first" in alice.client.post(f"/campaigns/{campaign.id}/test").text


def test_a_template_that_cannot_be_read_is_told_instead_of_a_preview(alice: Person):
    campaign = ready(alice, html="<p>{{ name</p>")
    assert "It cannot be written for" in alice.client.get(f"/campaigns/{campaign.id}").text
    assert alice.client.get(f"/campaigns/{campaign.id}/preview.html").status_code == 200
