"""The groups' part of the API."""

from __future__ import annotations

import time

import pytest

from campaign_app.extensions import db
from campaign_app.services import audience_choice, group_filling
from campaign_app.services.audience_choice import Choice
from tests import factories
from tests.api.program import Program, wrong
from tests.api.test_campaigns import new_campaign
from tests.api.test_direct_recipients import MANY, work_off
from tests.api.test_recipients import emails


def make(program: Program, name: str = "Newsletter") -> str:
    """A new group's address."""
    answer = program.post("/groups", {"name": name})
    assert answer.status_code == 201, answer.text
    return f"/groups/{answer.get_json()['id']}"


def fill(program: Program, group: str, *addresses: str) -> None:
    body = {"recipient_emails": list(addresses)}
    answer = program.patch(f"{group}/recipients", body)
    assert answer.status_code == 200, answer.text


def test_groups_are_listed_with_their_sizes(program: Program):
    group = factories.crowd(program.workspace, 3)
    factories.group(program.workspace, hidden=True)
    (found,) = program.get("/groups").get_json()["items"]
    assert (found["id"], found["name"]) == (group.id, group.name)
    assert (found["recipient_count"], found["filling"]) == (3, False)
    assert program.get(f"/groups/{group.id}").get_json() == found


def test_groups_are_listed_page_by_page(program: Program):
    made = [factories.group(program.workspace).id for _ in range(3)]
    first = program.get("/groups?limit=2").get_json()
    second = program.get(first["next"]).get_json()
    assert [one["id"] for one in (*first["items"], *second["items"])] == made
    assert second["next"] is None


def test_a_group_is_made(program: Program):
    answer = program.post("/groups", {"name": "Newsletter"})
    assert answer.status_code == 201
    assert program.get(answer.headers["Location"]).get_json() == answer.get_json()
    assert "/name" in wrong(program.post("/groups", {"name": "newsletter"}))


def test_a_repeated_request_makes_one_group(program: Program):
    key = {"Idempotency-Key": "a"}
    made = [program.post("/groups", {"name": "News"}, headers=key).get_json() for _ in range(2)]
    assert made[0] == made[1]


def test_a_group_is_renamed(program: Program):
    group = make(program)
    make(program, "Customers")
    assert program.patch(group, {"name": "News"}).get_json()["name"] == "News"
    assert program.patch(group, {}).get_json()["name"] == "News"
    taken = wrong(program.patch(group, {"name": "customers"}))
    assert taken == {"/name": "There is a group called “customers” already."}
    assert wrong(program.patch(group, {"name": ""})) == {"/name": "This must not be empty."}


def test_a_deleted_groups_people_stay(program: Program):
    group = make(program)
    fill(program, group, "ana@example.com")
    assert program.delete(group).status_code == 204
    assert program.get(group).status_code == 404
    assert emails(program, "/recipients") == ["ana@example.com"]


def test_a_group_that_a_campaign_is_to_leave_out_stays(program: Program):
    group = factories.group(program.workspace, name="Customers")
    campaign = factories.campaign(program.workspace, name="July")
    audience_choice.save(program.workspace, campaign, Choice(exclude_group_ids=[group.id]))
    refusal = program.delete(f"/groups/{group.id}")
    assert refusal.status_code == 409
    assert "“July” leaves its people out" in refusal.get_json()["detail"]
    campaign.status = "cancelled"
    db.session.commit()
    assert program.delete(f"/groups/{group.id}").status_code == 204


def test_people_are_added_by_address_and_taken_out(program: Program):
    group = make(program)
    fill(program, group, "ana@example.com", "ANA@example.com", "bo@example.com")
    assert program.get(group).get_json()["recipient_count"] == 2
    change = {"recipient_emails": ["cy@example.com"], "remove_emails": ["BO@example.com"]}
    assert program.patch(f"{group}/recipients", change).get_json()["recipient_count"] == 2
    assert emails(program, f"{group}/recipients") == ["ana@example.com", "cy@example.com"]
    assert len(emails(program, "/recipients")) == 3


def test_the_members_can_be_narrowed_and_read_page_by_page(program: Program):
    group = factories.crowd(program.workspace, 5)
    factories.recipient(program.workspace)
    path = f"/groups/{group.id}/recipients"
    assert len(emails(program, f"{path}?limit=2")) == 5
    assert emails(program, f"{path}?search=p3") == ["p3@example.com"]
    assert emails(program, f"{path}?status=bounced") == []
    assert "group_id" in wrong(program.get(f"{path}?group_id=1"))


@pytest.mark.parametrize("field", ["recipient_emails", "remove_emails"])
def test_every_wrong_address_is_named(program: Program, field: str):
    group = make(program)
    answer = program.patch(f"{group}/recipients", {field: ["ana@example.com", "nobody"]})
    assert answer.status_code == 422
    assert "“nobody”" in wrong(answer)[f"/{field}/1"]
    assert emails(program, "/recipients") == []


def test_many_come_in_the_background_and_the_group_says_so(program: Program):
    group = make(program)
    fill(program, group, *MANY)
    assert program.get(group).get_json()["filling"] is True
    assert program.get("/groups").get_json()["items"][0]["filling"] is True
    refused = program.patch(f"{group}/recipients", {"remove_emails": ["p1@example.com"]})
    assert refused.status_code == 409
    assert "is still being filled" in refused.get_json()["detail"]
    work_off()
    found = program.get(group).get_json()
    assert (found["filling"], found["recipient_count"]) == (False, len(MANY))


def test_a_hundred_thousand_are_taken_at_once(program: Program):
    group = make(program)
    addresses = [f"person{n}@example{n % 50}.com" for n in range(100_000)]
    began = time.process_time()
    fill(program, group, *addresses)
    assert time.process_time() - began < 6
    assert len(addresses) > group_filling.AT_ONCE


def test_a_campaigns_own_group_is_none(program: Program):
    own = factories.group(program.workspace, hidden=True)
    assert program.get(f"/groups/{own.id}").status_code == 404
    assert program.get(f"/groups/{own.id}/recipients").status_code == 404


def test_a_stranger_sees_and_fills_no_group(program: Program, stranger: Program):
    group = make(program)
    body = {"recipient_emails": ["ana@example.com"]}
    answers = [
        stranger.get(group),
        stranger.patch(group, {"name": "Mine"}),
        stranger.delete(group),
        stranger.get(f"{group}/recipients"),
        stranger.patch(f"{group}/recipients", body),
    ]
    assert [one.status_code for one in answers] == [404] * 5
    assert stranger.get("/groups").get_json()["items"] == []
    assert emails(program, f"{group}/recipients") == []


def test_a_viewers_token_fills_no_group(program: Program):
    group = make(program)
    vera = Program.viewing(program.client.application, program.workspace)
    body = {"recipient_emails": ["ana@example.com"]}
    assert vera.patch(f"{group}/recipients", body).status_code == 403
    assert vera.get(group).status_code == 200


@pytest.mark.parametrize("field", ["group_ids", "exclude_group_ids"])
def test_a_start_waits_for_the_groups_it_names(program: Program, field: str):
    group = make(program)
    ana = factories.group(program.workspace, members=[factories.recipient(program.workspace)])
    body = new_campaign(program, group_ids=[ana.id])
    body[field] = [*body.get(field, []), int(group.rpartition("/")[2])]
    start = f"/campaigns/{program.post('/campaigns', body).get_json()['id']}/start"
    fill(program, group, *MANY)
    refused = program.post(start)
    assert refused.status_code == 409
    assert "still being added" in refused.get_json()["detail"]
    work_off()
    assert program.post(start).status_code == 200
