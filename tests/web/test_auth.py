"""Signing up, logging in and out, in a browser's eyes."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from campaign_app.extensions import db
from campaign_app.services import people
from campaign_app.web import auth
from tests.people import Person

ANA = {"name": "Ana", "email": "ana@example.com", "password": "correct horse battery"}
LOG_IN = {"email": ANA["email"], "password": ANA["password"]}


@pytest.fixture
def ana(session: None) -> None:
    people.sign_up(**ANA)
    db.session.commit()


def test_signing_up_logs_in(client: FlaskClient):
    answer = client.post("/signup", data={**ANA, "time_zone": "Europe/Paris"})
    assert answer.location == "/"
    assert client.get("/settings/").status_code == 200
    assert people.by_email(ANA["email"]).time_zone == "Europe/Paris"


def test_a_known_address_is_told_to_log_in(client: FlaskClient, ana: None):
    answer = client.post("/signup", data={**ANA, "time_zone": "UTC"})
    assert answer.status_code == 422
    assert "already an account" in answer.text


def test_the_password_is_never_sent_back(client: FlaskClient, ana: None):
    answers = [client.post("/signup", data={**ANA, "name": ""})]
    answers.append(client.post("/login", data={**LOG_IN, "password": "wrong wrong wrong"}))
    assert all("correct horse" not in answer.text for answer in answers)
    assert "wrong wrong" not in answers[1].text


def test_logging_in_leads_to_where_one_was_heading(client: FlaskClient, ana: None):
    heading = client.get("/senders/?page=2").location
    assert heading == "/login?next=/senders/?page%3D2"
    answer = client.post(heading, data=LOG_IN)
    assert answer.location == "/senders/?page=2"


@pytest.mark.parametrize(
    "target",
    ["https://evil.example", "//evil.example", "/\\evil.example", "/\t/evil.example", "evil", ""],
)
def test_logging_in_never_leads_to_another_site(client: FlaskClient, ana: None, target: str):
    answer = client.post("/login", query_string={"next": target}, data=LOG_IN)
    assert answer.location == "/"


def without_tokens(page: str) -> str:
    """The page without its CSRF tokens, which change by the second."""
    return re.sub(r'name="csrf_token" value="[^"]*"', "", page)


def test_a_wrong_password_and_an_unknown_address_look_the_same(client: FlaskClient, ana: None):
    wrong = client.post("/login", data={**LOG_IN, "password": "not the password"})
    unknown = client.post("/login", data={**LOG_IN, "email": "bob@example.com"})
    assert wrong.status_code == unknown.status_code == 422
    assert without_tokens(wrong.text.replace("ana@", "bob@")) == without_tokens(unknown.text)
    assert auth.WRONG in wrong.text


def test_the_session_is_a_new_one_after_logging_in(client: FlaskClient, ana: None):
    with client.session_transaction() as before:
        before["planted"] = "by somebody else"
    client.post("/login", data=LOG_IN)
    with client.session_transaction() as after:
        assert "planted" not in after
        assert not after.permanent


def test_remember_keeps_the_session_beyond_the_browser(client: FlaskClient, ana: None):
    client.post("/login", data={**LOG_IN, "remember": "y"})
    with client.session_transaction() as after:
        assert after.permanent


def test_logging_out_ends_the_session(alice: Person):
    assert alice.client.post("/logout").location == "/login"
    assert alice.client.get("/settings/").location.startswith("/login")


def test_whoever_is_logged_in_is_not_asked_again(alice: Person):
    assert alice.client.get("/login").location == "/"
    assert alice.client.get("/signup").location == "/"


def test_scripts_of_a_lost_session_get_a_plain_401(client: FlaskClient):
    assert client.get("/live.json").status_code in (401, 404)
    answer = client.get("/senders/", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "/login")


@pytest.fixture
def throttled(throttled_app: Flask, ana: None) -> FlaskClient:
    """A browser of an application whose throttle is on."""
    return throttled_app.test_client()


def try_to_log_in(browser: FlaskClient, times: int, **changes: str) -> list[int]:
    form = {**LOG_IN, "password": "not the password", **changes}
    return [browser.post("/login", data=form).status_code for _ in range(times)]


def test_an_account_is_throttled_after_ten_failures(throttled: FlaskClient):
    assert try_to_log_in(throttled, 10) == [422] * 10
    for same in (" ANA@example.com", "\u200bana@example.com\u200b\u200b"):
        assert try_to_log_in(throttled, 1, email=same) == [429]
    assert try_to_log_in(throttled, 1, email="bob@example.com") == [422]


def test_an_address_is_throttled_over_all_accounts(throttled: FlaskClient):
    statuses = [try_to_log_in(throttled, 1, email=f"{n}@example.com")[0] for n in range(31)]
    assert statuses == [422] * 30 + [429]


def test_logging_in_rightly_does_not_count(throttled: FlaskClient):
    for _ in range(12):
        assert throttled.post("/login", data=LOG_IN).status_code == 302
        throttled.post("/logout")
