"""The list of a campaign's messages."""

from __future__ import annotations

import pytest

from campaign_app.models.campaigns import Campaign
from tests import mailings
from tests.api.program import Program, wrong

STATUSES = ("sent", "failed", "deferred", "pending", "sent", "unconfirmed", "skipped")


@pytest.fixture
def campaign(program: Program) -> Campaign:
    return mailings.mailing(program.workspace, STATUSES)


def walk(program: Program, page: str | None) -> list[dict[str, object]]:
    """Every entry of a list, page by page."""
    seen = []
    while page:
        found = program.get(page).get_json()
        seen += found["items"]
        page = found["next"]
    return seen


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
def test_everybody_comes_once_whatever_the_page(program: Program, campaign: Campaign, limit: int):
    seen = walk(program, f"/campaigns/{campaign.id}/messages?limit={limit}")
    assert [one["status"] for one in seen] == list(STATUSES)
    assert len({one["id"] for one in seen}) == len(STATUSES)


@pytest.mark.parametrize("status", sorted(set(STATUSES)))
def test_a_status_can_be_asked_for(program: Program, campaign: Campaign, status: str):
    seen = walk(program, f"/campaigns/{campaign.id}/messages?limit=1&status={status}")
    assert [one["status"] for one in seen] == [status] * STATUSES.count(status)


def test_a_message_tells_what_became_of_it(program: Program, campaign: Campaign):
    mailings.refuse(mailings.message(campaign, 1), "5.1.1 No such user")
    found = walk(program, f"/campaigns/{campaign.id}/messages")
    assert set(found[1]) == {
        "id", "address", "status", "attempts", "next_attempt_at", "sent_at", "opened_at",
        "clicked_at", "last_reply",
    }  # fmt: skip
    assert (found[1]["attempts"], found[1]["last_reply"]) == (1, "550 5.1.1 No such user")
    assert found[0]["sent_at"].endswith("Z")
    assert found[2]["next_attempt_at"]


@pytest.mark.parametrize("query", ["after=here", "status=lost", "limit=1001"])
def test_a_wrong_parameter_is_named(program: Program, campaign: Campaign, query: str):
    answer = program.get(f"/campaigns/{campaign.id}/messages?{query}")
    assert answer.status_code == 422
    assert set(wrong(answer)) == {query.partition("=")[0]}


def test_a_draft_has_no_messages(program: Program):
    draft = mailings.mailing(program.workspace, [])
    assert walk(program, f"/campaigns/{draft.id}/messages") == []
