"""Every route stands behind a door, and behind the door a stranger finds nothing."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping

import pytest
from flask import Blueprint, Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from campaign_app import api, public
from campaign_app.extensions import db
from campaign_app.models.imports import Import
from campaign_app.models.recipients import Suppression
from campaign_app.models.segments import Segment
from campaign_app.services import tokens
from campaign_app.web import GUARDED, OPEN, door
from tests import factories
from tests.people import Person

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def make_import(owner: Person) -> int:
    place = {"workspace_id": owner.workspace.id, "user_id": owner.user.id}
    return factories.save(Import(**place, filename="a.csv", storage_key="a.csv", size=1)).id


def make_suppression(owner: Person) -> int:
    row = Suppression(workspace_id=owner.workspace.id, email="no@example.com")
    return factories.save(row).id


def make_segment(owner: Person) -> int:
    whose = {"workspace_id": owner.workspace.id}
    return factories.save(Segment(**whose, name="Readers", rules={})).id


def make_token(owner: Person) -> int:
    token, _ = tokens.create(owner.workspace, user=owner.user, name="Shop")
    db.session.commit()
    return token.id


FACTORIES: dict[str, Callable[[Person], int]] = {
    "bulk_id": lambda owner: factories.bulk_action(owner.workspace).id,
    "campaign_id": lambda owner: factories.campaign(owner.workspace).id,
    "group_id": lambda owner: factories.group(owner.workspace).id,
    "import_id": make_import,
    "recipient_id": lambda owner: factories.recipient(owner.workspace).id,
    "segment_id": make_segment,
    "sender_id": lambda owner: factories.sender(owner.workspace).id,
    "suppression_id": make_suppression,
    "template_id": lambda owner: factories.template(owner.workspace).id,
    "token_id": make_token,
    "upload_id": lambda owner: factories.upload(owner.workspace).id,
}
"""A route's parameter → how to make such a row of Alice's, and its id."""

CHOICES: dict[str, str] = {"kind": "csv", "version": "1"}
"""Parameters that are no row but choose a view of one → a value they take."""


def blueprints_of_public() -> set[str]:
    """Whatever lies in the package `public` is meant for everybody."""
    names = [module.name for module in pkgutil.iter_modules(public.__path__)]
    modules = [importlib.import_module(f"campaign_app.public.{name}") for name in names]
    found = [value for module in modules for value in vars(module).values()]
    return {value.name for value in found if isinstance(value, Blueprint)}


def behind(rule: Rule) -> str:
    """The name of the blueprint that a route belongs to."""
    return rule.endpoint.partition(".")[0] if "." in rule.endpoint else ""


def guarded(app: Flask) -> Iterator[Rule]:
    names = {blueprint.name for blueprint in GUARDED}
    return (rule for rule in app.url_map.iter_rules() if behind(rule) in names)


def paths(app: Flask, rule: Rule, values: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """The route's address with these values, once for each method it takes."""
    wanted = {name: values[name] for name in rule.arguments}
    path = app.url_map.bind("carillon.test").build(rule.endpoint, wanted)
    for method in METHODS:
        if method in (rule.methods or ()):
            yield method, path


def test_every_route_belongs_to_a_door(app: Flask):
    known = (*GUARDED, *OPEN, api.GUARDED, api.OPEN)
    doors = {blueprint.name for blueprint in known} | blueprints_of_public()
    strays = [
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if rule.endpoint != "static" and behind(rule) not in doors
    ]
    assert not strays, f"Add their blueprint to web.GUARDED, or move them to public: {strays}"


@pytest.mark.parametrize("blueprint", GUARDED, ids=lambda blueprint: blueprint.name)
def test_the_guard_stands_before_the_blueprint(app: Flask, blueprint: Blueprint):
    assert app.before_request_funcs[blueprint.name][0] is door.require_member


def test_nobody_enters_without_a_session(app: Flask, client: FlaskClient):
    let_in = []
    for rule in guarded(app):
        values = {name: CHOICES.get(name, 1) for name in rule.arguments}
        for method, path in paths(app, rule, values):
            answer = client.open(path, method=method)
            sent_away = answer.status_code == 302 and answer.location.startswith("/login")
            if not sent_away and answer.status_code != 401:
                let_in.append(f"{method} {rule.rule} → {answer.status_code}")
    assert not let_in, f"These answer without a session: {let_in}"


def test_every_parameter_has_a_row_to_try(app: Flask):
    unknown = {
        f"{name} of {rule.rule}"
        for rule in guarded(app)
        for name in rule.arguments - FACTORIES.keys() - CHOICES.keys()
    }
    assert not unknown, f"Say in FACTORIES how to make them: {unknown}"


def test_every_form_needs_the_token_of_its_page(app: Flask, alice: Person):
    """Cross-site request forgery: a POST from elsewhere carries the cookie, not the token."""
    values = {**dict.fromkeys(FACTORIES, 1), **CHOICES}
    pages = {blueprint.name for blueprint in (*GUARDED, *OPEN)}
    posts = [rule for rule in app.url_map.iter_rules() if behind(rule) in pages]
    app.config["WTF_CSRF_ENABLED"] = True
    try:
        taken = [
            f"{method} {path} → {status}"
            for rule in posts
            for method, path in paths(app, rule, values)
            if method != "GET"
            and (status := alice.client.open(path, method=method).status_code) != 400
        ]
    finally:
        app.config["WTF_CSRF_ENABLED"] = False
    assert not taken, f"Only public one-click routes may be exempt: {taken}"


def test_a_stranger_finds_nothing_of_alices(app: Flask, alice: Person, charlie: Person):
    ids = {name: make(alice) for name, make in FACTORIES.items()}
    seen = []
    for rule in guarded(app):
        if not rule.arguments & FACTORIES.keys():
            continue
        for method, path in paths(app, rule, {**ids, **CHOICES}):
            answer = charlie.client.open(path, method=method)
            if answer.status_code != 404:
                seen.append(f"{method} {rule.rule} → {answer.status_code}")
    assert not seen, f"Load the row from the workspace first, so that these answer 404: {seen}"
