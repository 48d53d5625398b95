"""Senders: what they must be, and what happens to them when things change."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func

from campaign_app.extensions import db
from campaign_app.lib.errors import Conflict, Invalid, NotFound
from campaign_app.lib.secrets import Vault
from campaign_app.models.campaigns import CampaignStatus
from campaign_app.models.senders import Security, Sender, SenderSlot, SenderState, SenderUsage
from campaign_app.services import audit, sender_details, senders
from campaign_app.services.sender_details import SenderDetails
from tests import factories
from tests.people import Person
from tests.waiting import this_minute

VAULT = Vault("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
ACME = SenderDetails(
    name="Acme",
    host="smtp.example.com",
    from_email="news@example.com",
    username="acme",
    password="s3cret",
)


def make(person: Person, **changes: Any) -> Sender:
    details = replace(ACME, **changes)
    return senders.create(
        person.workspace, details, user=person.user, vault=VAULT, allow_private=False
    )


def change(person: Person, sender: Sender, **changes: Any) -> None:
    details = replace(ACME, password="", **changes)
    senders.update(
        person.workspace, sender, details, user=person.user, vault=VAULT, allow_private=False
    )


def test_a_password_is_kept_encrypted(alice: Person):
    sender = make(alice)
    assert "s3cret" not in sender.password_encrypted
    assert VAULT.decrypt(sender.password_encrypted) == "s3cret"


def test_an_empty_password_keeps_the_stored_one(alice: Person):
    sender = make(alice)
    change(alice, sender, delay_seconds=0.5)
    assert VAULT.decrypt(sender.password_encrypted) == "s3cret"
    assert sender.delay_seconds == 0.5


@pytest.mark.parametrize("other", [{"host": "smtp.evil.example"}, {"username": "mallory"}])
def test_a_stored_password_never_goes_to_another_server(alice: Person, other: dict[str, str]):
    sender = make(alice)
    with pytest.raises(Invalid) as refusal:
        change(alice, sender, **other)
    assert refusal.value.field == "password"
    assert sender.host == "smtp.example.com"


def test_without_a_user_name_the_password_is_forgotten(alice: Person):
    sender = make(alice)
    change(alice, sender, username="")
    assert sender.password_encrypted == ""


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("name", {"name": " "}),
        ("name", {"name": "Acme\r\nBcc: x"}),
        ("host", {"host": "https://smtp.example.com"}),
        ("host", {"host": "smtp.example.com:587"}),
        ("host", {"host": "smtp..example"}),
        ("port", {"port": 0}),
        ("security", {"port": 465}),
        ("security", {"security": Security.TLS}),
        ("security", {"security": Security.NONE, "port": 25}),
        ("username", {"username": ""}),
        ("password", {"password": ""}),
        ("from_name", {"from_name": "Acme\nBcc: x@example.com"}),
        ("from_email", {"from_email": "news"}),
        ("reply_to", {"reply_to": "me@"}),
        ("delay_seconds", {"delay_seconds": -1}),
        ("delay_seconds", {"delay_seconds": float("nan")}),
        ("max_connections", {"max_connections": 201}),
        ("messages_per_connection", {"messages_per_connection": 0}),
        ("per_day", {"per_day": 0}),
    ],
)
def test_a_refusal_names_its_field(alice: Person, field: str, changes: dict[str, Any]):
    with pytest.raises(Invalid) as refusal:
        make(alice, **changes)
    assert refusal.value.field == field


def test_a_taken_name_is_refused_and_the_sender_keeps_its_own(alice: Person):
    make(alice)
    second = make(alice, name="Second")
    with pytest.raises(Invalid, match="already a sender called “Acme”"):
        change(alice, second)
    assert second.name == "Second"


def test_the_same_name_is_free_in_another_workspace(alice: Person, charlie: Person):
    make(alice)
    assert make(charlie).workspace_id == charlie.workspace.id


@pytest.mark.parametrize("host", ["127.0.0.1", "10.0.0.1", "localhost", "::1", "169.254.169.254"])
def test_private_hosts_are_refused_outside_development(host: str):
    details = replace(ACME, host=host)
    with pytest.raises(Invalid) as refusal:
        sender_details.check_host(details)
    assert refusal.value.field == "host"
    sender_details.check_host(details, allow_private=True)


def test_a_stranger_sees_no_sender(alice: Person, charlie: Person):
    sender = make(alice)
    assert not senders.every(charlie.workspace)
    with pytest.raises(NotFound):
        senders.get(charlie.workspace, sender.id)


@pytest.mark.parametrize("status", ["sending", "paused", "scheduled"])
def test_a_sender_that_a_live_campaign_uses_stays(alice: Person, status: str):
    sender = make(alice)
    factories.campaign(alice.workspace, sender_id=sender.id, status=CampaignStatus(status))
    with pytest.raises(Conflict, match="“Acme”"):
        senders.delete(alice.workspace, sender, user=alice.user)
    assert senders.get(alice.workspace, sender.id)


@pytest.mark.parametrize("status", ["draft", "completed", "cancelled"])
def test_other_campaigns_only_lose_a_deleted_sender(alice: Person, status: str):
    sender = make(alice)
    campaign = factories.campaign(
        alice.workspace, sender_id=sender.id, status=CampaignStatus(status)
    )
    senders.delete(alice.workspace, sender, user=alice.user)
    db.session.refresh(campaign)
    assert campaign.sender_id is None
    assert not senders.every(alice.workspace)


def test_a_sender_with_an_open_connection_is_not_deleted(alice: Person):
    sender = make(alice)
    until = func.now() + timedelta(minutes=1)
    factories.save(SenderSlot(sender_id=sender.id, slot=0, lease_until=until))
    with pytest.raises(Conflict, match="just handing over"):
        senders.delete(alice.workspace, sender, user=alice.user)


def stop(sender: Sender) -> None:
    sender.state, sender.state_reason = SenderState.STOPPED, "535 5.7.8 no"
    db.session.flush()


def test_a_stopped_sender_is_resumed_by_a_person(alice: Person):
    sender = make(alice)
    stop(sender)
    senders.resume(alice.workspace, sender, user=alice.user)
    assert (sender.state, sender.state_reason) == (SenderState.ACTIVE, "")
    assert audit.recent(alice.workspace)[0][0].action == "sender.resumed"
    with pytest.raises(Conflict):
        senders.resume(alice.workspace, sender, user=alice.user)


@pytest.mark.parametrize(
    ("changes", "state"),
    [({"delay_seconds": 1.0}, SenderState.STOPPED), ({"port": 25}, SenderState.ACTIVE)],
)
def test_a_changed_server_gives_a_stopped_sender_another_try(
    alice: Person, changes: dict[str, Any], state: SenderState
):
    sender = make(alice)
    stop(sender)
    change(alice, sender, **changes)
    assert sender.state == state


def test_usage_slides_over_minute_hour_and_day(alice: Person):
    sender = make(alice)
    minute = this_minute()
    for age, count in ((0, 1), (30, 10), (300, 100), (1441, 1000)):
        when = minute - timedelta(minutes=age)
        factories.save(SenderUsage(sender_id=sender.id, minute=when, handed_over=count))
    assert senders.usage(sender) == senders.Usage(minute=1, hour=11, day=111)


def test_campaigns_are_counted_and_listed_by_sender(alice: Person):
    sender = make(alice)
    campaign = factories.campaign(alice.workspace, sender_id=sender.id)
    factories.campaign(alice.workspace)
    assert senders.campaign_counts(alice.workspace) == {sender.id: 1}
    assert list(senders.campaigns_using(alice.workspace, sender)) == [campaign]
