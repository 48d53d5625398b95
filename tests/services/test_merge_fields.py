"""Which merge fields are known: of the latest people, of imports, and of a campaign's audience."""

from __future__ import annotations

import pytest

from campaign_app.models.imports import ImportState
from campaign_app.services import merge_fields
from tests import factories
from tests.people import Person
from tests.web.importing import an_import

CITY = [
    {"header": "Mail", "target": "email", "key": ""},
    {"header": "Stadt", "target": "attribute", "key": "city"},
    {"header": "Nachname", "target": "last_name", "key": ""},
    {"header": "Notes", "target": "ignore", "key": ""},
]


@pytest.fixture(autouse=True)
def _only_the_latest_person_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merge_fields, "SAMPLE", 1)


def test_a_field_that_the_audience_has_is_known_whoever_came_after(alice: Person):
    ana = factories.recipient(alice.workspace, attributes={"city": "Split"})
    group = factories.group(alice.workspace, members=[ana])
    factories.recipient(alice.workspace, attributes={"plan": "pro"})
    html = "{{ city }} {{ plan }} {{ ctiy }}"
    campaign = factories.campaign(alice.workspace, groups=[group], html=html)
    assert merge_fields.unknown(alice.workspace, campaign) == ["ctiy"]


def test_somebody_who_is_not_mailed_makes_no_field_known(alice: Person):
    ana = factories.recipient(alice.workspace, attributes={"city": "Split"})
    group = factories.group(alice.workspace, members=[ana])
    factories.recipient(alice.workspace)
    values = {"groups": [group], "html": "{{ city }}"}
    campaign = factories.campaign(alice.workspace, **values)
    assert merge_fields.unknown(alice.workspace, campaign) == []
    ana.status = "unsubscribed"
    assert merge_fields.unknown(alice.workspace, campaign) == ["city"]


def test_the_columns_of_former_imports_are_known(alice: Person, charlie: Person):
    an_import(alice, mapping=CITY)
    assert merge_fields.attribute_keys(alice.workspace) == ["city", "last_name"]
    assert merge_fields.attribute_keys(charlie.workspace) == []
    campaign = factories.campaign(alice.workspace, html="{{ city }} {{ notes }}")
    assert merge_fields.unknown(alice.workspace, campaign) == ["notes"]


@pytest.mark.parametrize("state", [ImportState.UPLOADED, ImportState.CHECKED, ImportState.UNDONE])
def test_what_was_not_imported_makes_nothing_known(alice: Person, state: ImportState):
    an_import(alice, mapping=CITY, state=state)
    assert merge_fields.attribute_keys(alice.workspace) == []
