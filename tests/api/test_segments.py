"""Segments by program: saved, read, counted, changed, chosen."""

from __future__ import annotations

from typing import Any

import pytest

from tests import factories
from tests.api.program import Program, wrong
from tests.api.test_campaigns import make as make_campaign
from tests.api.test_recipients import add, emails

PRO = {"field": "attribute", "name": "plan", "test": "is", "value": "pro"}


def make(program: Program, *rules: dict[str, Any], **values: Any) -> dict[str, Any]:
    body = {"name": "Pro", "rules": list(rules or (PRO,)), **values}
    answer = program.post("/segments", body)
    assert answer.status_code == 201, answer.text
    return answer.get_json()


def count(program: Program, segment: dict[str, Any]) -> int:
    return program.get(f"/segments/{segment['id']}/count").get_json()["count"]


def test_a_segment_is_saved_as_it_was_given(program: Program):
    older = {"field": "attribute", "name": "age", "test": "more", "value": 30}
    several = {"match": "any", "rules": [older, {"field": "name", "test": "known"}]}
    made = make(program, PRO, several, match="any", timezone="Europe/London")
    assert made["rules"][0] == PRO
    assert [one["test"] for one in made["rules"][1]["rules"]] == ["more", "known"]
    assert (made["match"], made["timezone"]) == ("any", "Europe/London")
    assert "plan is pro" in made["sentence"]
    assert program.get(f"/segments/{made['id']}").get_json() == made
    assert program.get("/segments").get_json()["items"] == [made]


def test_who_belongs_to_it_is_counted_and_listed_as_of_now(program: Program):
    made = make(program)
    ana = add(program, "ana@example.com", attributes={"plan": "Pro"})
    add(program, "bo@example.com", attributes={"plan": "free"})
    assert count(program, made) == 1
    assert emails(program, f"/recipients?segment_id={made['id']}") == ["ana@example.com"]
    program.patch(f"/recipients/{ana['id']}", {"attributes": {"plan": None}})
    assert count(program, made) == 0
    assert emails(program, f"/recipients/active?segment_id={made['id']}") == []


def test_what_is_given_changes_and_the_rest_stays(program: Program):
    made = make(program, match="any")
    path = f"/segments/{made['id']}"
    renamed = program.patch(path, {"name": "Payers"}).get_json()
    assert (renamed["name"], renamed["match"], renamed["rules"]) == ("Payers", "any", [PRO])
    rule = {"field": "tag", "test": "has", "name": "", "value": "vip"}
    changed = program.patch(path, {"rules": [rule]}).get_json()
    assert (changed["name"], changed["match"], changed["rules"]) == ("Payers", "any", [rule])


@pytest.mark.parametrize(
    ("rule", "pointer", "words"),
    [
        ({"field": "colour", "test": "is"}, "/rules/0/field", "This can be attribute, email"),
        ({"field": "tag", "test": "is"}, "/rules/0", "Choose what is asked here."),
        ({"field": "joined", "test": "on", "value": "May"}, "/rules/0", "Choose a date."),
        ({"field": "activity", "test": "opened", "value": "x"}, "/rules/0", "number of days"),
        ({"field": "tag", "test": "has", "value": True}, "/rules/0/value", "as text, or as a"),
        ({"field": "group", "test": "in", "value": 99}, "/rules", "does not exist"),
        ({"test": "is"}, "/rules/0/field", "This is required."),
        ({"rules": []}, "/rules/0/rules", "Give at least 1."),
        (
            {"rules": [PRO, {"field": "tag", "test": "has"}]},
            "/rules/0/rules/1",
            "Write what to compare with.",
        ),
        ({"rules": [{"field": "x", "test": "is"}]}, "/rules/0/rules/0/field", "This can be"),
    ],
)
def test_each_wrong_rule_is_named(program: Program, rule: dict[str, Any], pointer: str, words: str):
    answer = program.post("/segments", {"name": "Pro", "rules": [rule]})
    assert answer.status_code == 422
    assert words in wrong(answer)[pointer]
    assert program.get("/segments").get_json()["items"] == []


def test_a_name_stands_once(program: Program):
    make(program)
    answer = program.post("/segments", {"name": "pro", "rules": [PRO]})
    assert wrong(answer) == {"/name": "There is a segment called “pro” already."}
    zone = program.post("/segments", {"name": "B", "rules": [PRO], "timezone": "Mars"})
    assert "/timezone" in wrong(zone)


def test_a_segment_is_kept_while_a_campaign_is_to_use_it(program: Program):
    add(program, attributes={"plan": "pro"})
    made = make(program)
    path = f"/segments/{made['id']}"
    campaign = make_campaign(program, segment_ids=[made["id"]])
    assert program.get(f"/campaigns/{campaign['id']}/status").get_json()["total"] == 1
    refused = program.delete(path)
    assert refused.status_code == 409
    assert campaign["name"] in refused.get_json()["detail"]
    program.delete(f"/campaigns/{campaign['id']}")
    assert program.delete(path).status_code == 204
    assert program.get(path).status_code == 404


def test_they_are_listed_page_by_page(program: Program):
    made = [make(program, name=f"S {n}")["id"] for n in range(3)]
    first = program.get("/segments?limit=2").get_json()
    second = program.get(first["next"]).get_json()
    assert [one["id"] for one in (*first["items"], *second["items"])] == made


def test_a_stranger_sees_and_uses_no_segment(program: Program, stranger: Program):
    path = f"/segments/{make(program)['id']}"
    answers = [
        stranger.get(path),
        stranger.get(f"{path}/count"),
        stranger.patch(path, {"name": "X"}),
        stranger.delete(path),
    ]
    assert [one.status_code for one in answers] == [404] * 4
    assert stranger.get("/segments").get_json()["items"] == []
    found = stranger.get(f"/recipients?segment_id={path.rpartition('/')[2]}")
    assert "There is no segment" in wrong(found)["segment_id"]
    group = factories.group(program.workspace)
    rule = {"field": "group", "test": "in", "value": group.id}
    answer = stranger.post("/segments", {"name": "X", "rules": [rule]})
    assert "does not exist" in wrong(answer)["/rules"]


def test_a_viewers_token_only_reads(program: Program):
    made = make(program)
    vera = Program.viewing(program.client.application, program.workspace)
    assert vera.delete(f"/segments/{made['id']}").status_code == 403
    assert count(vera, made) == 0
