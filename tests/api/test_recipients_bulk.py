"""Many recipients in one request: added or updated, each with a result."""

from __future__ import annotations

import time
from typing import Any

from campaign_app.models.recipients import RecipientStatus
from tests import factories
from tests.api.program import Program, wrong
from tests.api.test_recipients import add, emails, suppress


def bulk(program: Program, *people: dict[str, Any]) -> dict[str, Any]:
    answer = program.post("/recipients/bulk", {"recipients": list(people)})
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def results(answer: dict[str, Any]) -> list[str]:
    return [one["result"] for one in answer["results"]]


def test_each_entry_has_its_result(program: Program):
    add(program, "ana@example.com", name="Ana")
    add(program, "bo@example.com", name="Bo")
    answer = bulk(
        program,
        {"email": "Ana@example.com", "name": "Ana Kos"},
        {"email": "bo@example.com"},
        {"email": "cy@example.com", "name": "Cy"},
        {"email": "nobody"},
    )
    assert results(answer) == ["updated", "unchanged", "created", "invalid"]
    counts = [answer[name] for name in ("created", "updated", "unchanged", "invalid")]
    assert counts == [1, 1, 1, 1]
    assert "has no @" in answer["results"][3]["detail"]
    assert answer["results"][3]["id"] is None
    shown = program.get(f"/recipients/{answer['results'][0]['id']}").get_json()
    assert shown["name"] == "Ana Kos"


def test_what_is_given_comes_beside_what_is_known(program: Program):
    old, new = factories.group(program.workspace), factories.group(program.workspace)
    known = {"city": "Ljubljana", "plan": "pro"}
    made = add(program, name="Ana", attributes=known, tags=["a"], group_ids=[old.id])
    entry = {"email": made["email"], "attributes": {"plan": "free", "city": ""}, "tags": ["b"]}
    assert results(bulk(program, {**entry, "group_ids": [new.id]})) == ["updated"]
    shown = program.get(f"/recipients/{made['id']}").get_json()
    assert shown["name"] == "Ana"
    assert shown["attributes"] == {"plan": "free"}
    assert (shown["tags"], shown["group_ids"]) == (["a", "b"], [old.id, new.id])


def test_a_group_alone_is_an_update(program: Program):
    group = factories.group(program.workspace)
    made = add(program)
    entry = {"email": made["email"], "group_ids": [group.id]}
    assert [results(bulk(program, entry)) for _ in range(2)] == [["updated"], ["unchanged"]]
    assert program.get(f"/groups/{group.id}").get_json()["recipient_count"] == 1


def test_a_repeated_address_counts_once(program: Program):
    answer = bulk(
        program,
        {"email": "ana@example.com", "name": "Ana"},
        {"email": "ANA@example.com", "name": "Other"},
    )
    assert results(answer) == ["created", "invalid"]
    detail = "ana@example.com stands in entry 0, too: that one counts."
    assert answer["results"][1]["detail"] == detail


def test_a_wrong_entry_harms_no_other(program: Program):
    made = add(program, tags=[f"t{n}" for n in range(20)])
    answer = bulk(
        program,
        {"email": "bo@example.com", "tags": ["a,b"]},
        {"email": "cy@example.com", "attributes": {"e-mail": "x"}},
        {"email": "di@example.com", "group_ids": [7]},
        {"email": made["email"], "tags": ["one more"]},
        {"email": "ed@example.com"},
    )
    assert results(answer) == ["invalid"] * 4 + ["created"]
    assert "Choose 20 tags at most" in answer["results"][3]["detail"]
    assert emails(program, "/recipients") == [made["email"], "ed@example.com"]


def test_nobody_who_is_not_to_be_mailed_comes_back(program: Program):
    bo = factories.recipient(program.workspace, status=RecipientStatus.UNSUBSCRIBED)
    suppress(program, "ana@example.com")
    answer = bulk(program, {"email": "ana@example.com"}, {"email": bo.email, "name": "Bo"})
    states = [(one["status"], one["suppressed"]) for one in answer["results"]]
    assert states == [("subscribed", True), ("unsubscribed", False)]
    assert emails(program, "/recipients/active") == []


def test_an_entry_of_the_wrong_shape_refuses_all(program: Program):
    answer = program.post("/recipients/bulk", {"recipients": [{"email": "a@b.example"}, {}]})
    assert wrong(answer) == {"/recipients/1/email": "This is required."}
    assert emails(program, "/recipients") == []


def test_more_than_a_thousand_are_refused_and_none_too(program: Program):
    many = [{"email": f"p{n}@example.com"} for n in range(1_001)]
    refused = program.post("/recipients/bulk", {"recipients": many})
    assert wrong(refused) == {"/recipients": "Give at most 1000."}
    assert "/recipients" in wrong(program.post("/recipients/bulk", {"recipients": []}))


def test_a_thousand_take_a_moment(program: Program):
    group = factories.group(program.workspace)
    people = [
        {"email": f"p{n}@example.com", "name": f"P {n}", "group_ids": [group.id]}
        for n in range(1_000)
    ]
    bulk(program, *people[:500])
    began = time.process_time()
    answer = bulk(program, *[{**one, "tags": ["a"]} for one in people])
    assert time.process_time() - began < 10
    assert (answer["created"], answer["updated"]) == (500, 500)


def test_a_repeated_request_is_done_once(program: Program):
    body = {"recipients": [{"email": "ana@example.com"}]}
    key = {"Idempotency-Key": "a"}
    first, second = (program.post("/recipients/bulk", body, headers=key) for _ in range(2))
    assert first.get_json() == second.get_json()
    assert results(second.get_json()) == ["created"]


def test_a_strangers_group_is_unknown(program: Program, stranger: Program):
    group = factories.group(program.workspace)
    answer = bulk(stranger, {"email": "ana@example.com", "group_ids": [group.id]})
    assert results(answer) == ["invalid"]
    assert emails(stranger, "/recipients") == []
