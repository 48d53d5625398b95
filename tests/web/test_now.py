"""The page "Right now", in a browser's eyes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from campaign_app.extensions import db, redis
from campaign_app.lib import clock
from campaign_app.models.campaigns import CampaignStatus
from campaign_app.models.imports import ImportState
from campaign_app.models.people import Membership, Role, User
from campaign_app.models.senders import SenderState
from campaign_app.sending import changes
from campaign_app.services import senders
from campaign_app.services.health import GONE_AFTER
from tests import factories, mailings, signs
from tests.people import Person, a_second_passes
from tests.web.importing import an_import

BOARD = {"HX-Target": "board"}


@pytest.fixture(autouse=True)
def running(session: None) -> None:
    signs.everybody_lives()


def test_an_idle_workspace_is_told_its_next_step(alice: Person):
    page = alice.client.get("/now/").text
    assert "Nothing is being sent" in page
    assert 'href="/campaigns/new"' in page
    assert "1 process alive" in page
    assert "not running" not in page


def test_a_viewer_may_watch_and_is_offered_nothing_to_do(alice: Person, bob: Person):
    mine = {"user_id": bob.user.id, "workspace_id": bob.workspace.id}
    db.session.query(Membership).filter_by(**mine).update({"role": Role.VIEWER})
    db.session.commit()
    page = bob.client.get("/now/").text
    assert "Nothing is being sent" in page
    assert "New campaign" not in page
    assert "Add a sender" not in page


def test_the_next_campaign_is_announced(alice: Person):
    at = clock.now() + timedelta(days=1)
    campaign = factories.campaign(
        alice.workspace, name="Spring", status=CampaignStatus.SCHEDULED, scheduled_at=at
    )
    page = alice.client.get("/now/").text
    assert "“Spring” starts by itself" in page
    assert f'href="/campaigns/{campaign.id}"' in page


def test_what_is_sent_is_shown_and_followed(alice: Person):
    campaign = mailings.mailing(
        alice.workspace, ["sent", "sent", "failed", "pending"], name="Autumn", tpm=600
    )
    page = alice.client.get("/now/").text
    assert f'href="/campaigns/{campaign.id}/analytics"' in page
    assert f'data-live="c{campaign.id}.done"' in page
    assert "Held at 600/min" in page
    data = alice.client.get("/now/live.json").json
    row = data[f"c{campaign.id}"]
    assert (row["done"], row["total"], row["failed"], row["percent"]) == (3, 4, 1, 75.0)
    assert data["tiles"]["left"] == 1
    assert data["tiles"]["campaigns"] == "1 campaign under way"


def test_a_sender_in_trouble_comes_with_the_servers_words(alice: Person):
    campaign = mailings.mailing(alice.workspace, ["sent", "pending"])
    sender = senders.get(alice.workspace, campaign.sender_id)
    sender.state, sender.state_reason = SenderState.STOPPED, "535 5.7.8 Bad credentials"
    sender.per_hour, sender.max_connections = 100, 5
    db.session.commit()
    page = alice.client.get("/now/").text
    assert "535 5.7.8 Bad credentials" in page
    assert "Sender stopped: 535" in page
    data = alice.client.get("/now/live.json").json[f"s{sender.id}"]
    assert data["caps"] == [{"span": "hour", "used": 0, "cap": 100, "percent": 0.0}]


def test_a_sender_that_slowed_down_says_to_what_and_why(alice: Person):
    sender = factories.sender(alice.workspace, brake_rate=120.0, brake_reason="452 slow down")
    data = alice.client.get("/now/live.json").json[f"s{sender.id}"]
    assert (data["pace"], data["words"]) == ("Slowed to 120 / min", "452 slow down")


@pytest.mark.parametrize(
    ("state", "shown", "number", "of_what"),
    [
        ("running", "Importing", 5, "rows"),
        ("checking", "Being checked", 5, "rows looked at"),
        ("undoing", "Being undone", 2, "people"),
    ],
)
def test_files_at_work_are_shown(alice: Person, state: str, shown: str, number: int, of_what: str):
    row = an_import(alice, state=ImportState(state), rows=5, new=4, removed=2)
    page = alice.client.get("/now/").text
    assert (f'href="/imports/{row.id}"' in page, shown in page) == (True, True)
    assert f"{number}</span> {of_what}<" in page
    assert alice.client.get("/now/live.json").json[f"i{row.id}"]["rows"] == number


def test_what_is_gone_is_said_in_plain_words(alice: Person):
    for part in ("sending", "beat"):
        signs.let_pass(GONE_AFTER[part] + 2, part=part)
    page = alice.client.get("/now/").text
    assert "Part of Carillon is not running" in page
    assert "No e-mail leaves until one is started." in page
    assert "The timer is silent" in page
    redis.client.flushall()
    assert "No campaign starts" in alice.client.get("/now/").text


def test_nothing_new_is_said_in_a_304(alice: Person):
    mailings.mailing(alice.workspace, ["sent", "pending"])
    first = alice.client.get("/now/live.json")
    again = alice.client.get("/now/live.json", headers={"If-None-Match": first.headers["ETag"]})
    assert (first.status_code, again.status_code, again.data) == (200, 304, b"")


def test_the_board_is_fetched_anew_only_when_its_rows_change(alice: Person):
    campaign = mailings.mailing(alice.workspace, ["sent", "pending"])
    before = alice.client.get("/now/live.json").json["stamp"]
    campaign.progress = [[clock.now().timestamp() - 30, 0]]
    db.session.commit()
    a_second_passes()
    assert alice.client.get("/now/live.json").json["stamp"] == before
    campaign.status = CampaignStatus.PAUSED
    db.session.commit()
    a_second_passes()
    assert alice.client.get("/now/live.json").json["stamp"] != before
    board = alice.client.get("/now/", headers=BOARD).text
    assert "Under way" in board
    assert "<html" not in board


def test_a_team_shares_an_answer_for_a_second_and_sees_changes_by_hand_at_once(
    alice: Person, bob: Person, charlie: Person
):
    def stamp(person: Person) -> str:
        return person.client.get("/now/live.json").json["stamp"]

    campaign = mailings.mailing(alice.workspace, ["sent", "pending"])
    before = stamp(alice)
    campaign.status = CampaignStatus.PAUSED
    db.session.commit()
    assert stamp(bob) == before != stamp(charlie)
    changes.announce()
    assert stamp(bob) != before


def test_times_are_the_readers(alice: Person):
    mailings.mailing(alice.workspace, ["deferred"])
    db.session.get_one(User, alice.user.id).time_zone = "Asia/Kolkata"
    db.session.commit()
    said = alice.client.get("/now/live.json").json["tiles"]["next_retry"]
    minutes = (clock.now() + timedelta(hours=5, minutes=35)).strftime("%M")
    assert said.startswith("from ")
    assert abs(int(said.split(":")[1][:2]) - int(minutes)) % 60 in (0, 1, 59)


def test_a_stranger_sees_nothing_of_alices(alice: Person, charlie: Person):
    mailings.mailing(alice.workspace, ["sent", "pending"], name="Autumn")
    factories.sender(alice.workspace, name="Secret", state=SenderState.STOPPED)
    page = charlie.client.get("/now/").text
    assert "Autumn" not in page
    assert "Secret" not in page
    assert charlie.client.get("/now/live.json").json["tiles"]["left"] == 0
