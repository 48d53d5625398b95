"""Recipients given with the campaign itself: `recipient_emails`, of any length."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from campaign_app.extensions import db, redis
from campaign_app.lib import clock
from campaign_app.models.recipients import RecipientStatus, WaitingAddresses
from campaign_app.services import audience, audience_direct, campaigns, group_filling, recipients
from campaign_app.services.consent import Why
from campaign_app.tasks import dispatch, jobs
from tests import factories
from tests.api.program import Program, wrong
from tests.api.test_campaigns import make, new_campaign

MANY = [f"P{n}@Example.com" for n in range(group_filling.AT_ONCE + 1)]


def total(program: Program, campaign_id: int) -> int:
    return program.get(f"/campaigns/{campaign_id}/status").get_json()["total"]


def waiting() -> list[WaitingAddresses]:
    return db.session.query(WaitingAddresses).execution_options(all_workspaces=True).all()


def work_off() -> None:
    """What the worker of the jobs does when its bell rings."""
    for group_id in {row.group_id for row in waiting()}:
        jobs.fill_group(group_id)


def test_an_address_counts_once_however_it_is_written(program: Program):
    made = make(program, recipient_emails=["ana@example.com", " ANA@example.com", "bo@example.com"])
    assert (made["direct_recipients"], made["adding_recipients"]) == (2, False)
    assert total(program, made["id"]) == 2


def test_every_wrong_address_is_named(program: Program):
    emails = ["ana@example.com", "nobody", "b o@example.com"]
    answer = program.post("/campaigns", new_campaign(program, recipient_emails=emails))
    assert answer.status_code == 422
    assert set(wrong(answer)) == {"/recipient_emails/1", "/recipient_emails/2"}
    assert "“nobody”" in wrong(answer)["/recipient_emails/1"]


@pytest.mark.parametrize("status", ["unsubscribed", "complained", "bounced"])
def test_nobody_who_is_not_to_be_mailed_comes_back(program: Program, status: str):
    ana = factories.recipient(program.workspace, status=RecipientStatus(status))
    made = make(program, recipient_emails=[ana.email, "bo@example.com"])
    assert total(program, made["id"]) == 1
    db.session.refresh(ana)
    assert ana.status == status


def test_a_change_gives_other_recipients_in_their_place(program: Program):
    made = make(program, recipient_emails=["ana@example.com", "bo@example.com"])
    change = {"recipient_emails": ["cy@example.com"]}
    changed = program.patch(f"/campaigns/{made['id']}", change).get_json()
    assert changed["direct_recipients"] == 1
    emptied = program.patch(f"/campaigns/{made['id']}", {"recipient_emails": []}).get_json()
    assert emptied["direct_recipients"] == 0


def test_a_change_replaces_all_who_were_named_directly_and_no_group(program: Program):
    group = factories.crowd(program.workspace, 3)
    made = make(program, recipient_emails=["ana@example.com"], group_ids=[group.id])
    campaign = campaigns.get(program.workspace, made["id"])
    own = audience.own_group(program.workspace, campaign)
    group_filling.put(program.workspace, own, ["file@example.com"], why=Why("A file", "import"))
    db.session.commit()
    program.patch(f"/campaigns/{made['id']}", {"name": "Other"})
    assert total(program, made["id"]) == 5
    program.patch(f"/campaigns/{made['id']}", {"recipient_emails": ["cy@example.com"]})
    direct = audience_direct.some(program.workspace, campaign, limit=9)
    assert (direct, total(program, made["id"])) == (["cy@example.com"], 4)
    assert recipients.by_email(program.workspace, "file@example.com")


def test_many_are_added_in_the_background_and_a_start_waits(program: Program):
    made = make(program, recipient_emails=MANY)
    assert (made["direct_recipients"], made["adding_recipients"]) == (0, True)
    start = f"/campaigns/{made['id']}/start"
    refused = program.post(start)
    assert refused.status_code == 409
    assert "still being added" in refused.get_json()["detail"]
    work_off()
    assert total(program, made["id"]) == len(MANY)
    assert program.post(start).status_code == 200


def test_a_chunk_that_was_torn_is_done_by_the_next_worker(program: Program):
    made = make(program, recipient_emails=MANY)
    group_id = waiting()[0].group_id
    db.session.commit()
    assert group_filling.step(group_id)
    db.session.rollback()  # as a worker that dies leaves it
    assert waiting()
    work_off()
    assert total(program, made["id"]) == len(MANY)


def test_other_recipients_drop_those_on_their_way(program: Program):
    made = make(program, recipient_emails=MANY)
    program.patch(f"/campaigns/{made['id']}", {"recipient_emails": ["ana@example.com"]})
    work_off()
    assert total(program, made["id"]) == 1


def test_a_deleted_campaign_takes_those_on_their_way_along(program: Program):
    made = make(program, recipient_emails=MANY)
    assert program.delete(f"/campaigns/{made['id']}").status_code == 204
    assert not waiting()


def test_a_copy_is_filled_like_the_campaign_that_is_being_filled(program: Program):
    made = make(program, recipient_emails=MANY)
    campaign = campaigns.get(program.workspace, made["id"])
    copy = campaigns.duplicate(program.workspace, campaign, user=program.user)
    db.session.commit()
    work_off()
    assert total(program, copy.id) == total(program, made["id"]) == len(MANY)


def test_the_last_of_them_asks_for_a_round_that_may_start_it(program: Program):
    make(program, recipient_emails=MANY)
    redis.client.delete(dispatch.RUNG_KEY)
    work_off()
    assert redis.client.exists(dispatch.RUNG_KEY)


def test_what_is_being_filled_can_be_scheduled(program: Program):
    at = (clock.now() + timedelta(days=1)).isoformat()
    assert make(program, recipient_emails=MANY, scheduled_at=at)["status"] == "scheduled"


def test_a_hundred_thousand_are_taken_at_once(program: Program):
    emails = [f"person{n}@example{n % 50}.com" for n in range(100_000)]
    body = new_campaign(program, recipient_emails=emails)
    began = time.process_time()
    answer = program.post("/campaigns", body)
    assert answer.status_code == 201
    assert time.process_time() - began < 6
    assert sum(len(row.addresses.splitlines()) for row in waiting()) == len(emails)


def test_what_waits_too_long_is_rung_for_again(program: Program):
    make(program, recipient_emails=MANY)
    assert not group_filling.overdue()
    for row in waiting():
        row.created_at -= 2 * group_filling.OVERDUE
    db.session.commit()
    assert list(group_filling.overdue()) == [waiting()[0].group_id]
