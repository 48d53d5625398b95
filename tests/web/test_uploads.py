"""Bringing a list with a browser: in parts that can be resumed, in one form, or pasted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from campaign_app.extensions import db
from campaign_app.models.people import Role
from campaign_app.services import imports, people, uploads
from config import Config
from tests import factories
from tests.people import Person

LINES = b"email,name\nana@example.com,Ana\n"
BEGIN = "/imports/uploads.json"


def begin(person: Person, data: bytes = LINES, **more: Any) -> dict[str, Any]:
    body = {"filename": "C:\\lists\\people.csv", "size": len(data), **more}
    answer = person.client.post(BEGIN, json=body)
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def act(person: Person, upload: dict[str, Any], action: str) -> TestResponse:
    return person.client.post(f"/imports/uploads/{upload['upload_id']}/{action}.json", json={})


def send(person: Person, upload: dict[str, Any], data: bytes = LINES) -> None:
    for number, url in upload["urls"].items():
        begins = (int(number) - 1) * upload["part_size"]
        part = data[begins : begins + upload["part_size"]]
        assert person.client.put(url, data=part).status_code == 200


def test_a_file_in_parts_becomes_an_import_that_waits_for_its_columns(alice: Person):
    group = factories.group(alice.workspace)
    upload = begin(alice, group_ids=[group.id, 999, "x"])
    assert list(upload["urls"]) == ["1"]
    assert upload["urls"]["1"].startswith("/parts/")
    send(alice, upload)
    first, again = (act(alice, upload, "complete").get_json() for _ in range(2))
    assert first == again
    row = imports.get(alice.workspace, first["import_id"])
    assert (row.filename, row.size, row.state) == ("people.csv", len(LINES), "uploaded")
    assert row.group_ids == [group.id]
    assert alice.client.get(first["next"]).status_code == 200


def test_the_server_says_what_has_arrived(alice: Person):
    data = LINES + b"\n" * 8 * 1024**2
    upload = begin(alice, data)
    alice.client.put(upload["urls"]["1"], data=data[: upload["part_size"]])
    rest = act(alice, upload, "resume").get_json()
    assert (rest["parts"], list(rest["urls"])) == ([1], ["2"])
    early = act(alice, upload, "complete")
    assert (early.status_code, "Part 2 of 2" in early.get_json()["detail"]) == (422, True)
    send(alice, {**rest, "part_size": upload["part_size"]}, data)
    assert act(alice, upload, "complete").status_code == 200


def test_what_is_no_list_is_refused_and_can_be_given_up(alice: Person, config: Config):
    upload = begin(alice, b"%PDF-1.7")
    send(alice, upload, b"%PDF-1.7")
    refused = act(alice, upload, "complete")
    assert (refused.status_code, "PDF" in refused.get_json()["detail"]) == (422, True)
    assert imports.page(alice.workspace).total == 0
    assert act(alice, upload, "abort").status_code == 200
    key = uploads.get(alice.workspace, upload["upload_id"]).storage_key
    assert not (Path(config.state_dir) / key).exists()


@pytest.mark.parametrize("body", [None, [], {}, {"filename": "a.csv"}, {"size": 1}, {"size": "x"}])
def test_an_upload_names_its_file_and_its_size(alice: Person, body: Any):
    assert alice.client.post(BEGIN, json=body).status_code == 422


def test_a_colleague_goes_on_and_a_stranger_finds_nothing(
    alice: Person, bob: Person, charlie: Person
):
    upload = begin(alice)
    for action in ("resume", "complete", "abort"):
        assert act(charlie, upload, action).status_code == 404
    assert act(bob, upload, "resume").status_code == 200


def test_a_viewer_uploads_nothing(alice: Person):
    people.membership(alice.user).role = Role.VIEWER
    db.session.commit()
    assert alice.client.post(BEGIN, json={"filename": "a", "size": 1}).status_code == 403


@pytest.mark.parametrize(
    ("pasted", "columns"),
    [
        ("ana@example.com\nBo Larsen <bo@example.com>", ["email", "name"]),
        ("ana@example.com; bo@example.com", ["email", "name"]),
        ("Doe, Ana <ana@example.com>; Larsen, Bo <bo@example.com>", ["email", "name"]),
        ("ana@example.com\nnot an address\nbo@example.com", ["email", "name"]),
        ("a@example.com;b@example.com;Ana", ["Column 1", "Column 2", "Column 3"]),
        ("Mail\tCity\nana@example.com\tZagreb", ["Mail", "City"]),
        ("Mail,City\nana@example.com,Zagreb", ["Mail", "City"]),
    ],
)
def test_lines_are_pasted(alice: Person, pasted: str, columns: list[str]):
    answer = alice.client.post("/imports/new", data={"pasted": pasted})
    assert answer.status_code == 302, answer.text
    (row,) = imports.page(alice.workspace).items
    assert [column["header"] for column in row.mapping] == columns


def test_what_is_pasted_and_wrong_is_shown_again(alice: Person):
    many = "\n".join(f"p{n}@example.com" for n in range(10_001))
    answer = alice.client.post("/imports/new", data={"pasted": many})
    assert (answer.status_code, "10,000 lines" in answer.text) == (422, True)
    assert "p9999@example.com" in answer.text
    assert alice.client.post("/imports/new", data={"pasted": "  "}).status_code == 422


def test_the_groups_one_came_from_are_joined(alice: Person, charlie: Person):
    ours, theirs = factories.group(alice.workspace), factories.group(charlie.workspace)
    page = alice.client.get(f"/imports/new?group_ids={ours.id}&group_ids={theirs.id}").text
    assert ours.name in page
    assert f'name="group_ids" value="{theirs.id}"' not in page
    form = {"pasted": "ana@example.com", "group_ids": [ours.id, theirs.id]}
    alice.client.post("/imports/new", data=form)
    assert imports.page(alice.workspace).items[0].group_ids == [ours.id]


def test_the_page_may_send_to_no_bucket_when_there_is_none(alice: Person):
    policy = alice.client.get("/imports/new").headers["Content-Security-Policy"]
    assert "connect-src 'self';" in policy
