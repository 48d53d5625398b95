"""The list, page by page: searched by prefix, filtered, and walked without OFFSET."""

from __future__ import annotations

import pytest

from campaign_app.extensions import redis
from campaign_app.models.recipients import RecipientStatus
from campaign_app.services import recipient_filter, recipient_pages, recipient_search, recipients
from campaign_app.services.consent import Why
from campaign_app.services.recipient_filter import Filter
from campaign_app.services.recipient_pages import START, Listing
from tests import factories
from tests.people import Person

ADDED = Why("Added", "page")


def fill(person: Person, *people: tuple[str, str]) -> list[int]:
    return recipients.ensure(person.workspace, dict(people), why=ADDED)


def fill_many(person: Person, number: int) -> None:
    fill(person, *((f"p{one}@x.com", "") for one in range(number)))


def found(person: Person, chosen: Filter) -> set[str]:
    return {row.email for row in recipient_pages.page(person.workspace, chosen).items}


def test_a_search_finds_the_beginning_of_address_and_name(alice: Person):
    fill(alice, ("ana@x.com", "Zoe"), ("zoe@x.com", "ANA Marković"), ("mia@x.com", "Diana"))
    assert found(alice, Filter("ana")) == {"ana@x.com", "zoe@x.com"}
    assert found(alice, Filter("Ana mark")) == {"zoe@x.com"}


def test_a_search_folds_letters_beyond_ascii(alice: Person):
    fill(alice, ("z@x.com", "Žana"))
    assert found(alice, Filter("ža")) == {"z@x.com"}


@pytest.mark.parametrize("wild", ["a_", "a%", "a\\"])
def test_a_search_takes_wildcards_literally(alice: Person, wild: str):
    fill(alice, ("abc@x.com", "abc"), ("other@x.com", f"{wild}c"))
    assert found(alice, Filter(wild)) == {"other@x.com"}


def test_filters_add_up(alice: Person):
    ana = factories.recipient(alice.workspace, email="ana@x.com", status="bounced")
    aron = factories.recipient(alice.workspace, email="aron@x.com", name="Aron")
    factories.recipient(alice.workspace, email="ash@x.com", status="bounced")
    group = factories.group(alice.workspace, members=[ana, aron])
    bounced = RecipientStatus.BOUNCED
    assert found(alice, Filter("a", bounced, group.id)) == {"ana@x.com"}
    assert found(alice, Filter(status=bounced)) == {"ana@x.com", "ash@x.com"}
    assert found(alice, Filter(group_id=group.id)) == {"ana@x.com", "aron@x.com"}


@pytest.mark.parametrize("chosen", [Filter(), Filter("p"), Filter(status="subscribed")])
def test_pages_lead_forward_and_back_again(alice: Person, chosen: Filter):
    fill(alice, *((f"p{number:02}@x.com", "") for number in range(7)))
    pages = [recipient_pages.page(alice.workspace, chosen, size=3)]
    while pages[-1].next:
        pages.append(recipient_pages.page(alice.workspace, chosen, place=pages[-1].next, size=3))
    assert [len(page.items) for page in pages] == [3, 3, 1]
    assert [page.number for page in pages] == [1, 2, 3]
    assert (pages[2].first, pages[2].last, pages[2].total) == (7, 7, 7)
    back = recipient_pages.page(alice.workspace, chosen, place=pages[2].previous, size=3)
    assert [row.id for row in back.items] == [row.id for row in pages[1].items]
    assert back.previous == START


def test_the_newest_come_first(alice: Person):
    ids = [factories.recipient(alice.workspace).id for _ in range(3)]
    assert [row.id for row in recipient_pages.page(alice.workspace).items] == ids[::-1]


def test_a_place_that_vanished_leads_to_the_first_page(alice: Person):
    [only] = fill(alice, ("ana@x.com", ""))
    gone = recipient_pages.Place(4, after=only)
    page = recipient_pages.page(alice.workspace, place=gone)
    assert (len(page.items), page.number, page.next) == (1, 1, None)


def test_a_broad_search_says_that_there_are_more(alice: Person):
    fill_many(alice, recipient_search.UP_TO + 1)
    page = recipient_pages.page(alice.workspace, Filter("p"))
    assert (page.total, page.exact) == (recipient_search.UP_TO, False)


def test_a_long_list_is_counted_exactly_at_every_moment(alice: Person):
    many = recipient_filter.EXACT_UP_TO + 1
    fill_many(alice, many)
    assert total(alice) == many
    factories.recipient(alice.workspace)  # behind the services' back
    assert total(alice) == many + 1


def test_a_long_combination_is_counted_to_the_end_on_asking(alice: Person):
    many = recipient_filter.EXACT_UP_TO + 1
    fill_many(alice, many)
    chosen = Filter("p", status=RecipientStatus.SUBSCRIBED)
    assert recipient_filter.count_to_the_end(alice.workspace, chosen) == many
    fill(alice, ("pnew@x.com", ""))
    assert recipient_filter.count_to_the_end(alice.workspace, chosen) == many + 1


def test_a_long_list_is_there_while_redis_is_away(alice: Person, redis_url: str):
    many = recipient_filter.EXACT_UP_TO + 1
    redis.connect("redis://127.0.0.1:1/0")
    try:
        fill_many(alice, many)
        assert total(alice) == many
    finally:
        redis.connect(redis_url)


def test_a_stranger_sees_an_empty_list(alice: Person, charlie: Person):
    ana = factories.recipient(alice.workspace, email="ana@x.com")
    group = factories.group(alice.workspace, members=[ana])
    for chosen in (Filter(), Filter("ana"), Filter(group_id=group.id)):
        assert not found(charlie, chosen)


def total(person: Person) -> int:
    page: Listing = recipient_pages.page(person.workspace)
    return page.total
