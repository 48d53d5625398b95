"""Unconfirmed messages: what is known of them, and what people decide."""

from __future__ import annotations

import pytest

from campaign_app.extensions import db
from campaign_app.lib.errors import Conflict, NotFound
from campaign_app.models.campaigns import Campaign, CampaignStatus
from campaign_app.services import audit, progress, suppressions, unconfirmed
from campaign_app.services.unconfirmed import Action
from tests import mailings
from tests.people import Person

STATUSES = ["sent", "unconfirmed", "unconfirmed", "sent", "unconfirmed", "failed"]


def doubtful(alice: Person, statuses: list[str] = STATUSES, **values) -> Campaign:
    """A finished campaign of Alice's; in STATUSES, three of its six are unconfirmed."""
    return mailings.freeze(mailings.mailing(alice.workspace, statuses, **values))


def decide(alice: Person, campaign: Campaign, action: Action, ids: list[int] | None = None) -> int:
    number = unconfirmed.resolve(
        alice.workspace, campaign, action=action, message_ids=ids, user=alice.user
    )
    db.session.commit()
    db.session.refresh(campaign)
    return number


def counts(alice: Person, campaign: Campaign) -> progress.Counts:
    return progress.counts(alice.workspace, [campaign])[campaign.id]


def test_it_tells_what_is_known(alice: Person):
    campaign = doubtful(alice)
    one = mailings.message(campaign, 2)
    told = mailings.refuse(one, "The connection ended.", code=None, phase="dot", enhanced="")
    shown = unconfirmed.page(alice.workspace, campaign=campaign)
    assert (shown.total, [line.address[:2] for line in shown.items]) == (3, ["p4", "p2", "p1"])
    line = shown.items[1]
    assert (line.phase, line.words, line.attempts) == ("dot", "The connection ended.", 1)
    assert (line.campaign, line.name, line.server) == (campaign.name, "Person 2", "127.0.0.1")
    assert line.since == told.created_at


def test_it_lists_every_campaign_and_pages(alice: Person):
    first, second = doubtful(alice), doubtful(alice)
    doubtful(alice, ["sent", "sent"])
    found = unconfirmed.tallies(alice.workspace)
    assert [(one.campaign_id, one.messages) for one in found] == [(second.id, 3), (first.id, 3)]
    pages = [unconfirmed.page(alice.workspace, number=number, size=4) for number in (1, 2, 9)]
    assert [len(page.items) for page in pages] == [4, 2, 2]
    assert {line.campaign_id for line in pages[1].items} == {first.id}


def test_nothing_unconfirmed_is_an_empty_page(alice: Person):
    page = unconfirmed.page(alice.workspace, campaign=doubtful(alice, ["sent"]))
    assert (page.total, page.items) == (0, [])


def test_marking_one_as_sent_keeps_a_completed_campaign_completed(alice: Person):
    campaign = doubtful(alice)
    one = mailings.message(campaign, 1)
    moment = mailings.refuse(one, "gone", code=None, phase="dot").created_at
    assert decide(alice, campaign, Action.MARK_AS_SENT, [one.id]) == 1
    assert campaign.status == CampaignStatus.COMPLETED
    assert campaign.final_counts == counts(alice, campaign).as_dict()
    assert (counts(alice, campaign).sent, counts(alice, campaign).unconfirmed) == (3, 2)
    assert mailings.message(campaign, 1).sent_at == moment


def test_marking_all_as_sent_changes_the_frozen_counts(alice: Person):
    campaign = doubtful(alice)
    assert decide(alice, campaign, Action.MARK_AS_SENT) == 3
    assert (counts(alice, campaign).sent, counts(alice, campaign).unconfirmed) == (5, 0)
    assert unconfirmed.page(alice.workspace).total == 0


def test_sending_again_reopens_a_completed_campaign(alice: Person):
    campaign = doubtful(alice)
    assert decide(alice, campaign, Action.SEND_AGAIN) == 3
    assert (campaign.status, campaign.finished_at) == (CampaignStatus.SENDING, None)
    assert (counts(alice, campaign).pending, counts(alice, campaign).unconfirmed) == (3, 0)
    assert mailings.message(campaign, 1).attempts == 0


def test_a_paused_campaign_stays_paused(alice: Person):
    campaign = mailings.mailing(alice.workspace, STATUSES, status=CampaignStatus.PAUSED)
    assert decide(alice, campaign, Action.SEND_AGAIN, [mailings.message(campaign, 4).id]) == 1
    assert campaign.status == CampaignStatus.PAUSED
    assert (counts(alice, campaign).pending, counts(alice, campaign).unconfirmed) == (1, 2)


def test_a_cancelled_campaign_sends_nothing_again_but_can_be_put_right(alice: Person):
    campaign = doubtful(alice)
    campaign.status = CampaignStatus.CANCELLED
    db.session.commit()
    with pytest.raises(Conflict, match="cancelled"):
        decide(alice, campaign, Action.SEND_AGAIN)
    assert decide(alice, campaign, Action.MARK_AS_SENT) == 3
    assert campaign.status == CampaignStatus.CANCELLED
    assert counts(alice, campaign).sent == 5


def test_what_is_decided_is_not_decided_again(alice: Person):
    campaign = doubtful(alice)
    one = mailings.message(campaign, 1).id
    decide(alice, campaign, Action.MARK_AS_SENT, [one])
    with pytest.raises(Conflict, match="decided"):
        decide(alice, campaign, Action.SEND_AGAIN, [mailings.message(campaign, 0).id])
    with pytest.raises(Conflict, match="any more"):
        decide(alice, campaign, Action.MARK_AS_SENT, [one])


def test_suppressed_addresses_are_not_sent_again(alice: Person):
    campaign = doubtful(alice)
    address = mailings.message(campaign, 1).address
    suppressions.add(alice.workspace, address, reason="asked", user=alice.user)
    assert decide(alice, campaign, Action.SEND_AGAIN) == 2
    assert counts(alice, campaign).unconfirmed == 1
    with pytest.raises(Conflict, match="suppressed"):
        decide(alice, campaign, Action.SEND_AGAIN)


def test_without_its_sender_a_campaign_can_only_be_put_right(alice: Person):
    campaign = doubtful(alice)
    campaign.sender_id = None
    db.session.commit()
    with pytest.raises(Conflict, match="sender"):
        decide(alice, campaign, Action.SEND_AGAIN)
    assert decide(alice, campaign, Action.MARK_AS_SENT) == 3


def test_the_log_says_who_decided(alice: Person):
    campaign = doubtful(alice)
    decide(alice, campaign, Action.MARK_AS_SENT, [mailings.message(campaign, 1).id])
    decide(alice, campaign, Action.SEND_AGAIN)
    said = [entry.summary for entry, _ in audit.recent(alice.workspace, limit=2)]
    name = alice.user.name
    assert said == [
        f"{name} sent 2 unconfirmed messages of “{campaign.name}” again",
        f"{name} marked 1 unconfirmed message of “{campaign.name}” as sent",
    ]


def test_a_stranger_sees_and_decides_nothing(alice: Person, charlie: Person):
    campaign, own = doubtful(alice), doubtful(charlie)
    foreign = [mailings.message(campaign, 1).id]
    assert {one.campaign_id for one in unconfirmed.tallies(charlie.workspace)} == {own.id}
    with pytest.raises(NotFound):
        decide(charlie, own, Action.MARK_AS_SENT, foreign)
    with pytest.raises(Conflict):
        decide(charlie, campaign, Action.MARK_AS_SENT)
    assert unconfirmed.page(alice.workspace).total == 3
