"""The campaigns' part of the API: written, scheduled, changed, listed, deleted."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from campaign_app.lib import clock
from campaign_app.services import segments
from tests import factories
from tests.api.program import Program, wrong


def new_campaign(program: Program, **values: Any) -> dict[str, Any]:
    """A campaign that can be started, but for its audience."""
    body = {"name": "Autumn", "subject": "Hello {{ name }}", "html": "<p>Hello</p>"}
    if "sender_id" not in values:
        body["sender_id"] = factories.sender(program.workspace).id
    return {**body, **values}


def make(program: Program, **values: Any) -> dict[str, Any]:
    answer = program.post("/campaigns", new_campaign(program, **values))
    assert answer.status_code == 201, answer.text
    return answer.get_json()


def test_a_campaign_is_made_and_found_where_the_answer_says(program: Program):
    group = factories.crowd(program.workspace, 3)
    body = new_campaign(program, group_ids=[group.id], tpm=600)
    answer = program.post("/campaigns", body)
    assert answer.status_code == 201
    made = program.get(answer.headers["Location"]).get_json()
    assert {**made, "erased": []} == answer.get_json()
    assert {name: made[name] for name in body} == body
    assert (made["status"], made["scheduled_at"]) == ("draft", None)


def test_segments_and_exclusions_are_kept_until_they_are_changed(program: Program):
    everybody = factories.crowd(program.workspace, 3)
    rule = {"field": "email", "test": "is", "value": "p0@example.com"}
    whom = {"name": "One", "rules": {"rules": [rule]}, "user": program.user}
    segment = segments.create(program.workspace, **whom)
    whose = {"group_ids": [everybody.id], "exclude_segment_ids": [segment.id]}
    made = make(program, **whose, one_per_mailbox=False)
    path = f"/campaigns/{made['id']}"
    state = program.get(f"{path}/status").get_json()
    assert (state["total"], state["left_out"]["excluded"]) == (2, 1)
    change = {"exclude_segment_ids": None, "segment_ids": [segment.id]}
    after = program.patch(path, change).get_json()
    assert (after["group_ids"], after["segment_ids"]) == ([everybody.id], [segment.id])
    assert (after["exclude_segment_ids"], after["one_per_mailbox"]) == ([], False)


def test_null_is_as_good_as_left_out(program: Program):
    names = ("text", "timezone", "group_ids", "recipient_emails", "scheduled_at", "tpm")
    made = make(program, **dict.fromkeys(names))
    assert (made["text"], made["group_ids"], made["direct_recipients"]) == ("", [], 0)


@pytest.mark.parametrize("missing", ["name", "subject", "html", "sender_id"])
def test_what_a_campaign_cannot_do_without_is_named(program: Program, missing: str):
    body = new_campaign(program)
    del body[missing]
    answer = program.post("/campaigns", body)
    assert answer.status_code == 422
    assert wrong(answer) == {f"/{missing}": "This is required."}


@pytest.mark.parametrize(
    ("values", "pointer"),
    [
        ({"tpm": 0}, "/tpm"),
        ({"tpm": 1.5}, "/tpm"),
        ({"subjekt": "x"}, "/subjekt"),
        ({"html": "{% if %}"}, "/html"),
        ({"subject": "x" * 300}, "/subject"),
        ({"sender_id": 10**30}, "/sender_id"),
        ({"sender_id": 99_999_999}, "/sender_id"),
        ({"group_ids": [99_999_999]}, "/group_ids"),
        ({"group_ids": [1, "two"]}, "/group_ids/1"),
        ({"timezone": "Mars/Olympus"}, "/timezone"),
        ({"scheduled_at": "tomorrow"}, "/scheduled_at"),
        ({"scheduled_at": "2001-01-01T00:00:00Z"}, "/scheduled_at"),
        ({"recipient_emails": ["ana@example.com", "nobody"]}, "/recipient_emails/1"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_made(
    program: Program, values: dict[str, Any], pointer: str
):
    answer = program.post("/campaigns", new_campaign(program, **values))
    assert answer.status_code == 422, answer.text
    assert pointer in wrong(answer)
    assert program.get("/campaigns").get_json()["items"] == []


def test_a_strangers_sender_and_group_do_not_exist(program: Program, stranger: Program):
    sender, group = factories.sender(program.workspace), factories.group(program.workspace)
    answer = stranger.post("/campaigns", new_campaign(stranger, sender_id=sender.id))
    assert "/sender_id" in wrong(answer)
    answer = stranger.post("/campaigns", new_campaign(stranger, group_ids=[group.id]))
    assert "/group_ids" in wrong(answer)


def test_a_change_leaves_what_is_not_named(program: Program):
    group = factories.crowd(program.workspace, 2)
    made = make(program, group_ids=[group.id], recipient_emails=["x@example.com"], tpm=60)
    changed = program.patch(f"/campaigns/{made['id']}", {"name": "Winter"}).get_json()
    fresh = {"name": "Winter", "updated_at": changed["updated_at"]}
    assert changed == {**made, **fresh}


def test_a_change_can_empty_what_may_be_empty(program: Program):
    group = factories.crowd(program.workspace, 2)
    made = make(program, group_ids=[group.id], tpm=60, text="Hello")
    change = {"group_ids": [], "tpm": None, "text": ""}
    changed = program.patch(f"/campaigns/{made['id']}", change).get_json()
    assert {name: changed[name] for name in change} == change


def test_a_campaign_under_way_keeps_its_content(program: Program):
    campaign = factories.campaign(program.workspace, status="sending")
    answer = program.patch(f"/campaigns/{campaign.id}", {"name": "Too late"})
    assert answer.status_code == 409
    assert program.delete(f"/campaigns/{campaign.id}").status_code == 409


def test_a_deleted_campaign_is_gone(program: Program):
    made = make(program, recipient_emails=["x@example.com"])
    assert program.delete(f"/campaigns/{made['id']}").status_code == 204
    assert program.get(f"/campaigns/{made['id']}").status_code == 404


def test_the_list_comes_in_pages_the_newest_first(program: Program):
    ids = [factories.campaign(program.workspace).id for _ in range(5)]
    seen, page = [], "/campaigns?limit=2&status=draft"
    while page:
        answer = program.get(page)
        found = answer.get_json()
        seen += [one["id"] for one in found["items"]]
        page = found["next"]
        assert page is None or "status=draft" in page
    assert seen == ids[::-1]


def test_the_list_can_be_of_one_status(program: Program):
    factories.campaign(program.workspace)
    sent = factories.campaign(program.workspace, status="completed")
    found = program.get("/campaigns?status=completed").get_json()["items"]
    assert [one["id"] for one in found] == [sent.id]


@pytest.mark.parametrize(
    "query", ["status=sold", "limit=0", "limit=x", "page=2", "limit=1&limit=2"]
)
def test_a_wrong_parameter_is_named(program: Program, query: str):
    answer = program.get(f"/campaigns?{query}")
    assert answer.status_code == 422
    assert set(wrong(answer)) == {query.partition("=")[0]}


def test_a_moment_is_scheduled_as_it_is(program: Program):
    group = factories.crowd(program.workspace, 1)
    at = (clock.now() + timedelta(days=2)).replace(microsecond=0)
    local = at.isoformat().replace("+00:00", "Z")
    made = make(program, group_ids=[group.id], scheduled_at=local, timezone="Asia/Kolkata")
    assert (made["status"], made["scheduled_at"]) == ("scheduled", local)
    assert made["timezone"] == "Asia/Kolkata"


def test_a_wall_clock_time_is_meant_in_its_zone(program: Program):
    group = factories.crowd(program.workspace, 1)
    day = f"{clock.now() + timedelta(days=2):%Y-%m-%d}"
    when = {"scheduled_at": f"{day}T09:00:00", "timezone": "Asia/Kolkata"}
    made = make(program, group_ids=[group.id], **when)
    assert made["scheduled_at"] == f"{day}T03:30:00Z"
    again = program.patch(f"/campaigns/{made['id']}", {"scheduled_at": f"{day}T10:00"}).get_json()
    assert again["scheduled_at"] == f"{day}T04:30:00Z"


def test_null_takes_it_off_the_schedule(program: Program):
    group = factories.crowd(program.workspace, 1)
    at = (clock.now() + timedelta(days=2)).isoformat()
    made = make(program, group_ids=[group.id], scheduled_at=at)
    changed = program.patch(f"/campaigns/{made['id']}", {"scheduled_at": None}).get_json()
    assert (changed["status"], changed["scheduled_at"]) == ("draft", None)


def test_nothing_is_made_of_what_could_not_start_in_time(program: Program):
    at = (clock.now() + timedelta(days=2)).isoformat()
    answer = program.post("/campaigns", new_campaign(program, scheduled_at=at))
    assert answer.status_code == 409
    assert "No recipients" in answer.get_json()["detail"]
    assert program.get("/campaigns").get_json()["items"] == []
