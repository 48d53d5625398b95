"""What is happening now, as the rows tell it."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import event

from campaign_app.extensions import db
from campaign_app.lib import clock
from campaign_app.models.campaigns import CampaignStatus
from campaign_app.models.imports import Import, ImportState
from campaign_app.models.messages import Batch
from campaign_app.models.people import Workspace
from campaign_app.models.recipient_bulk import Action
from campaign_app.models.senders import SenderSlot, SenderState, SenderUsage
from campaign_app.services import now, recipient_bulk, senders
from campaign_app.services.bulk_orders import Order
from campaign_app.services.now import Now
from campaign_app.services.workload import Queue
from tests import factories, mailings
from tests.people import Person
from tests.waiting import this_minute


def look(workspace: Workspace) -> Now:
    return now.look(workspace, now=clock.now())


def test_a_new_workspace_is_idle(alice: Person):
    found = look(alice.workspace)
    assert found.is_idle
    assert (found.senders, found.idle_senders, found.unconfirmed) == ([], 0, 0)
    assert found.queue == Queue()


def test_campaigns_under_way_come_with_their_figures_and_their_reason(alice: Person):
    sending = mailings.mailing(alice.workspace, ["sent", "sent", "failed", "pending"], tpm=600)
    paused = mailings.mailing(alice.workspace, ["sent", "pending"], status=CampaignStatus.PAUSED)
    mailings.freeze(mailings.mailing(alice.workspace, ["sent"]))
    found = look(alice.workspace).campaigns
    assert [one.campaign.id for one in found] == [sending.id, paused.id]
    assert (found[0].counts.sent, found[0].counts.pending, found[0].percent) == (2, 1, 75.0)
    assert [one.waiting for one in found] == ["held at 600/min", "paused by you"]


def test_senders_in_use_and_in_trouble_are_shown_the_others_counted(alice: Person):
    campaign = mailings.mailing(alice.workspace, ["sent", "pending"])
    broken = factories.sender(alice.workspace, state=SenderState.STOPPED, per_hour=10)
    factories.sender(alice.workspace)
    until = clock.now() + timedelta(minutes=1)
    slots = [(campaign.sender_id, 0, until), (campaign.sender_id, 1, until - timedelta(minutes=5))]
    for sender_id, slot, lease in slots:
        factories.save(SenderSlot(sender_id=sender_id, slot=slot, lease_until=lease))
    found = look(alice.workspace)
    assert [one.sender.id for one in found.senders] == [broken.id, campaign.sender_id]
    assert [one.account.connections for one in found.senders] == [0, 1]
    assert found.idle_senders == 1


def test_a_braked_sender_is_shown_though_it_rests(alice: Person):
    slow = factories.sender(alice.workspace, brake_rate=30.0)
    assert [one.sender.id for one in look(alice.workspace).senders] == [slow.id]


def test_the_queue_holds_what_is_free_and_what_leaves(alice: Person):
    campaign = mailings.mailing(alice.workspace, ["pending"] * 4)
    mailings.give_free(campaign, seconds_ago=30)
    batch = db.session.query(Batch).filter_by(workspace_id=alice.workspace.id).first()
    batch.opened = 2
    db.session.commit()
    queue = look(alice.workspace).queue
    assert (queue.ready, queue.messages, queue.in_flight) == (2, 4, 2)
    assert 29 < (clock.now() - queue.oldest).total_seconds() < 90


def test_second_tries_say_when_the_first_is_due(alice: Person):
    mailings.mailing(alice.workspace, ["deferred", "deferred", "sent"])
    queue = look(alice.workspace).queue
    assert (queue.retries, queue.retries_soon) == (2, 0)
    assert 200 < queue.next_retry - clock.now().timestamp() < 400


def test_unconfirmed_messages_of_finished_campaigns_count_too(alice: Person):
    mailings.mailing(alice.workspace, ["unconfirmed", "pending"])
    mailings.freeze(mailings.mailing(alice.workspace, ["unconfirmed", "sent"]))
    assert look(alice.workspace).unconfirmed == 2


def test_opens_of_the_last_minutes_and_no_older_ones(alice: Person):
    campaign = mailings.mailing(alice.workspace, ["sent"])
    at = clock.now().replace(second=0, microsecond=0)
    at -= timedelta(minutes=at.minute % 5)
    mailings.engage(campaign, at, opens=3, clicks=1)
    mailings.engage(campaign, at - timedelta(minutes=30), opens=5)
    mailings.engage(campaign, at - timedelta(hours=2), opens=100)
    sums = look(alice.workspace).sums
    assert (sums.opens, sums.clicks) == (3, 1)


def test_imports_at_work_are_shown(alice: Person):
    place = {"workspace_id": alice.workspace.id, "storage_key": "a", "size": 10}
    states = ("checking", "checked", "waiting", "running", "done", "undoing", "undone")
    for state in states:
        factories.save(Import(**place, filename="a.csv", state=ImportState(state)))
    found = [row.state for row in look(alice.workspace).imports]
    assert found == ["checking", "waiting", "running", "undoing"]


def test_a_long_action_on_recipients_is_shown_until_it_is_over(alice: Person, charlie: Person):
    factories.recipient(alice.workspace)
    bulk, _ = recipient_bulk.ask(alice.workspace, Order(Action.DELETE), user=alice.user)
    recipient_bulk.step(bulk.id)
    assert look(alice.workspace).jobs == ["Delete 1 recipient: 0 done"]
    assert look(charlie.workspace).jobs == []
    recipient_bulk.run(bulk)
    assert look(alice.workspace).jobs == []


def test_the_next_scheduled_campaign_is_named(alice: Person):
    times = [clock.now() + timedelta(days=days) for days in (3, 1, 2)]
    rows = [
        factories.campaign(alice.workspace, status=CampaignStatus.SCHEDULED, scheduled_at=at)
        for at in times
    ]
    assert now.upcoming(alice.workspace, look(alice.workspace)).id == rows[1].id


def test_a_stranger_sees_nothing_of_it(alice: Person, charlie: Person):
    campaign = mailings.mailing(alice.workspace, ["sent", "deferred", "unconfirmed", "pending"])
    mailings.give_free(campaign, seconds_ago=30)
    mailings.engage(campaign, clock.now(), opens=3)
    factories.sender(alice.workspace, state=SenderState.STOPPED)
    found = look(charlie.workspace)
    assert found.is_idle
    assert not found.senders
    assert found.queue == Queue()
    assert (found.sums.opens, found.sums.upcoming_id) == (0, None)


def test_it_never_reads_the_messages_of_a_campaign(alice: Person):
    """Only the soonest second tries are looked at, by their own index, and never more of them."""
    mailings.mailing(alice.workspace, ["deferred", "pending"])
    seen: list[str] = []
    connection = db.session.connection()
    event.listen(connection, "before_cursor_execute", lambda *args: seen.append(args[2]))
    look(alice.workspace)
    of_messages = [statement for statement in seen if "FROM messages" in statement]
    assert all("LIMIT" in statement for statement in of_messages)
    assert len(seen) < 12


def test_what_a_sender_has_used_of_its_caps_is_what_its_own_page_says(alice: Person):
    sender = factories.sender(alice.workspace, per_hour=100, brake_rate=5.0)
    minute = this_minute()
    for minutes, count in ((0, 1), (30, 10), (600, 100), (2000, 1000)):
        at = minute - timedelta(minutes=minutes)
        factories.save(SenderUsage(sender_id=sender.id, minute=at, handed_over=count))
    (one,) = look(alice.workspace).senders
    used = senders.usage(sender)
    assert (one.account.minute, one.account.hour, one.account.day) == (1, 11, 111)
    assert (used.minute, used.hour, used.day) == (1, 11, 111)
