"""What a team shares for a second, and who is asked for their seat all the same."""

from __future__ import annotations

import re
from contextvars import Context
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text
from werkzeug.test import TestResponse

import campaign_app.web
from campaign_app.extensions import db
from campaign_app.models.campaigns import Campaign, CampaignStatus
from campaign_app.models.people import Membership, Role
from campaign_app.sending import changes
from campaign_app.services import seats
from campaign_app.web import live_answer
from tests import factories
from tests.people import Person


@dataclass
class Team:
    """Alice, the owner, and Bob watch a campaign; Charlie is a stranger."""

    alice: Person
    bob: Person
    charlie: Person
    campaign: Campaign

    @property
    def path(self) -> str:
        return f"/campaigns/{self.campaign.id}/live.json"

    def finish_quietly(self) -> None:
        """The campaign moves, and nobody is told."""
        self.campaign.status = CampaignStatus.COMPLETED
        db.session.commit()


@pytest.fixture
def team(live_app: Flask) -> Team:
    alice = Person.enter(live_app, factories.membership(name="Alice"))
    beside = factories.membership(name="Bob", role="viewer", workspace=alice.workspace)
    charlie = Person.enter(live_app, factories.membership(name="Charlie"))
    campaign = factories.campaign(alice.workspace, status=CampaignStatus.SENDING)
    db.session.commit()
    return Team(alice, Person.enter(live_app, beside), charlie, campaign)


def ask(person: Person, path: str, method: str = "GET", **headers: str) -> TestResponse:
    """From outside our own application context: its session would be found again."""
    return Context().run(lambda: person.client.open(path, method=method, headers=headers))


def status(person: Person, team: Team) -> str | int:
    answer = ask(person, team.path)
    return answer.json["status"] if answer.status_code == 200 else answer.status_code


def test_a_team_shares_what_was_worked_out_within_a_second(
    team: Team, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(live_answer, "SHARED_SECONDS", 60)  # a second, but not of a busy machine
    assert status(team.alice, team) == "sending"
    team.finish_quietly()
    assert status(team.bob, team) == "sending"
    changes.announce()  # what a person changes is seen at once
    assert status(team.bob, team) == "completed"


def test_a_stranger_gets_nothing_of_it(team: Team):
    assert status(team.alice, team) == "sending"
    assert status(team.charlie, team) == 404
    assert status(team.charlie, team) == 404


def test_whoever_is_removed_is_refused_at_once(team: Team):
    assert [status(one, team) for one in (team.alice, team.bob)] == ["sending"] * 2
    gone = {"user": team.bob.user.id, "workspace": team.alice.workspace.id}
    db.session.execute(
        text("DELETE FROM memberships WHERE user_id = :user AND workspace_id = :workspace"), gone
    )
    db.session.commit()
    assert status(team.bob, team) == 404
    assert status(team.alice, team) == "sending"


def test_a_session_that_is_over_is_refused_at_once(team: Team):
    assert status(team.alice, team) == "sending"
    ask(team.alice, "/logout", "POST")
    assert status(team.alice, team) == 401
    assert status(team.bob, team) == "sending"
    team.bob.user.session_version += 1  # a change of password
    db.session.commit()
    assert status(team.bob, team) == 401


def test_a_seat_is_the_one_that_a_page_would_take(team: Team):
    first, second = team.alice.workspace.id, factories.workspace()
    factories.save(Membership(workspace=second, user=team.alice.user, role=Role.VIEWER))
    db.session.commit()
    found = [
        seats.taken(team.alice.user.id, session_version=0, workspace_id=one)
        for one in (None, second.id, team.charlie.workspace.id)
    ]
    assert [one and one.workspace_id for one in found] == [first, second.id, first]
    assert seats.taken(team.alice.user.id, session_version=1, workspace_id=None) is None


def test_what_is_unchanged_is_said_in_a_304(team: Team):
    tag = ask(team.alice, team.path).headers["ETag"]
    again = ask(team.bob, team.path, **{"If-None-Match": tag})
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["Cache-Control"] == "no-store"


def test_every_shared_answer_is_named():
    folder = Path(campaign_app.web.__file__).parent
    uses = re.compile(
        r"def (\w+)\([^)]*\) -> Response:\n(?:    .*\n)*?    return live_answer\.shared"
    )
    named = {
        f"{path.stem}.{view}"
        for path in folder.glob("*.py")
        for view in uses.findall(path.read_text())
    }
    assert named == live_answer.SHARED


@pytest.mark.parametrize("name", sorted(live_answer.SHARED))
def test_what_is_shared_is_for_every_role(app: Flask, name: str):
    view = app.view_functions[name]
    assert not hasattr(view, "__wrapped__"), "A guard of its own: known answers go past it."
