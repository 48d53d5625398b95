"""What is written down of hits: raw events, first opens and clicks, the charts' buckets."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from flask import Flask

from campaign_app.extensions import db
from campaign_app.lib import clock
from campaign_app.models.campaigns import Link
from campaign_app.models.messages import Message
from campaign_app.models.tracking import ClickEvent, Engagement, OpenEvent
from campaign_app.tracking import record
from campaign_app.tracking.events import Hit
from tests import factories
from tests.people import Person

BROWSER = "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"


@pytest.fixture
def mail(alice: Person) -> Message:
    """A mail that Alice sent to Ana an hour ago."""
    return factories.message(
        factories.campaign(alice.workspace), factories.recipient(alice.workspace)
    )


def hit(mail: Message, *, link: int = 0, agent: str = BROWSER, later: float = 0) -> Hit:
    at = clock.now().replace(microsecond=0) + timedelta(seconds=later)
    return Hit(mail.id, at, user_agent=agent, ip="198.51.100.7", link_number=link)


def everything(model: type) -> list:
    db.session.expire_all()
    return db.session.query(model).execution_options(all_workspaces=True).all()


def bucket() -> Engagement:
    rows = everything(Engagement)
    totals = Engagement()
    for name in record.COUNTED:
        setattr(totals, name, sum(getattr(row, name) for row in rows))
    return totals


def test_the_same_hit_many_times_in_a_second_is_one_event_that_says_so(mail: Message):
    at = hit(mail)
    record.write([at] * 1_000)
    (event,) = everything(OpenEvent)
    assert event.times == 1_000
    assert (bucket().opens, bucket().unique_opens) == (1_000, 1)


def test_other_seconds_programs_and_links_are_other_events(mail: Message):
    record.write([hit(mail), hit(mail, later=1), hit(mail, agent="Mozilla/5.0 other")])
    record.write([hit(mail, link=1), hit(mail, link=2)])
    assert [event.times for event in everything(OpenEvent)] == [1, 1, 1]
    assert sorted(event.link_number for event in everything(ClickEvent)) == [1, 2]
    assert (bucket().unique_opens, bucket().unique_clicks) == (1, 1)


def test_a_first_open_is_counted_once_over_many_writes(mail: Message):
    for later in (0, 1, 2):
        record.write([hit(mail, later=later)])
    first = min(event.created_at for event in everything(OpenEvent))
    assert everything(Message)[0].opened_at == first
    assert (bucket().opens, bucket().unique_opens) == (3, 1)


@pytest.mark.parametrize(
    "agent",
    ['"quoted"', "back\\slash", "{braces},", "NULL", "ünïcode ✉", "it's", "x\0y", "a" * 900],
)
def test_whatever_a_program_calls_itself_is_kept(mail: Message, agent: str):
    record.write([hit(mail, agent=agent)])
    (event,) = everything(OpenEvent)
    assert event.user_agent == agent[:300].replace("\0", "")


def test_hits_on_messages_that_are_gone_hold_up_nobody(mail: Message):
    gone = Hit(mail.id + 1_000_000, clock.now(), user_agent=BROWSER)
    record.write([gone, hit(mail), gone])
    assert [event.message_id for event in everything(OpenEvent)] == [mail.id]
    assert bucket().opens == 1


def test_a_message_without_a_time_of_sending_was_not_read_by_a_person(mail: Message):
    mail.sent_at = None
    db.session.commit()
    record.write([hit(mail)])
    assert [event.machine_reason for event in everything(OpenEvent)] == ["too soon"]
    assert (bucket().opens, bucket().machine_opens) == (0, 1)
    assert everything(Message)[0].opened_at is None


def test_a_links_clicks_and_people_are_counted(mail: Message):
    owned = {"workspace_id": mail.workspace_id, "campaign_id": mail.campaign_id}
    link = factories.save(Link(**owned, number=1, url="https://shop.example/"))
    record.write([hit(mail, link=1), hit(mail, link=1, later=1)])
    record.write([hit(mail, link=1, later=9)])
    db.session.refresh(link)
    assert (link.clicks, link.unique_clicks) == (3, 1)


def write_in_parts(app: Flask, hits: list[Hit], failures: list[Exception]) -> None:
    with app.app_context():
        try:
            for start in range(0, len(hits), 50):
                record.write(hits[start : start + 50])
        except Exception as error:  # noqa: BLE001  told to the test
            failures.append(error)


def test_two_processes_write_the_same_messages_without_waiting_in_a_circle(live_app: Flask):
    workspace = factories.workspace()
    campaign = factories.campaign(workspace)
    mails = [factories.message(campaign, factories.recipient(workspace)) for _ in range(20)]
    hits = [hit(mail, later=n / 100) for n in range(20) for mail in mails]
    failures: list[Exception] = []
    parts = [(live_app, own, failures) for own in (hits, hits[::-1])]
    threads = [threading.Thread(target=write_in_parts, args=part) for part in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert (bucket().opens, bucket().unique_opens) == (800, 20)
