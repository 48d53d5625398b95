"""What was refused, by reason."""

from __future__ import annotations

from datetime import timedelta

import pytest

from campaign_app.extensions import db
from campaign_app.lib import clock
from campaign_app.models.campaigns import CampaignStatus
from campaign_app.models.messages import MessageStatus
from campaign_app.services import failures, smtp_reasons
from tests import mailings
from tests.people import Person


def week():
    return clock.now() - timedelta(days=7)


def test_refusals_are_grouped_by_reason_over_all_campaigns(alice: Person, charlie: Person):
    one = mailings.mailing(alice.workspace, ["failed", "failed"], name="One")
    two = mailings.mailing(alice.workspace, ["failed", "deferred"], name="Two")
    for campaign, number in ((one, 0), (one, 1), (two, 0)):
        mailings.refuse(mailings.message(campaign, number), f"5.1.1 no p{number}")
    mailings.refuse(mailings.message(two, 1), "4.2.2 full", code=452)
    found = failures.report(alice.workspace, since=week())
    gone, full = found.groups
    assert (gone.key, gone.reason.title, gone.tally.failed) == ("5.1.1", "No such mailbox", 3)
    assert gone.example == "550 5.1.1 no p0"
    assert (full.reason.title, full.tally.waiting) == ("Mailbox full", 1)
    assert [(one.name, one.failed) for one in found.campaigns] == [("One", 2), ("Two", 1)]
    assert not failures.report(charlie.workspace, since=week()).groups


def test_a_message_counts_once_by_what_it_is_now(alice: Person):
    campaign = mailings.mailing(alice.workspace, ["sent", "failed"])
    late = mailings.message(campaign, 0)
    mailings.refuse(late, "4.2.1 busy", code=451, status=MessageStatus.DEFERRED)
    failed = mailings.message(campaign, 1)
    mailings.refuse(failed, "4.2.1 busy", code=451, status=MessageStatus.DEFERRED)
    mailings.refuse(failed, "5.1.1 nobody")
    found = failures.report(alice.workspace, since=week())
    assert (found.tally.messages, found.tally.failed, found.tally.delivered) == (2, 1, 1)
    assert {group.key: group.tally.messages for group in found.groups} == {"5.1.1": 1, "4.2.1": 1}


def test_the_period_and_the_campaign_narrow_it(alice: Person):
    campaign = mailings.mailing(alice.workspace, ["failed", "failed"])
    other = mailings.mailing(alice.workspace, ["failed"])
    old = mailings.refuse(mailings.message(campaign, 0), "5.1.1 old")
    old.created_at = clock.now() - timedelta(days=8)
    mailings.refuse(mailings.message(campaign, 1), "5.1.1 new")
    mailings.refuse(mailings.message(other, 0), "5.1.1 other")
    db.session.commit()
    assert failures.report(alice.workspace, since=week()).tally.failed == 2
    narrowed = failures.report(alice.workspace, since=week(), campaign_id=campaign.id)
    assert narrowed.tally.failed == 1


def test_a_group_lists_its_messages_page_by_page(alice: Person):
    campaign = mailings.mailing(alice.workspace, ["failed"] * 3)
    for number in range(3):
        mailings.refuse(mailings.message(campaign, number), "5.1.1 nobody")
    rows, following = failures.messages(alice.workspace, "5.1.1", since=week(), size=2)
    assert [row.email[:2] for row in rows] == ["p2", "p1"]
    rows, end = failures.messages(alice.workspace, "5.1.1", since=week(), before=following)
    assert ([row.email[:2] for row in rows], end) == (["p0"], None)
    assert [row.reason for row in failures.every(alice.workspace, since=week())] == [
        "No such mailbox"
    ] * 3


def test_a_cancelled_campaign_is_not_offered_for_retry(alice: Person):
    campaign = mailings.mailing(alice.workspace, ["failed"], status=CampaignStatus.CANCELLED)
    mailings.refuse(mailings.message(campaign, 0), "5.1.1 nobody")
    [struck] = failures.report(alice.workspace, since=week()).campaigns
    assert not struck.retryable


def test_what_carillon_noted_is_no_servers_word(alice: Person):
    campaign = mailings.mailing(alice.workspace, ["failed", "unconfirmed"])
    mailings.refuse(mailings.message(campaign, 0), "5.1.1 nobody")
    doubt = mailings.message(campaign, 1)
    mailings.refuse(doubt, "It ended.", code=None, phase="dot", enhanced="")
    said, noted = failures.report(alice.workspace, since=week()).groups
    assert (said.example, said.note) == ("550 5.1.1 nobody", "")
    assert (noted.example, noted.note) == ("", "It ended.")
    [row], _ = failures.messages(alice.workspace, "dot", since=week())
    assert (row.reply, row.note) == ("", "It ended.")


@pytest.mark.parametrize(
    ("key", "title"),
    [
        ("5.1.1", "No such mailbox"),
        ("4.2.1", "Mailbox busy"),
        ("5.2.1", "Mailbox disabled"),
        ("5.7.999", "Refused by policy"),
        ("5.9.9", "Other"),
        ("550", "Refused"),
        ("599", "Other"),
        ("compose", "Could not be written"),
        ("dot", "Nobody can know"),
        ("ended", "Process ended"),
        ("body", "Connection broken"),
        ("other", "Other"),
    ],
)
def test_every_reason_has_words_for_people(key: str, title: str):
    reason = smtp_reasons.explain(key)
    assert reason.title == title
    assert reason.meaning.endswith(".")
