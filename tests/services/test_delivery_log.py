"""The delivery log: filter, search, pages."""

from __future__ import annotations

from functools import partial

import pytest

from campaign_app.extensions import db
from campaign_app.lib.errors import NotFound
from campaign_app.models.messages import Batch, BatchState, MessageStatus
from campaign_app.services import delivery_log, exports
from tests import mailings
from tests.people import Person


def names(page: delivery_log.LogPage) -> list[str]:
    return [line.address.partition("@")[0] for line in page.lines]


def test_each_status_is_found(alice: Person):
    statuses = [status.value for status in MessageStatus]
    campaign = mailings.mailing(alice.workspace, statuses)
    for status in statuses:
        page = delivery_log.page(alice.workspace, campaign, status=status)
        assert [line.status for line in page.lines] == [status]
    assert len(delivery_log.page(alice.workspace, campaign).lines) == len(statuses)


def test_an_open_windows_messages_are_sending_and_come_first(alice: Person):
    campaign = mailings.mailing(alice.workspace, ["sent", "sent", "pending", "pending"])
    batch = db.session.query(Batch).filter_by(workspace_id=alice.workspace.id, sent=0).one()
    batch.state, batch.opened = BatchState.SENDING, 1
    batch.opened_through = mailings.message(campaign, 2).id
    db.session.commit()
    page = delivery_log.page(alice.workspace, campaign)
    assert [line.status for line in page.lines] == ["sending", "pending", "sent", "sent"]
    assert names(delivery_log.page(alice.workspace, campaign, status="sending")) == ["p2"]
    assert names(delivery_log.page(alice.workspace, campaign, status="pending")) == ["p3"]


def test_it_pages_forth_and_back_without_losing_anybody(alice: Person):
    campaign = mailings.mailing(alice.workspace, ["sent", "failed"] * 4)
    page = partial(delivery_log.page, alice.workspace, campaign, size=3)
    first = page()
    second = page(after=first.next)
    third = page(after=second.next)
    assert names(first) + names(second) + names(third) == [
        "p6", "p7", "p4", "p5", "p2", "p3", "p0", "p1"
    ]  # fmt: skip
    assert (first.previous, third.next) == ("", "")
    back = page(before=third.previous)
    assert names(back) == names(second)
    assert names(page(before=back.previous)) == names(first)
    failed = page(status="failed")
    rest = page(status="failed", after=failed.next)
    assert names(failed) + names(rest) == ["p7", "p5", "p3", "p1"]


@pytest.mark.parametrize("place", ["x", "1.2", "1.2.x", "1.2.3.4", "9" * 30 + ".1.1"])
def test_a_made_up_place_is_not_found(alice: Person, place: str):
    campaign = mailings.mailing(alice.workspace, ["sent"])
    with pytest.raises(NotFound):
        delivery_log.page(alice.workspace, campaign, after=place)


def test_a_search_is_by_the_beginning_of_the_address(alice: Person):
    campaign = mailings.mailing(alice.workspace, ["sent"] * 11 + ["failed"])
    mailings.mailing(alice.workspace, ["sent"] * 2)
    found = delivery_log.search(alice.workspace, campaign, " P1")
    assert sorted(names(found)) == ["p1", "p10", "p11"]
    failed = delivery_log.search(alice.workspace, campaign, "p1", status="failed")
    assert names(failed) == ["p11"]
    assert not delivery_log.search(alice.workspace, campaign, "p_").lines


def test_a_broad_search_says_how_to_go_on(alice: Person):
    other = mailings.mailing(alice.workspace, ["sent"] * 2)
    campaign = mailings.mailing(alice.workspace, ["sent"])
    assert campaign.id > other.id
    search = partial(delivery_log.search, alice.workspace, campaign, "p", most=1)
    found = search()
    while not found.lines:
        assert found.searched_on
        found = search(after=found.next)
    assert names(found) == ["p0"]


def test_the_servers_last_words_stand_beside_the_recipient(alice: Person):
    campaign = mailings.mailing(alice.workspace, ["failed"])
    mailings.refuse(mailings.message(campaign, 0), "4.2.1 busy", code=451)
    mailings.refuse(mailings.message(campaign, 0), "5.1.1 No such user")
    [line] = delivery_log.page(alice.workspace, campaign).lines
    assert (line.words, line.name) == ("550 5.1.1 No such user", "Person 0")
    [row] = exports.deliveries(alice.workspace, campaign)
    assert (row.status, row.code, row.reply) == ("failed", 550, "5.1.1 No such user")


def test_a_stranger_reads_nothing(alice: Person, charlie: Person):
    campaign = mailings.mailing(alice.workspace, ["sent"])
    assert not delivery_log.page(charlie.workspace, campaign).lines
    assert not delivery_log.search(charlie.workspace, campaign, "p").lines
    assert not list(exports.deliveries(charlie.workspace, campaign))
