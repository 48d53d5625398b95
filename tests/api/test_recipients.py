"""Recipients by program: added, found, changed, deleted."""

from __future__ import annotations

from typing import Any

import pytest

from campaign_app.extensions import db
from campaign_app.models.recipients import ConsentEvent, RecipientStatus
from campaign_app.services import consent, suppressions, tallies
from tests import factories
from tests.api.program import Program, wrong


def add(program: Program, email: str = "ana@example.com", **values: Any) -> dict[str, Any]:
    answer = program.post("/recipients", {"email": email, **values})
    assert answer.status_code == 201, answer.text
    return answer.get_json()


def suppress(program: Program, email: str, *, reason: str = "Asked by phone", source: str = "page"):
    suppressions.put(program.workspace, [email], reason=reason, source=source)
    db.session.commit()


def emails(program: Program, path: str) -> list[str]:
    """The addresses of a whole list, page by page."""
    found: list[str] = []
    following: str | None = path
    while following:
        answer = program.get(following)
        assert answer.status_code == 200, answer.text
        found += [one["email"] for one in answer.get_json()["items"]]
        following = answer.get_json()["next"]
    return found


def test_somebody_is_added_with_all_that_is_known(program: Program):
    group = factories.group(program.workspace)
    made = add(
        program,
        " Ana@Example.com",
        name="Ana  Marković",
        attributes={"city": "Ljubljana", "orders": 12, "vip": True, "zip": None},
        tags=["VIP", "customer"],
        group_ids=[group.id],
    )
    assert made["email"] == "ana@example.com"
    assert made["name"] == "Ana Marković"
    assert made["attributes"] == {"city": "Ljubljana", "orders": "12", "vip": "true"}
    assert (made["tags"], made["group_ids"]) == (["customer", "vip"], [group.id])
    assert (made["status"], made["suppressed"]) == ("subscribed", False)
    assert program.get(f"/recipients/{made['id']}").get_json() == made


def test_the_log_tells_that_a_program_added_somebody(program: Program):
    add(program)
    event = db.session.query(ConsentEvent).execution_options(all_workspaces=True).one()
    assert (event.source, event.user_id) == ("api", program.user.id)


def test_an_address_is_added_once_and_the_refusal_says_who_has_it(program: Program):
    made = add(program)
    again = program.post("/recipients", {"email": "ANA@example.com", "name": "Other"})
    assert again.status_code == 409
    assert again.get_json()["existing_id"] == made["id"]
    assert again.get_json()["detail"] == "ana@example.com is on your list already."
    assert program.get(f"/recipients/{made['id']}").get_json() == made


def test_a_repeated_addition_is_done_once(program: Program):
    body, key = {"email": "ana@example.com"}, {"Idempotency-Key": "a"}
    first, second = (program.post("/recipients", body, headers=key) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.get_json() == second.get_json()


@pytest.mark.parametrize(
    ("body", "pointer", "words"),
    [
        ({"email": "ana"}, "/email", "“ana” has no @"),
        ({}, "/email", "This is required."),
        ({"email": "a@b.example", "name": "x" * 201}, "/name", "Use at most 200 characters."),
        ({"email": "a@b.example", "tags": ["a,b"]}, "/tags", "without commas"),
        ({"email": "a@b.example", "attributes": {"e-mail": "x"}}, "/attributes", "“e-mail”"),
        ({"email": "a@b.example", "attributes": {"a": []}}, "/attributes/a", "as text, a number"),
        ({"email": "a@b.example", "attributes": {"a": "\0"}}, "/attributes/a", "NUL"),
        ({"email": "a@b.example", "attributes": []}, "/attributes", "in curly brackets"),
        ({"email": "a@b.example", "group_ids": [7]}, "/group_ids/0", "There is no group 7"),
        ({"email": "a@b.example", "status": "subscribed"}, "/status", "Is it misspelt?"),
    ],
)
def test_what_is_wrong_is_named(program: Program, body: dict[str, Any], pointer: str, words: str):
    answer = program.post("/recipients", body)
    assert answer.status_code == 422
    assert words in wrong(answer)[pointer]
    assert program.get("/recipients").get_json()["items"] == []


def test_a_suppressed_address_joins_and_stays_unmailed(program: Program):
    suppress(program, "ana@example.com")
    made = add(program)
    assert (made["status"], made["suppressed"]) == ("subscribed", True)
    assert emails(program, "/recipients/active") == []


def test_what_is_given_changes_and_the_rest_stays(program: Program):
    first, second = factories.group(program.workspace), factories.group(program.workspace)
    known = {"city": "Ljubljana", "plan": "pro", "zip": "1000"}
    made = add(program, name="Ana", attributes=known, tags=["a"], group_ids=[first.id])
    path = f"/recipients/{made['id']}"
    change = {"attributes": {"plan": "free", "zip": None, "age": 31}, "group_ids": [second.id]}
    changed = program.patch(path, change).get_json()
    assert changed["attributes"] == {"city": "Ljubljana", "plan": "free", "age": "31"}
    assert (changed["name"], changed["tags"]) == ("Ana", ["a"])
    assert changed["group_ids"] == [second.id]
    emptied = program.patch(path, {"name": "", "tags": [], "group_ids": []}).get_json()
    assert (emptied["name"], emptied["tags"], emptied["group_ids"]) == ("", [], [])


def test_a_change_leaves_a_campaigns_own_people_alone(program: Program):
    ana = factories.recipient(program.workspace)
    own = factories.group(program.workspace, hidden=True, members=[ana])
    program.patch(f"/recipients/{ana.id}", {"group_ids": []})
    assert tallies.of_group(program.workspace, own.id) == 1
    assert program.patch(f"/recipients/{ana.id}", {"group_ids": [own.id]}).status_code == 422


def test_a_change_can_opt_out_and_never_in(program: Program):
    made = add(program)
    path = f"/recipients/{made['id']}"
    assert program.patch(path, {"opt_out": False}).status_code == 200
    out = program.patch(path, {"opt_out": True}).get_json()
    assert (out["status"], out["status_reason"]) == ("unsubscribed", "Opted out through the API")
    refused = program.patch(path, {"opt_out": False, "name": "Ana"})
    assert refused.status_code == 409
    assert "POST /recipients/opt-in" in refused.get_json()["detail"]
    assert program.get(path).get_json() == out


def test_whoever_is_deleted_unsubscribed_stays_off(program: Program):
    made = add(program)
    program.patch(f"/recipients/{made['id']}", {"opt_out": True})
    assert program.delete(f"/recipients/{made['id']}").status_code == 204
    assert program.get(f"/recipients/{made['id']}").status_code == 404
    assert add(program)["suppressed"] is True


def test_the_list_is_read_page_by_page_without_passing_anybody_over(program: Program):
    factories.crowd(program.workspace, 5)
    assert emails(program, "/recipients?limit=2") == [f"p{n}@example.com" for n in range(5)]


def test_the_list_can_be_narrowed(program: Program):
    group = factories.group(program.workspace)
    ana = add(program, "ana@example.com", name="Ana Kos", tags=["vip"], group_ids=[group.id])
    add(program, "bo@example.com", name="Bo Novak", tags=["VIP"])
    program.patch(f"/recipients/{ana['id']}", {"opt_out": True})
    only = {
        "search=an": ["ana@example.com"],
        "search=bo%20n": ["bo@example.com"],
        "status=unsubscribed": ["ana@example.com"],
        "tag=VIP": ["ana@example.com", "bo@example.com"],
        "tag=vip&status=subscribed": ["bo@example.com"],
        f"group_id={group.id}": ["ana@example.com"],
        "email=BO@example.com": ["bo@example.com"],
        "email=nobody@example.com": [],
        "email=bo@example.com&tag=none": [],
    }
    assert {one: emails(program, f"/recipients?{one}") for one in only} == only


def test_a_narrowed_list_keeps_its_filter_from_page_to_page(program: Program):
    group = factories.crowd(program.workspace, 5)
    add(program)
    path = f"/recipients?group_id={group.id}&search=p&limit=2"
    assert len(emails(program, path)) == 5


@pytest.mark.parametrize(
    ("query", "parameter", "words"),
    [
        ("email=ana", "email", "has no @"),
        ("status=gone", "status", "subscribed"),
        ("group_id=7", "group_id", "There is no group 7 in this workspace."),
        ("limit=1001", "limit", "at most 1000"),
        ("email=a%20b@example.com", "email", "has a space in it"),
        ("name=x", "name", "Is it misspelt?"),
    ],
)
def test_a_filter_that_is_wrong_is_named(program: Program, query: str, parameter: str, words: str):
    answer = program.get(f"/recipients?{query}")
    assert answer.status_code == 422
    assert words in wrong(answer)[parameter]


def test_the_active_are_those_whom_a_campaign_would_reach(program: Program):
    group = factories.crowd(program.workspace, 6)
    for place, status in enumerate(("unsubscribed", "bounced", "complained")):
        factories.recipient(
            program.workspace, email=f"q{place}@example.com", status=RecipientStatus(status)
        )
    suppress(program, "p3@example.com")
    reached = [f"p{n}@example.com" for n in (0, 1, 2, 4, 5)]
    assert emails(program, "/recipients/active?limit=2") == reached
    assert emails(program, f"/recipients/active?group_id={group.id}&search=p1") == [
        "p1@example.com"
    ]
    assert "status" in wrong(program.get("/recipients/active?status=bounced"))


def test_a_stranger_sees_and_changes_nobody(program: Program, stranger: Program):
    made = add(program)
    group = factories.group(program.workspace)
    path = f"/recipients/{made['id']}"
    answers = [stranger.get(path), stranger.patch(path, {"name": "X"}), stranger.delete(path)]
    assert [one.status_code for one in answers] == [404] * 3
    assert emails(stranger, "/recipients") == emails(stranger, "/recipients/active") == []
    assert stranger.get(f"/recipients?group_id={group.id}").status_code == 422
    assert add(stranger)["id"] != made["id"]
    assert stranger.post("/recipients/opt-out", {"email": made["email"]}).status_code == 200
    assert program.get(path).get_json() == made


def test_two_changes_of_one_person_are_both_kept(program: Program):
    made = add(program, attributes={"a": "1"})
    path = f"/recipients/{made['id']}"
    for key in ("b", "c"):
        program.patch(path, {"attributes": {key: "2"}})
    assert program.get(path).get_json()["attributes"] == {"a": "1", "b": "2", "c": "2"}


def test_whoever_bounced_is_shown_with_the_reason(program: Program):
    made = add(program)
    consent.bounce(program.workspace, "ana@example.com", reason="550 5.1.1 No such user")
    db.session.commit()
    shown = program.get(f"/recipients/{made['id']}").get_json()
    assert (shown["status"], shown["suppressed"]) == ("bounced", True)
    assert shown["status_reason"] == "550 5.1.1 No such user"
