"""The page of the unconfirmed messages."""

from __future__ import annotations

import pytest

from campaign_app.models.campaigns import Campaign
from campaign_app.services import unconfirmed
from tests import factories, mailings
from tests.people import Person


@pytest.fixture
def doubtful(alice: Person) -> Campaign:
    campaign = mailings.mailing(
        alice.workspace, ["unconfirmed", "sent", "unconfirmed"], name="Autumn"
    )
    words = "The connection ended after the message had left."
    mailings.refuse(mailings.message(campaign, 0), words, code=None, phase="dot", enhanced="")
    mailings.refuse(mailings.message(campaign, 2), "Lost.", code=None, phase="lost", enhanced="")
    return mailings.freeze(campaign)


def left(person: Person) -> int:
    return unconfirmed.page(person.workspace).total


def decide(person: Person, campaign: Campaign, **form: object) -> str:
    answer = person.client.post(
        f"/unconfirmed/{campaign.id}/resolve", data=form, follow_redirects=True
    )
    assert answer.status_code == 200
    return answer.text


def test_it_shows_what_is_known_and_what_can_be_done(alice: Person, doubtful: Campaign):
    page = alice.client.get("/unconfirmed/").text
    assert "The connection ended after the message had left." in page
    assert "Worker lost" in page
    assert "p0@" in page
    assert "to 127.0.0.1" in page
    assert "Send again (may arrive twice)" in page
    assert "Mark all 2 as sent" in page


def test_it_can_be_narrowed_to_a_campaign(alice: Person, doubtful: Campaign):
    other = mailings.mailing(alice.workspace, ["unconfirmed"], name="Winter")
    page = alice.client.get(f"/unconfirmed/?campaign={other.id}").text
    assert "Winter" in page
    assert "Autumn" not in page


def test_an_opened_one_has_arrived(alice: Person, doubtful: Campaign):
    message = mailings.message(doubtful, 0)
    message.opened_at = doubtful.started_at
    factories.save(message)
    assert "Opened, so it arrived" in alice.client.get("/unconfirmed/").text


def test_nothing_unconfirmed_is_good_news(alice: Person):
    assert "Everything is accounted for" in alice.client.get("/unconfirmed/").text


def test_one_is_marked_as_sent(alice: Person, doubtful: Campaign):
    one = mailings.message(doubtful, 0).id
    page = decide(alice, doubtful, action="mark_as_sent", message_id=one)
    assert "1 message of “Autumn”: marked as sent." in page
    assert left(alice) == 1


def test_all_are_sent_again(alice: Person, doubtful: Campaign):
    assert "2 messages of “Autumn”: sent again" in decide(alice, doubtful, action="send_again")
    assert "Everything is accounted for" in alice.client.get("/unconfirmed/").text


def test_who_comes_second_is_told_so(alice: Person, bob: Person, doubtful: Campaign):
    one = mailings.message(doubtful, 0).id
    decide(bob, doubtful, action="mark_as_sent", message_id=one)
    page = decide(alice, doubtful, action="mark_as_sent", message_id=one)
    assert "unconfirmed any more" in page


def test_an_unknown_decision_is_refused(alice: Person, doubtful: Campaign):
    answer = alice.client.post(f"/unconfirmed/{doubtful.id}/resolve", data={"action": "guess"})
    assert answer.status_code == 422
    assert left(alice) == 2


@pytest.mark.parametrize("message_id", ["", "abc", "-1", "1.5", "9" * 30])
def test_an_unreadable_message_does_not_mean_all_of_them(
    alice: Person, doubtful: Campaign, message_id: str
):
    form = {"action": "send_again", "message_id": message_id}
    answer = alice.client.post(f"/unconfirmed/{doubtful.id}/resolve", data=form)
    assert (answer.status_code, left(alice)) == (404, 2)


def test_viewers_look_and_do_not_decide(app, alice: Person, doubtful: Campaign):
    viewer = Person.enter(
        app, factories.membership(name="Vera", role="viewer", workspace=alice.workspace)
    )
    assert "Send again" not in viewer.client.get("/unconfirmed/").text
    answer = viewer.client.post(
        f"/unconfirmed/{doubtful.id}/resolve", data={"action": "mark_as_sent"}
    )
    assert (answer.status_code, left(alice)) == (403, 2)


def test_a_stranger_finds_nothing(alice: Person, charlie: Person, doubtful: Campaign):
    assert "Autumn" not in charlie.client.get("/unconfirmed/").text
    assert charlie.client.get(f"/unconfirmed/?campaign={doubtful.id}").status_code == 404
    own = mailings.mailing(charlie.workspace, ["unconfirmed"])
    foreign = {"action": "mark_as_sent", "message_id": mailings.message(doubtful, 0).id}
    for campaign_id in (doubtful.id, own.id):
        answer = charlie.client.post(f"/unconfirmed/{campaign_id}/resolve", data=foreign)
        assert answer.status_code == 404
    assert left(alice) == 2


def test_the_campaigns_page_leads_there(alice: Person, doubtful: Campaign):
    page = alice.client.get(f"/campaigns/{doubtful.id}/analytics").text
    assert f"/unconfirmed/?campaign={doubtful.id}" in page
