"""The groups' part of the API."""

from __future__ import annotations

from tests import factories
from tests.api.program import Program, wrong


def test_groups_are_listed_with_their_sizes(program: Program):
    group = factories.crowd(program.workspace, 3)
    factories.group(program.workspace, hidden=True)
    found = program.get("/groups").get_json()["items"]
    assert found == [{"id": group.id, "name": group.name, "recipient_count": 3}]


def test_a_group_is_made(program: Program):
    answer = program.post("/groups", {"name": "Newsletter"})
    assert answer.status_code == 201
    assert program.get("/groups").get_json()["items"] == [answer.get_json()]
    assert "/name" in wrong(program.post("/groups", {"name": "newsletter"}))


def test_a_stranger_sees_no_groups(program: Program, stranger: Program):
    factories.group(program.workspace)
    assert stranger.get("/groups").get_json()["items"] == []
