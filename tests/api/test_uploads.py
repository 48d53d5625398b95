"""Files of recipients for a campaign, by programs: whole, or in parts."""

from __future__ import annotations

import io
import json
import secrets
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from campaign_app.extensions import db
from campaign_app.models.campaigns import CampaignStatus
from campaign_app.models.uploads import Upload
from campaign_app.services import campaigns, imports, uploads
from config import Config
from tests import factories
from tests.api.program import Program, wrong
from tests.api.test_campaigns import make

LINES = "E-mail,Name,Stadt\nana@example.com,Ana,Zagreb\nbo@example.com,Bo,Utrecht\nnobody,,\n"
PART = 8 * 1024**2


@pytest.fixture
def draft(program: Program) -> int:
    return make(program)["id"]


def form(text: str = LINES, **fields: str) -> dict[str, Any]:
    return {"data": {"file": (io.BytesIO(text.encode()), "people.csv"), **fields}}


def init(program: Program, campaign: int, data: bytes) -> dict[str, Any]:
    answer = program.post(
        f"/campaigns/{campaign}/upload/init", {"filename": "people.csv", "size": len(data)}
    )
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def put(program: Program, url: str, data: bytes) -> TestResponse:
    """As anybody who has the address: without a token."""
    return program.client.put(url, data=data)


def send(program: Program, upload: dict[str, Any], data: bytes) -> list[dict[str, Any]]:
    """Every part; what `complete` wants to know of them."""
    size, parts = upload["part_size"], []
    for number, url in enumerate(upload["urls"], start=1):
        answer = put(program, url, data[(number - 1) * size : number * size])
        assert answer.status_code == 200, answer.text
        parts.append({"number": number, "etag": answer.headers["ETag"]})
    return parts


def complete(program: Program, campaign: int, upload: dict, parts: list, **more) -> TestResponse:
    body = {"upload_id": upload["upload_id"], "parts": parts, **more}
    return program.post(f"/campaigns/{campaign}/upload/complete", body)


def test_a_small_file_is_taken_as_a_form_and_as_it_is(program: Program, draft: int):
    raw = {"data": LINES, "content_type": "text/csv"}
    path = f"/campaigns/{draft}/upload"
    answers = [program.post(path, **form()), program.post(f"{path}?filename=l.csv", **raw)]
    assert [answer.status_code for answer in answers] == [200, 200], answers[0].text
    found = program.get("/imports").get_json()["items"]
    assert [(row["filename"], row["state"]) for row in found] == [
        ("l.csv", "waiting"),
        ("people.csv", "waiting"),
    ]
    assert found[1]["id"] == answers[0].get_json()["import_id"]


def test_a_file_comes_in_parts_in_any_order_and_again(program: Program, draft: int, config: Config):
    data = (LINES + "\n" * (2 * PART)).encode()
    upload = init(program, draft, data)
    assert (upload["part_size"], len(upload["urls"])) == (PART, 3)
    put(program, upload["urls"][2], data[2 * PART :])
    put(program, upload["urls"][0], secrets.token_bytes(PART))
    parts = send(program, upload, data)
    answer = complete(program, draft, upload, parts[::-1])
    assert answer.status_code == 200, answer.text
    row = db.session.query(Upload).filter_by(workspace_id=program.workspace.id).one()
    assert (Path(config.state_dir) / row.storage_key).read_bytes() == data
    assert complete(program, draft, upload, parts).get_json() == answer.get_json()


def test_an_upload_whose_completion_was_broken_off_is_completed(program: Program, draft: int):
    upload = init(program, draft, LINES.encode())
    parts = send(program, upload, LINES.encode())
    plan = uploads.get(program.workspace, upload["upload_id"]).plan
    store = program.client.application.extensions["stores"].folder
    store.assemble(plan, store.parts(plan))  # and no commit after it
    path, body = f"/campaigns/{draft}/upload/resume", {"upload_id": upload["upload_id"]}
    found = program.post(path, body).get_json()
    assert (found["parts"], found["missing"]) == ([], [])
    answers = [complete(program, draft, upload, known) for known in (parts, [])]
    assert [answer.status_code for answer in answers] == [200, 200], answers[0].text
    assert answers[0].get_json() == answers[1].get_json()
    assert program.post(path, body).get_json()["missing"] == []


def test_its_people_join_the_campaign_and_a_start_meanwhile_is_refused(
    program: Program, draft: int
):
    import_id = program.post(f"/campaigns/{draft}/upload", **form()).get_json()["import_id"]
    refused = program.post(f"/campaigns/{draft}/start")
    assert (refused.status_code, "still being imported" in refused.text) == (409, True)
    row = program.get(f"/imports/{import_id}").get_json()
    assert (row["state"], row["rejected_url"]) == ("waiting", None)
    campaign = campaigns.get(program.workspace, draft)
    assert campaign.own_group_id is not None


def test_the_parts_are_held_against_what_has_arrived(program: Program, draft: int):
    data = (LINES + "\n" * PART).encode()
    upload = init(program, draft, data)
    put(program, upload["urls"][0], data[:PART])
    missing = complete(
        program, draft, upload, [{"number": 1, "etag": "x"}, {"number": 2, "etag": "x"}]
    )
    assert missing.status_code == 422
    assert set(wrong(missing)) == {"/parts/0", "/parts/1"}
    parts = send(program, upload, data)
    unknown = complete(program, draft, upload, [*parts, {"number": 3, "etag": "x"}])
    assert "There is no part 3" in wrong(unknown)["/parts/2"]
    assert "not named" in wrong(complete(program, draft, upload, parts[:1]))["/parts"]
    assert "twice" in wrong(complete(program, draft, upload, [*parts, parts[0]]))["/parts"]
    assert program.get("/imports").get_json()["items"] == []
    assert complete(program, draft, upload, parts).status_code == 200


def test_columns_are_matched_as_the_program_says(program: Program, draft: int):
    wishes = {"Stadt": "town", "Name": "ignore"}
    answer = program.post(f"/campaigns/{draft}/upload", **form(mapping=json.dumps(wishes)))
    row = imports.get(program.workspace, answer.get_json()["import_id"])
    assert [(one["target"], one["key"]) for one in row.mapping] == [
        ("email", ""),
        ("ignore", ""),
        ("attribute", "town"),
    ]


@pytest.mark.parametrize("mapping", ["{", "[]", '{"Stadt": 1}', '{"Country": "land"}'])
def test_a_mapping_that_does_not_fit_is_refused(program: Program, draft: int, mapping: str):
    answer = program.post(f"/campaigns/{draft}/upload", **form(mapping=mapping))
    assert (answer.status_code, answer.mimetype) == (422, "application/problem+json")
    assert program.get("/imports").get_json()["items"] == []


def test_a_wrong_mapping_leaves_the_parts_to_be_completed_otherwise(program: Program, draft: int):
    upload = init(program, draft, LINES.encode())
    parts = send(program, upload, LINES.encode())
    wrong_one = complete(program, draft, upload, parts, mapping={"E-mail": "ignore"})
    assert "/mapping" in wrong(wrong_one)
    assert complete(program, draft, upload, parts).status_code == 200


@pytest.mark.parametrize("status", ["sending", "paused", "completed", "cancelled"])
def test_only_a_campaign_that_can_be_edited_takes_files(program: Program, status: str):
    campaign = factories.campaign(program.workspace, status=CampaignStatus(status)).id
    whole = program.post(f"/campaigns/{campaign}/upload", **form())
    begun = program.post(f"/campaigns/{campaign}/upload/init", {"filename": "a.csv", "size": 9})
    assert (whole.status_code, begun.status_code) == (409, 409)


def test_a_campaign_that_was_started_meanwhile_gets_nobody_more(program: Program, draft: int):
    upload = init(program, draft, LINES.encode())
    parts = send(program, upload, LINES.encode())
    campaigns.get(program.workspace, draft).status = CampaignStatus.SENDING
    db.session.commit()
    assert complete(program, draft, upload, parts).status_code == 409
    assert program.get("/imports").get_json()["items"] == []


def test_an_upload_is_aborted_for_good(program: Program, draft: int, config: Config):
    upload = init(program, draft, LINES.encode())
    parts = send(program, upload, LINES.encode())
    body = {"upload_id": upload["upload_id"]}
    answers = [program.post(f"/campaigns/{draft}/upload/abort", body) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [204, 204]
    assert put(program, upload["urls"][0], LINES.encode()).status_code == 409
    assert complete(program, draft, upload, parts).status_code == 409
    row = uploads.get(program.workspace, upload["upload_id"])
    left = Path(config.state_dir).rglob(f"*{row.storage_key.rpartition('/')[2]}*")
    assert not list(left)


def test_what_is_complete_cannot_be_aborted(program: Program, draft: int):
    upload = init(program, draft, LINES.encode())
    complete(program, draft, upload, send(program, upload, LINES.encode()))
    body = {"upload_id": upload["upload_id"]}
    assert program.post(f"/campaigns/{draft}/upload/abort", body).status_code == 409


def test_one_asks_what_has_arrived_and_where_the_rest_goes(program: Program, draft: int):
    data = (LINES + "\n" * PART).encode()
    upload = init(program, draft, data)
    etag = put(program, upload["urls"][0], data[:PART]).headers["ETag"]
    body = {"upload_id": upload["upload_id"]}
    found = program.post(f"/campaigns/{draft}/upload/resume", body).get_json()
    assert found["parts"] == [{"number": 1, "etag": etag}]
    assert [part["number"] for part in found["missing"]] == [2]
    last = put(program, found["missing"][0]["url"], data[PART:]).headers["ETag"]
    parts = [*found["parts"], {"number": 2, "etag": last}]
    assert complete(program, draft, upload, parts).status_code == 200


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"filename": "a.csv", "size": 0}, "/size"),
        ({"filename": "a.csv", "size": 10**15}, "/size"),
        ({"filename": " ", "size": 1}, "/filename"),
    ],
)
def test_what_cannot_be_taken_is_refused_at_once(
    program: Program, draft: int, body: dict[str, Any], where: str
):
    answer = program.post(f"/campaigns/{draft}/upload/init", body)
    assert answer.status_code == 422
    assert where in wrong(answer)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"data": {}, "content_type": "multipart/form-data"}, 422),
        ({"data": {"file": (io.BytesIO(b"a"), "a.csv"), "files": "x"}}, 422),
        ({"json": {"file": LINES}}, 415),
        ({"data": LINES, "content_type": "application/x-www-form-urlencoded"}, 415),
        ({"data": b"%PDF-1.7", "content_type": "application/pdf"}, 422),
        ({"data": b"", "content_type": "text/csv"}, 422),
    ],
)
def test_what_is_no_list_is_refused(program: Program, draft: int, sent: dict, status: int):
    answer = program.post(f"/campaigns/{draft}/upload", **sent)
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    assert program.get("/imports").get_json()["items"] == []


def test_a_stranger_finds_no_upload_and_no_import(program: Program, stranger: Program, draft: int):
    theirs = make(stranger)["id"]
    body = {"upload_id": init(program, draft, b"x")["upload_id"]}
    whole = {**body, "parts": [{"number": 1, "etag": "x"}]}
    for campaign in (draft, theirs):
        path = f"/campaigns/{campaign}/upload"
        assert stranger.post(f"{path}/abort", body).status_code == 404
        assert stranger.post(f"{path}/complete", whole).status_code == 404
        assert stranger.post(f"{path}/resume", body).status_code == 404
    import_id = program.post(f"/campaigns/{draft}/upload", **form()).get_json()["import_id"]
    assert stranger.get(f"/imports/{import_id}").status_code == 404
    assert stranger.get("/imports").get_json()["items"] == []


def test_the_rejected_rows_are_there_for_the_asking(program: Program, draft: int, config: Config):
    import_id = program.post(f"/campaigns/{draft}/upload", **form()).get_json()["import_id"]
    path = Path(config.state_dir) / f"rejected/{import_id}.csv"
    assert program.get(f"/imports/{import_id}/rejected").status_code == 404
    path.parent.mkdir(exist_ok=True)
    path.write_text("Row,Column\n4,E-mail\n")
    imports.get(program.workspace, import_id).rejected_key = f"rejected/{import_id}.csv"
    db.session.commit()
    url = program.get(f"/imports/{import_id}").get_json()["rejected_url"]
    answer = program.ask("GET", url.removeprefix("http://localhost"), buffered=True)
    assert (answer.mimetype, answer.text) == ("text/csv", "Row,Column\n4,E-mail\n")


def test_no_more_uploads_are_begun_than_room_is_meant_for(program: Program, draft: int):
    for _ in range(uploads.MOST_OPEN):
        factories.upload(program.workspace)
    answer = program.post(f"/campaigns/{draft}/upload/init", {"filename": "a", "size": 1})
    assert answer.status_code == 409
