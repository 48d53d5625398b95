"""The suppression list: kept by address, whoever is on the list or not."""

from __future__ import annotations

import pytest

from campaign_app.lib.errors import Invalid, NotFound
from campaign_app.models.recipients import Suppression
from campaign_app.services import suppressions
from tests import factories
from tests.people import Person


def put(person: Person, *emails: str) -> None:
    suppressions.put(person.workspace, emails, reason="550", source="smtp")


def test_an_address_is_suppressed_in_its_normal_form_once(alice: Person):
    def add(email: str) -> str:
        return suppressions.add(alice.workspace, email, reason="Never again", user=alice.user)

    assert add(" Ana@Example.COM ") == "ana@example.com"
    with pytest.raises(Invalid, match="already"):
        add("ana@example.com")


@pytest.mark.parametrize(
    ("email", "reason", "field"), [("no address", "x", "email"), ("a@b.com", " ", "reason")]
)
def test_it_names_what_is_missing(alice: Person, email: str, reason: str, field: str):
    with pytest.raises(Invalid) as refusal:
        suppressions.add(alice.workspace, email, reason=reason, user=alice.user)
    assert refusal.value.field == field


def test_the_first_reason_stays(alice: Person):
    put(alice, "ana@example.com")
    assert suppressions.put(alice.workspace, ["ana@example.com"], reason="x", source="page") == 0
    kept = suppressions.find(alice.workspace, "ana@example.com")
    assert kept is not None
    assert (kept.reason, kept.source) == ("550", "smtp")


def test_the_list_begins_with_the_newest_and_goes_on(alice: Person):
    for email in ("c@x.com", "a@x.com", "b@x.com"):
        put(alice, email)
    first = suppressions.page(alice.workspace, size=2)
    assert [row.email for row in first.items] == ["b@x.com", "a@x.com"]
    rest = suppressions.page(alice.workspace, after=first.following, size=2)
    assert ([row.email for row in rest.items], rest.following) == (["c@x.com"], 0)


def test_the_list_by_cause(alice: Person):
    put(alice, "a@x.com")
    suppressions.put(alice.workspace, ["b@x.com"], reason="x", source="page")
    found = suppressions.page(alice.workspace, source="page")
    assert [row.email for row in found.items] == ["b@x.com"]


def test_an_erased_person_is_found_by_the_hash_alone(alice: Person):
    hashed = suppressions.hash_of("ana@example.com")
    row = Suppression(workspace_id=alice.workspace.id, email=None, email_hash=hashed)
    factories.save(row)
    emails = ["ana@example.com", "eva@example.com"]
    assert suppressions.contains(alice.workspace, emails) == {"ana@example.com"}
    assert suppressions.put(alice.workspace, emails, reason="x", source="page") == 1
    assert suppressions.find(alice.workspace, "ana@example.com") == row
    assert [one.email for one in suppressions.page(alice.workspace).items][1:] == [None]


def test_searching_takes_wildcards_literally(alice: Person):
    put(alice, "a_b@x.com", "axb@x.com", "a%b@x.com")
    found = suppressions.page(alice.workspace, search="A_")
    assert [row.email for row in found.items] == ["a_b@x.com"]


def test_removing_lets_an_address_be_mailed_again(alice: Person):
    put(alice, "ana@example.com")
    row = suppressions.find(alice.workspace, "ana@example.com")
    assert row is not None
    with pytest.raises(Invalid, match="Say why"):
        suppressions.remove(alice.workspace, row.id, reason=" ", user=alice.user)
    suppressions.remove(alice.workspace, row.id, reason="A mistake", user=alice.user)
    assert suppressions.contains(alice.workspace, ["ana@example.com"]) == set()


def test_a_neighbours_suppressions_are_invisible(alice: Person, charlie: Person):
    put(alice, "ana@example.com")
    row = suppressions.find(alice.workspace, "ana@example.com")
    assert row is not None
    assert suppressions.contains(charlie.workspace, ["ana@example.com"]) == set()
    assert not suppressions.page(charlie.workspace).items
    with pytest.raises(NotFound):
        suppressions.remove(charlie.workspace, row.id, reason="x", user=charlie.user)
