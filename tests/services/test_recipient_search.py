"""A search finds everybody, whichever way it takes: a look at the newest, or the index of words."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from campaign_app.extensions import db
from campaign_app.models.people import Workspace
from campaign_app.models.recipients import Group
from campaign_app.services import recipient_index, recipient_search
from campaign_app.services.recipient_filter import Filter
from tests import factories
from tests.people import Person

MANY = recipient_search.LOOKS[0] + 100
"""More than a first look sees."""

PEOPLE = text(
    "INSERT INTO recipients (workspace_id, email, name, attributes)"
    " SELECT :workspace, :city || n || '@x.com', '', jsonb_build_object('city', 'in ' || :city)"
    " FROM generate_series(1, :number) AS n RETURNING id"
)
MEMBERS = text(
    "INSERT INTO group_members (workspace_id, group_id, recipient_id)"
    " SELECT :workspace, :group, id FROM recipients WHERE workspace_id = :workspace"
)
GONE = text("DELETE FROM recipients WHERE id = ANY(:ids)")


def arrive(workspace: Workspace, city: str, number: int = 1) -> list[int]:
    """So many people of a city join the list; gives their ids, newest first."""
    values = {"workspace": workspace.id, "city": city, "number": number}
    return sorted(db.session.scalars(PEOPLE, values), reverse=True)


def index(workspace: Workspace) -> None:
    while recipient_index.step(workspace.id):
        pass


def found(workspace: Workspace, city: str, **more: object) -> list[int]:
    """Whom a search finds by a word that no address and no name begins with."""
    return list(recipient_search.found(workspace, Filter(f"in {city}", **more)))


@pytest.fixture
def group(alice: Person) -> Group:
    return factories.group(alice.workspace)


def test_the_few_among_the_oldest_are_found(alice: Person, charlie: Person):
    oslo = arrive(alice.workspace, "oslo", 3)
    arrive(charlie.workspace, "oslo")
    arrive(alice.workspace, "rome", MANY)
    index(alice.workspace)
    index(charlie.workspace)
    assert found(alice.workspace, "oslo") == oslo
    assert found(alice.workspace, "oslo", status="subscribed") == oslo
    assert found(alice.workspace, "oslo", status="bounced") == []


def test_of_many_the_newest_are_found(alice: Person):
    arrive(alice.workspace, "rome", MANY)
    some = arrive(alice.workspace, "oslo", 100)
    rome = arrive(alice.workspace, "rom", 20) + some
    index(alice.workspace)
    assert found(alice.workspace, "oslo") == some
    newest = found(alice.workspace, "rom")
    assert len(newest) == recipient_search.UP_TO + 1
    assert newest[:20] == [one for one in rome if one not in some]


def test_words_of_people_who_are_gone_hide_nobody(alice: Person):
    oslo = arrive(alice.workspace, "oslo", 3)
    gone = arrive(alice.workspace, "osl", recipient_search.UP_TO + 2 * recipient_search.SPARE)
    arrive(alice.workspace, "rome", MANY)
    index(alice.workspace)
    db.session.execute(GONE, {"ids": gone})
    assert found(alice.workspace, "osl") == oslo


def test_the_few_in_a_large_group_are_found(
    alice: Person, group: Group, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(recipient_search, "LOOKS_IN_GROUP", (50, 200))
    oslo = arrive(alice.workspace, "oslo", 3)
    rome = arrive(alice.workspace, "rome", 300)
    db.session.execute(MEMBERS, {"workspace": alice.workspace.id, "group": group.id})
    arrive(alice.workspace, "oslo2", 3)
    index(alice.workspace)
    assert found(alice.workspace, "oslo", group_id=group.id) == oslo
    assert found(alice.workspace, "rome", group_id=group.id) == rome
