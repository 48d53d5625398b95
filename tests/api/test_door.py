"""The API's door: who comes in, what may be asked, and how a refusal reads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from campaign_app import create_app
from campaign_app.extensions import db
from campaign_app.models.people import Role
from campaign_app.services import people, tokens
from config import Config
from tests import factories
from tests.api.program import ROOT, Program, wrong
from tests.api.test_campaigns import make, new_campaign
from tests.people import Person
from tests.slow import SlowBody


@pytest.mark.parametrize(
    "header", [None, "Bearer", "Bearer ", "Bearer car_wrong", "Basic YTpi", "x"]
)
def test_nobody_enters_without_a_valid_token(client: FlaskClient, header: str | None):
    headers = {"Authorization": header} if header else {}
    answer = client.get(f"{ROOT}/senders", headers=headers)
    assert (answer.status_code, answer.mimetype) == (401, "application/problem+json")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")
    assert ("error" in answer.headers["WWW-Authenticate"]) == (header is not None)


def test_a_revoked_token_opens_nothing(program: Program):
    token = tokens.standing(program.workspace)[0][0]
    tokens.revoke(program.workspace, token.id, user=program.user)
    db.session.commit()
    assert program.get("/senders").status_code == 401


def test_a_token_ends_with_its_makers_membership(program: Program):
    db.session.delete(people.membership(program.user))
    db.session.commit()
    assert program.get("/senders").status_code == 401


def test_its_last_use_is_remembered(program: Program):
    token = tokens.standing(program.workspace)[0][0]
    assert token.last_used_at is None
    program.get("/senders")
    db.session.refresh(token)
    assert token.last_used_at is not None


def test_a_viewers_token_only_looks(app: Flask, program: Program):
    person = Person.enter(
        app, factories.membership(name="Vera", role="viewer", workspace=program.workspace)
    )
    vera = Program.of(person)
    group = vera.get("/groups")
    assert group.status_code == 200
    answer = vera.post("/groups", {"name": "Mine"})
    assert (answer.status_code, answer.mimetype) == (403, "application/problem+json")
    assert people.membership(person.user).role == Role.VIEWER


def test_it_takes_and_gives_no_cookies(app: Flask, alice: Person, program: Program):
    session_only = alice.client.get(f"{ROOT}/senders")
    assert session_only.status_code == 401
    answer = program.get("/senders")
    assert "Set-Cookie" not in answer.headers


def test_no_form_token_is_asked_for(app: Flask, program: Program):
    app.config["WTF_CSRF_ENABLED"] = True
    try:
        assert program.post("/groups", {"name": "Mine"}).status_code == 201
    finally:
        app.config["WTF_CSRF_ENABLED"] = False


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "", 404),
        ("GET", "/nothing?x=%00", 404),
        ("GET", "/senders/abc", 404),
        ("GET", f"/senders/{10**30}", 404),
        ("PUT", "/senders", 405),
        ("DELETE", "/campaigns", 405),
    ],
)
def test_whoever_is_lost_gets_a_problem(program: Program, method: str, path: str, status: int):
    answer = program.ask(method, ROOT + path)
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    problem = answer.get_json()
    assert (problem["status"], problem["retryable"]) == (status, False)
    assert ("Allow" in answer.headers) == (status == 405)


def test_no_transaction_waits_for_a_body(program: Program):
    body = SlowBody(b'{"name": "Mine"}')
    more = {"content_length": len(body.getvalue()), "content_type": "application/json"}
    answer = program.ask("POST", "/groups", input_stream=body, **more)
    assert (answer.status_code, body.was_waited_for) == (201, False)


def test_head_and_options_are_answered(program: Program):
    head = program.ask("HEAD", "/senders")
    assert (head.status_code, head.data) == (200, b"")
    options = program.client.options(f"{ROOT}/senders")
    assert {"GET", "POST"} <= set(options.allow)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"data": b"{", "content_type": "application/json"}, 400),
        ({"data": b"", "content_type": "application/json"}, 400),
        ({"data": b'{"name": "\xff"}', "content_type": "application/json"}, 400),
        ({"data": b"name=x", "content_type": "application/x-www-form-urlencoded"}, 415),
        ({"data": b"[]", "content_type": "application/json"}, 422),
        ({"data": b" " * (17 * 1024**2), "content_type": "application/json"}, 413),
    ],
)
def test_a_body_that_is_none_is_refused(program: Program, sent: dict[str, Any], status: int):
    answer = program.ask("POST", "/groups", **sent)
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")


def test_everything_that_is_wrong_is_said_at_once(program: Program):
    answer = program.post("/senders", {"colour": "x", "port": "25"})
    assert wrong(answer) == {
        "/name": "This is required.",
        "/host": "This is required.",
        "/from_email": "This is required.",
        "/colour": "There is nothing called “colour” here. Is it misspelt?",
        "/port": "Write this as a whole number, without quotation marks.",
    }


def test_a_token_has_an_allowance(throttled_app: Flask, alice: Person, charlie: Person):
    program, other = Program.of(alice), Program.of(charlie)
    client = throttled_app.test_client(use_cookies=False)
    program, other = replace(program, client=client), replace(other, client=client)
    sender = factories.sender(program.workspace, port=1)
    path = f"/senders/{sender.id}/test"
    seen = [program.post(path, {"to": "a@example.com"}) for _ in range(21)]
    assert [answer.status_code for answer in seen] == [200] * 20 + [429]
    assert 0 < int(seen[-1].headers["Retry-After"]) <= 600 + 1  # it is rounded up
    assert seen[-1].get_json()["retryable"] is True
    assert other.get("/senders").status_code == 200


def test_a_database_that_is_away_is_told_as_such(config: Config, app: Flask):
    lost = create_app(replace(config, database_url="postgresql://nobody@127.0.0.1:1/nowhere"))
    headers = {"Authorization": "Bearer car_x"}
    answer = lost.test_client().get(f"{ROOT}/senders", headers=headers)
    assert (answer.status_code, answer.mimetype) == (503, "application/problem+json")
    assert answer.get_json()["retryable"] is True
    assert int(answer.headers["Retry-After"]) > 0


def test_a_repeated_request_is_done_once(program: Program):
    body, key = new_campaign(program), {"Idempotency-Key": "order-1"}
    first, second = (program.post("/campaigns", body, headers=key) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.get_json() == second.get_json()
    assert first.headers["Location"] == second.headers["Location"]
    assert second.headers["Idempotent-Replayed"] == "true"
    assert len(program.get("/campaigns").get_json()["items"]) == 1


def test_two_requests_of_one_key_at_once_are_one(live_app: Flask):
    program = Program.of(Person.enter(live_app, factories.membership()))
    body = new_campaign(program)

    def post(_: int) -> int:
        return program.post("/campaigns", body, headers={"Idempotency-Key": "k"}).status_code

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(post, range(4))) == [201] * 4
    assert len(program.get("/campaigns").get_json()["items"]) == 1


def test_a_repeated_start_is_not_refused(program: Program):
    campaign = make(program, recipient_emails=["ana@example.com"])["id"]
    key = {"Idempotency-Key": "start-1"}
    answers = [program.post(f"/campaigns/{campaign}/start", headers=key) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]


def test_a_key_stands_for_one_request(program: Program, stranger: Program):
    key = {"Idempotency-Key": "order-1"}
    program.post("/campaigns", new_campaign(program), headers=key)
    assert program.post("/campaigns", new_campaign(program), headers=key).status_code == 422
    assert stranger.post("/campaigns", new_campaign(stranger), headers=key).status_code == 201


def test_a_refused_request_may_be_mended_under_its_key(program: Program):
    key = {"Idempotency-Key": "order-1"}
    assert program.post("/campaigns", {}, headers=key).status_code == 422
    assert program.post("/campaigns", new_campaign(program), headers=key).status_code == 201
