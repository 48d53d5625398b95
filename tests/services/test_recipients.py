"""The people on the list: added once, found quickly, let go without a trace lost."""

from __future__ import annotations

import pytest

from campaign_app.extensions import db
from campaign_app.lib import clock
from campaign_app.lib.errors import Invalid, NotFound
from campaign_app.models.messages import Message
from campaign_app.models.recipients import Recipient
from campaign_app.services import consent, recipients, suppressions
from campaign_app.services.recipients import AlreadyThereError
from tests import factories
from tests.people import Person


def add(person: Person, email: str, **values: object) -> Recipient:
    return recipients.add(person.workspace, email=email, user=person.user, **values)


def test_somebody_new_is_subscribed_and_that_is_written_down(alice: Person):
    ana = add(alice, " Ana@Example.COM ", name="  Ana   Marković ", pairs=[("city", " Koper ")])
    assert (ana.email, ana.name, ana.attributes) == (
        "ana@example.com",
        "Ana Marković",
        {"city": "Koper"},
    )
    [(event, who)] = consent.history(alice.workspace, ana.email)
    assert (str(event.action), event.source, who) == ("subscribed", "page", "Alice")


def test_an_address_is_on_the_list_once(alice: Person, charlie: Person):
    first = add(alice, "ana@example.com")
    with pytest.raises(AlreadyThereError, match="already") as refusal:
        add(alice, "ANA@example.com")
    assert refusal.value.recipient.id == first.id
    assert add(charlie, "ana@example.com").workspace_id == charlie.workspace.id


def test_a_wrong_address_is_refused_by_name(alice: Person):
    with pytest.raises(Invalid, match="no @") as refusal:
        add(alice, "ana.example.com")
    assert refusal.value.field == "email"


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        (("fir st", "x"), "merge field"),
        (("2nd", "x"), "merge field"),
        (("město", "x"), "merge field"),
        (("email", "x"), "already has a meaning"),
        (("", "x"), "Give “x” a name"),
        (("note", "x" * 1001), "longer than 1,000"),
    ],
)
def test_an_attribute_must_be_usable_as_a_merge_field(alice: Person, pair, message: str):
    with pytest.raises(Invalid, match=message) as refusal:
        add(alice, "ana@example.com", pairs=[pair])
    assert refusal.value.field == "attributes"


def test_empty_lines_of_attributes_are_dropped_and_twins_refused(alice: Person):
    ana = factories.recipient(alice.workspace, attributes={"old": "1"})
    recipients.save_attributes(ana, [("", ""), ("city", "Koper"), ("empty", "")])
    assert ana.attributes == {"city": "Koper", "empty": ""}
    with pytest.raises(Invalid, match="twice"):
        recipients.save_attributes(ana, [("city", "a"), ("city", "b")])


def test_a_new_address_takes_the_status_along(alice: Person):
    ana = factories.recipient(alice.workspace, email="old@example.com", status="unsubscribed")
    recipients.edit(alice.workspace, ana, email="new@example.com", name="Ana", user=alice.user)
    assert (ana.email, str(ana.status)) == ("new@example.com", "unsubscribed")
    [(event, _)] = consent.history(alice.workspace, "new@example.com")
    assert event.reason == "The address was old@example.com before"


def test_the_former_address_of_somebody_who_left_is_not_brought_back(alice: Person):
    ana = factories.recipient(alice.workspace, email="old@example.com", status="unsubscribed")
    bor = factories.recipient(alice.workspace, email="bor@example.com")
    recipients.edit(alice.workspace, ana, email="new@example.com", name="", user=alice.user)
    recipients.edit(alice.workspace, bor, email="bor.2@example.com", name="", user=alice.user)
    asked = ["old@example.com", "bor@example.com"]
    assert suppressions.contains(alice.workspace, asked) == {"old@example.com"}


def test_a_new_address_must_be_free(alice: Person):
    bor = factories.recipient(alice.workspace, email="bor@example.com")
    ana = factories.recipient(alice.workspace, email="ana@example.com")
    with pytest.raises(AlreadyThereError) as refusal:
        recipients.edit(alice.workspace, ana, email=bor.email, name="", user=alice.user)
    assert refusal.value.recipient.id == bor.id
    assert ana.email == "ana@example.com"


def test_deleting_somebody_subscribed_leaves_nothing_behind(alice: Person):
    ana = factories.recipient(alice.workspace)
    factories.group(alice.workspace, members=[ana])
    email = ana.email
    recipients.delete_one(alice.workspace, ana, user=alice.user)
    assert recipients.by_email(alice.workspace, email) is None
    assert not suppressions.contains(alice.workspace, [email])


@pytest.mark.parametrize("status", ["unsubscribed", "bounced", "complained"])
def test_deleting_somebody_who_is_not_mailed_suppresses_them(alice: Person, status: str):
    ana = factories.recipient(alice.workspace, status=status)
    email = ana.email
    recipients.delete_one(alice.workspace, ana, user=alice.user)
    kept = suppressions.find(alice.workspace, email)
    assert kept is not None
    assert status in kept.reason


def test_what_a_deleted_person_was_sent_still_counts(alice: Person):
    ana = factories.recipient(alice.workspace)
    message = sent(alice, ana)
    recipients.delete_one(alice.workspace, ana, user=alice.user)
    db.session.commit()
    assert db.session.get(Message, (message.id)) is not None


def test_a_person_shows_the_campaigns_they_got_newest_first(alice: Person):
    ana, bor = factories.recipient(alice.workspace), factories.recipient(alice.workspace)
    first, second = sent(alice, ana), sent(alice, ana)
    sent(alice, bor)
    rows = recipients.received(alice.workspace, ana)
    assert [message.id for _, message in rows] == [second.id, first.id]


def test_what_a_dead_planner_left_was_never_got(alice: Person):
    ana = factories.recipient(alice.workspace)
    kept, campaign = sent(alice, ana), factories.campaign(alice.workspace)
    factories.message(campaign, ana)
    campaign.planned_at = None
    rows = recipients.received(alice.workspace, ana)
    assert [message.id for _, message in rows] == [kept.id]


def test_those_already_there_stay_as_they_are(alice: Person):
    ana = factories.recipient(alice.workspace, name="Ana", status="unsubscribed")
    why = consent.Why("Added", "page", alice.user)
    new = recipients.ensure(alice.workspace, {ana.email: "Other", "bor@x.com": "Bor"}, why=why)
    db.session.refresh(ana)
    assert (ana.name, str(ana.status), len(new)) == ("Ana", "unsubscribed", 1)


def test_a_stranger_finds_nobody(alice: Person, charlie: Person):
    ana = factories.recipient(alice.workspace)
    with pytest.raises(NotFound):
        recipients.get(charlie.workspace, ana.id)
    assert recipients.by_email(charlie.workspace, ana.email) is None
    assert recipients.delete_all(charlie.workspace, [ana.id]) == 0


def sent(person: Person, recipient: Recipient) -> Message:
    campaign = factories.campaign(person.workspace, planned_at=clock.now())
    return factories.save(
        Message(
            workspace_id=person.workspace.id,
            campaign_id=campaign.id,
            recipient_id=recipient.id,
            batch_id=0,
            address=recipient.email,
        )
    )
