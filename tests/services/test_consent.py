"""A status changes in one place only, leaves its trace, and may be asked for twice."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from campaign_app.extensions import db
from campaign_app.lib.errors import Conflict, Invalid
from campaign_app.models.recipients import ConsentEvent, Recipient, RecipientStatus
from campaign_app.services import consent, suppressions
from tests import factories
from tests.people import Person


def status_of(recipient: Recipient) -> RecipientStatus:
    db.session.refresh(recipient)
    return recipient.status


def events(person: Person, email: str) -> list[tuple[str, str, str]]:
    history = consent.history(person.workspace, email)
    return [(str(event.action), event.reason, event.source) for event, _ in history]


def test_unsubscribing_keeps_reason_door_and_date(alice: Person):
    ana = factories.recipient(alice.workspace, email="ana@example.com")
    assert consent.unsubscribe(
        alice.workspace, ana, reason="Too many", source="page", user=alice.user
    )
    assert status_of(ana) == RecipientStatus.UNSUBSCRIBED
    assert (ana.status_reason, ana.status_at is not None) == ("Too many", True)
    [(event, who)] = consent.history(alice.workspace, ana.email)
    assert (event.reason, event.source, who) == ("Too many", "page", "Alice")


def test_a_second_click_on_unsubscribe_changes_nothing(alice: Person):
    ana = factories.recipient(alice.workspace)
    consent.unsubscribe(alice.workspace, ana, reason="First", source="link")
    assert not consent.unsubscribe(alice.workspace, ana, reason="Second", source="one-click")
    assert events(alice, ana.email) == [("unsubscribed", "First", "link")]
    assert status_of(ana) == RecipientStatus.UNSUBSCRIBED
    assert ana.status_reason == "First"


def test_resubscribing_keeps_the_history(alice: Person):
    ana = factories.recipient(alice.workspace)
    consent.unsubscribe(alice.workspace, ana, reason="Off", source="link")
    assert consent.resubscribe(alice.workspace, ana, reason=" Asked at the fair ", source="page")
    assert status_of(ana) == RecipientStatus.SUBSCRIBED
    assert events(alice, ana.email) == [
        ("subscribed", "Asked at the fair", "page"),
        ("unsubscribed", "Off", "link"),
    ]


def test_resubscribing_wants_a_reason(alice: Person):
    ana = factories.recipient(alice.workspace, status="unsubscribed")
    with pytest.raises(Invalid, match="how they asked") as refusal:
        consent.resubscribe(alice.workspace, ana, reason="  ", source="page")
    assert refusal.value.field == "reason"
    assert status_of(ana) == RecipientStatus.UNSUBSCRIBED


def test_whoever_complained_cannot_be_resubscribed(alice: Person):
    ana = factories.recipient(alice.workspace, status="complained")
    with pytest.raises(Conflict, match="marked your mail as spam"):
        consent.resubscribe(alice.workspace, ana, reason="Oops", source="page")
    assert status_of(ana) == RecipientStatus.COMPLAINED


def test_a_complaint_outlasts_a_later_unsubscribe(alice: Person):
    ana = factories.recipient(alice.workspace, status="complained")
    assert not consent.unsubscribe(alice.workspace, ana, reason="", source="link")
    assert status_of(ana) == RecipientStatus.COMPLAINED


def test_a_hard_bounce_marks_and_suppresses_once(alice: Person):
    ana = factories.recipient(alice.workspace)
    assert consent.bounce(alice.workspace, ana.email, reason="550 5.1.1 User unknown")
    assert not consent.bounce(alice.workspace, ana.email, reason="550 again")
    assert status_of(ana) == RecipientStatus.BOUNCED
    assert suppressions.contains(alice.workspace, [ana.email]) == {ana.email}
    assert events(alice, ana.email) == [("bounced", "550 5.1.1 User unknown", "smtp")]


def test_a_bounce_of_somebody_unsubscribed_only_suppresses(alice: Person):
    ana = factories.recipient(alice.workspace, status="unsubscribed")
    assert consent.bounce(alice.workspace, ana.email, reason="550")
    assert status_of(ana) == RecipientStatus.UNSUBSCRIBED
    assert suppressions.find(alice.workspace, ana.email)


def test_resubscribing_after_a_bounce_lifts_its_suppression(alice: Person):
    ana = factories.recipient(alice.workspace)
    consent.bounce(alice.workspace, ana.email, reason="550")
    consent.resubscribe(alice.workspace, ana, reason="Mailbox works again", source="page")
    assert not suppressions.contains(alice.workspace, [ana.email])


def test_resubscribing_leaves_a_suppression_by_hand_alone(alice: Person):
    ana = factories.recipient(alice.workspace, status="unsubscribed")
    suppressions.add(alice.workspace, ana.email, reason="Lawyer wrote", user=alice.user)
    consent.resubscribe(alice.workspace, ana, reason="Asked", source="page")
    assert suppressions.contains(alice.workspace, [ana.email])


def test_many_at_once_change_only_those_who_may(alice: Person):
    statuses = ("subscribed", "unsubscribed", "bounced", "complained")
    rows = [factories.recipient(alice.workspace, status=status) for status in statuses]
    ids = [row.id for row in rows]
    assert consent.unsubscribe_all(alice.workspace, ids, reason="Sale", source="page") == 2
    assert consent.resubscribe_all(alice.workspace, ids, reason="Back", source="page") == 3
    assert [str(status_of(row)) for row in rows] == ["subscribed"] * 3 + ["complained"]


def test_opting_out_an_unknown_address_suppresses_it(alice: Person):
    consent.opt_out(alice.workspace, " Gone@Example.com ", reason="", source="link")
    consent.opt_out(alice.workspace, "gone@example.com", reason="", source="link")
    assert suppressions.contains(alice.workspace, ["gone@example.com"])
    assert len(events(alice, "gone@example.com")) == 1


def test_opting_out_a_known_address_unsubscribes(alice: Person):
    ana = factories.recipient(alice.workspace, email="ana@example.com")
    consent.opt_out(alice.workspace, "ANA@example.com", reason="API", source="api")
    assert status_of(ana) == RecipientStatus.UNSUBSCRIBED


def test_opting_out_by_number_reaches_no_neighbour(alice: Person, charlie: Person):
    ana = factories.recipient(alice.workspace, email="ana@example.com")
    consent.opt_out(
        charlie.workspace, "a@example.com", reason="", source="link", recipient_id=ana.id
    )
    assert status_of(ana) == RecipientStatus.SUBSCRIBED


def test_a_neighbours_list_is_out_of_reach(alice: Person, charlie: Person):
    ana = factories.recipient(alice.workspace, email="ana@example.com")
    consent.bounce(charlie.workspace, ana.email, reason="550")
    consent.unsubscribe_all(charlie.workspace, [ana.id], reason="", source="page")
    assert not consent.unsubscribe(charlie.workspace, ana, reason="", source="page")
    assert status_of(ana) == RecipientStatus.SUBSCRIBED
    mine = ConsentEvent.workspace_id == alice.workspace.id
    assert db.session.scalar(select(func.count()).select_from(ConsentEvent).where(mine)) == 0
