"""The senders' part of the API."""

from __future__ import annotations

from typing import Any

import pytest

from campaign_app.services import senders
from tests import factories
from tests.api.program import Program, wrong
from tests.smtp_sink import SmtpSink


def new_sender(**values: Any) -> dict[str, Any]:
    return {
        "name": "Own server",
        "host": "127.0.0.1",
        "port": 2525,
        "security": "none",
        "from_email": "news@example.com",
        "from_name": "Acme News",
        **values,
    }


def test_a_sender_is_made_and_found_where_the_answer_says(program: Program):
    answer = program.post("/senders", new_sender(delay_seconds=0.5, per_hour=100))
    assert answer.status_code == 201, answer.text
    made = program.get(answer.headers["Location"]).get_json()
    assert made == answer.get_json()
    assert (made["delay_seconds"], made["per_hour"], made["per_day"]) == (0.5, 100, None)
    assert made["state"] == "active"


def test_null_is_as_good_as_left_out(program: Program):
    names = ("username", "password", "from_name", "reply_to", "per_minute", "per_hour", "per_day")
    answer = program.post("/senders", new_sender(**dict.fromkeys(names)))
    assert answer.status_code == 201, answer.text
    assert (answer.get_json()["username"], answer.get_json()["has_password"]) == ("", False)


def test_what_a_preset_knows_need_not_be_said(program: Program):
    body = {"name": "SES", "host": "127.0.0.1", "from_email": "a@example.com", "preset": "ses"}
    made = program.post("/senders", body).get_json()
    assert (made["port"], made["security"]) == (587, "starttls")
    assert (made["delay_seconds"], made["max_connections"]) == (0, 5)


def test_a_password_is_kept_and_never_told(program: Program):
    body = new_sender(username="me", password="s3cret-s3cret")
    answer = program.post("/senders", body)
    assert answer.get_json()["has_password"] is True
    assert "s3cret" not in answer.text
    assert "password_encrypted" not in program.get("/senders").text
    stored = senders.get(program.workspace, answer.get_json()["id"]).password_encrypted
    assert stored
    assert "s3cret" not in stored


def test_a_change_leaves_what_is_not_named(program: Program):
    sender = program.post("/senders", new_sender(per_day=500, per_hour=50)).get_json()
    answer = program.patch(f"/senders/{sender['id']}", {"name": "Renamed", "per_hour": None})
    assert answer.get_json() == {**sender, "name": "Renamed", "per_hour": None}


def test_a_stored_password_follows_nobody_to_another_server(program: Program):
    body = new_sender(username="me", password="s3cret-s3cret")
    sender = program.post("/senders", body).get_json()
    answer = program.patch(f"/senders/{sender['id']}", {"host": "localhost"})
    assert "/password" in wrong(answer)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"host": "127.0.0.1", "from_email": "a@example.com"}, "/name"),
        (new_sender(port="2525"), "/port"),
        (new_sender(port=70_000), "/port"),
        (new_sender(hots="x"), "/hots"),
        (new_sender(security="ssl"), "/security"),
        (new_sender(preset="unheard-of"), "/preset"),
        (new_sender(from_email="nobody"), "/from_email"),
        (new_sender(name="a\x00b"), "/name"),
        (new_sender(port=465, security="starttls"), "/security"),
    ],
)
def test_what_is_wrong_is_named(program: Program, body: dict[str, Any], pointer: str):
    answer = program.post("/senders", body)
    assert answer.status_code == 422
    assert pointer in wrong(answer)
    assert not program.get("/senders").get_json()["items"]


def test_a_name_stands_once(program: Program):
    program.post("/senders", new_sender())
    answer = program.post("/senders", new_sender())
    assert answer.status_code == 422
    assert "already" in wrong(answer)["/name"]


def test_a_test_tells_what_the_server_said(program: Program):
    with SmtpSink() as sink:
        sender = program.post("/senders", new_sender(port=sink.port)).get_json()
        answer = program.post(f"/senders/{sender['id']}/test", {"to": "Me@Example.com"})
    outcome = answer.get_json()
    assert (outcome["accepted"], outcome["to"]) == (True, "me@example.com")
    assert outcome["reply"].startswith("250")


def test_a_test_that_fails_says_where(program: Program):
    sender = factories.sender(program.workspace, port=1)
    outcome = program.post(f"/senders/{sender.id}/test", {"to": "me@example.com"}).get_json()
    assert (outcome["accepted"], outcome["phase"]) == (False, "connect")
    assert outcome["problem"]


def test_a_test_needs_an_address(program: Program):
    sender = factories.sender(program.workspace)
    answer = program.post(f"/senders/{sender.id}/test", {"to": "nobody"})
    assert "/to" in wrong(answer)


def test_a_sender_in_use_stays(program: Program):
    sender = factories.sender(program.workspace)
    factories.campaign(program.workspace, sender_id=sender.id, status="sending")
    assert program.delete(f"/senders/{sender.id}").status_code == 409
    assert program.get(f"/senders/{sender.id}").status_code == 200


def test_a_deleted_sender_is_gone(program: Program):
    sender = factories.sender(program.workspace)
    answer = program.delete(f"/senders/{sender.id}")
    assert (answer.status_code, answer.data) == (204, b"")
    assert program.get(f"/senders/{sender.id}").status_code == 404


def test_a_stranger_sees_no_senders(program: Program, stranger: Program):
    factories.sender(program.workspace)
    assert stranger.get("/senders").get_json() == {"items": [], "next": None}
