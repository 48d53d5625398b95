"""Segments: saved, told in words, counted, copied, and kept while a campaign needs them."""

from __future__ import annotations

from typing import Any

import pytest

from campaign_app.extensions import db
from campaign_app.lib.errors import Conflict, Invalid, InvalidEntries, NotFound
from campaign_app.models.campaigns import Campaign
from campaign_app.models.segments import Segment
from campaign_app.services import audience_choice, segment_shapes, segments
from campaign_app.services.audience_choice import Choice
from tests import factories
from tests.people import Person

IN_LJUBLJANA = {"field": "attribute", "name": "city", "test": "is", "value": "Ljubljana"}


def made(person: Person, *rules: dict[str, Any], name: str = "Locals") -> Segment:
    values = {"rules": list(rules or (IN_LJUBLJANA,))}
    return segments.create(person.workspace, name=name, rules=values, user=person.user)


def using(person: Person, segment: Segment, **values: Any) -> Campaign:
    campaign = factories.campaign(person.workspace, **values)
    audience_choice.save(person.workspace, campaign, Choice(exclude_segment_ids=[segment.id]))
    return campaign


def test_it_is_told_in_one_sentence(alice: Person):
    vip = factories.group(alice.workspace, name="VIP")
    july = factories.campaign(alice.workspace, name="July news")
    opened = {"field": "campaign", "test": "opened", "value": july.id}
    either = [
        {"field": "joined", "test": "after", "value": "2026-05-03"},
        {"field": "activity", "test": "not_clicked", "value": "1"},
    ]
    group = {"field": "group", "test": "in", "value": str(vip.id)}
    segment = made(alice, group, opened, IN_LJUBLJANA, {"match": "any", "rules": either})
    assert segments.sentences(alice.workspace, [segment])[segment.id] == (
        "in group VIP and opened “July news” and city is Ljubljana"
        " and (joined after 3 May 2026 or clicked nothing in the last 1 day)"
    )


def test_what_is_no_longer_there_is_said(alice: Person):
    vip = factories.group(alice.workspace)
    segment = made(alice, {"field": "group", "test": "in", "value": vip.id})
    db.session.delete(vip)
    db.session.flush()
    assert segments.sentences(alice.workspace, [segment]) == {segment.id: "in group (deleted)"}


def test_each_wrong_rule_is_named(alice: Person):
    wrong = [
        {"field": "attribute", "name": "size", "test": "more", "value": "many"},
        IN_LJUBLJANA,
        {"field": "joined", "test": "on", "value": "yesterday"},
        {"field": "activity", "test": "opened", "value": "0"},
        {"field": "nonsense", "test": "is", "value": "x"},
        {"field": "tag", "test": "has", "value": " "},
    ]
    with pytest.raises(InvalidEntries) as refusal:
        made(alice, *wrong)
    assert sorted(refusal.value.entries) == [0, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "rule",
    [
        {"field": "activity", "test": "opened", "value": "000000001" + "0" * 9},
        {"field": "group", "test": "in", "value": "1" * 5_000},
        {"field": "attribute", "name": "born", "test": "after", "value": "20260501"},
    ],
)
def test_a_value_that_no_query_could_compare_is_refused(alice: Person, rule: dict[str, Any]):
    with pytest.raises(InvalidEntries):
        made(alice, rule)


def test_its_zone_is_kept_as_the_clocks_know_it(alice: Person):
    rules = {"rules": [IN_LJUBLJANA], "zone": " Asia/Calcutta "}
    segment = segments.create(alice.workspace, name="x", rules=rules, user=alice.user)
    assert segment.rules["zone"] == "Asia/Kolkata"


@pytest.mark.parametrize("rules", [[], [IN_LJUBLJANA] * 31, [{"match": "any", "rules": []}], "x"])
def test_no_rules_and_too_many_are_refused(alice: Person, rules: Any):
    with pytest.raises(Invalid):
        segments.create(alice.workspace, name="x", rules={"rules": rules}, user=alice.user)


def test_a_strangers_group_cannot_be_named(alice: Person, charlie: Person):
    strange = factories.group(charlie.workspace)
    with pytest.raises(Invalid, match="does not exist"):
        made(alice, {"field": "group", "test": "not_in", "value": strange.id})


def test_a_name_stands_once(alice: Person, charlie: Person):
    made(alice)
    made(charlie)
    with pytest.raises(Invalid, match="already"):
        made(alice, name=" LOCALS ")


def test_copies_take_a_free_name(alice: Person):
    segment = made(alice)
    names = [segments.copy(alice.workspace, segment, user=alice.user).name for _ in range(2)]
    assert names == ["Locals (copy)", "Locals (copy 2)"]


def test_it_is_kept_while_a_campaign_is_still_to_use_it(alice: Person):
    segment = made(alice)
    autumn = using(alice, segment, name="Autumn")
    over = using(alice, segment, name="Over")
    over.status, over.planned_at = "completed", over.created_at
    with pytest.raises(Conflict, match="part of “Autumn”"):
        segments.delete_one(alice.workspace, segment, user=alice.user)
    audience_choice.save(alice.workspace, autumn, Choice())
    segments.delete_one(alice.workspace, segment, user=alice.user)
    assert not segments.every(alice.workspace)


def test_counting_gives_up_in_time_and_harms_nothing(alice: Person):
    factories.crowd(alice.workspace, 300)
    rules = segment_shapes.checked({"rules": [{**IN_LJUBLJANA, "test": "is_not"}]})
    assert segments.count(alice.workspace, rules) == 300
    assert segments.count(alice.workspace, rules, seconds=0.001) in (None, 300)
    assert segments.count(alice.workspace, rules) == 300


def test_a_stranger_gets_nothing(alice: Person, charlie: Person):
    segment = made(alice)
    with pytest.raises(NotFound):
        segments.get(charlie.workspace, segment.id)
    campaign = factories.campaign(charlie.workspace)
    with pytest.raises(Invalid):
        audience_choice.save(charlie.workspace, campaign, Choice(segment_ids=[segment.id]))
