"""Every operation of the API stands behind its door, and a stranger finds nothing there."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Flask
from werkzeug.routing import Rule

from campaign_app import api
from campaign_app.api import door
from campaign_app.api.operations import OPERATIONS
from tests.api.program import Program
from tests.people import Person
from tests.rules.test_routes import FACTORIES, behind, paths


def operations(app: Flask) -> Iterator[Rule]:
    return (rule for rule in app.url_map.iter_rules() if behind(rule) == api.GUARDED.name)


def test_the_guard_stands_before_every_operation(app: Flask):
    assert app.before_request_funcs[api.GUARDED.name][0] is door.require_token
    assert {rule.endpoint for rule in operations(app)} == {f"api.{one.name}" for one in OPERATIONS}


def test_nobody_enters_without_a_token(app: Flask, alice: Person):
    """Nor with a session: what a browser sends by itself opens nothing here."""
    let_in = [
        f"{method} {path} → {answer.status_code}"
        for rule in operations(app)
        for method, path in paths(app, rule, dict.fromkeys(rule.arguments, 1))
        if (answer := alice.client.open(path, method=method)).status_code != 401
        or answer.mimetype != "application/problem+json"
    ]
    assert not let_in, f"These answer without a token: {let_in}"


def test_a_stranger_finds_nothing_of_alices(app: Flask, alice: Person, charlie: Person):
    ids = {name: make(alice) for name, make in FACTORIES.items()}
    stranger = Program.of(charlie)
    seen = [
        f"{method} {path} → {answer.status_code}"
        for rule in operations(app)
        if rule.arguments
        for method, path in paths(app, rule, ids)
        if (answer := stranger.ask(method, path)).status_code != 404
    ]
    assert not seen, f"Load the row from the workspace first, so that these answer 404: {seen}"


def test_every_operation_says_what_it_does():
    silent = [one.name for one in OPERATIONS if not (one.view.__doc__ or "").strip()]
    assert not silent, f"Their docstrings are their documentation: {silent}"
