"""`flask users create` and `flask tokens create`: for operators and their scripts."""

from __future__ import annotations

import pytest
from click.testing import Result
from flask import Flask

from campaign_app.lib import secrets
from campaign_app.services import people, tokens

PASSWORD = "correct horse battery"


def run(app: Flask, *arguments: str) -> Result:
    return app.test_cli_runner().invoke(args=arguments)


def create_user(app: Flask, *more: str, email: str = "ana.berg@example.com") -> Result:
    return run(app, "users", "create", "--email", email, "--password", PASSWORD, *more)


@pytest.mark.usefixtures("session")
def test_a_created_user_can_log_in(app: Flask):
    result = create_user(app, "--workspace", "Acme", "--zone", "Asia/Calcutta")
    assert result.exit_code == 0, result.output
    user = people.authenticate(email="ana.berg@example.com", password=PASSWORD)
    assert user is not None
    assert (user.name, user.time_zone) == ("Ana Berg", "Asia/Kolkata")
    assert people.membership(user).workspace.name == "Acme"


@pytest.mark.usefixtures("session")
def test_a_refusal_is_one_line_and_status_1(app: Flask):
    create_user(app)
    result = create_user(app)
    assert result.exit_code == 1
    assert result.output.strip().splitlines() == [
        "Error: There is already an account with this address. Log in instead."
    ]


@pytest.mark.usefixtures("session")
def test_a_created_token_is_all_that_is_printed(app: Flask):
    create_user(app)
    result = run(app, "tokens", "create", "--email", "ana.berg@example.com", "--name", "Shop")
    assert result.exit_code == 0
    place = people.membership(people.by_email("ana.berg@example.com")).workspace
    [(token, _)] = tokens.standing(place)
    assert token.token_digest == secrets.digest(result.output.strip())


@pytest.mark.usefixtures("session")
def test_a_token_for_nobody_is_refused_plainly(app: Flask):
    result = run(app, "tokens", "create", "--email", "nobody@example.com", "--name", "Shop")
    assert (result.exit_code, result.output.count("\n")) == (1, 1)
    assert "no user" in result.output
