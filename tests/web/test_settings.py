"""What a person may change of their own, and the API's tokens."""

from __future__ import annotations

import re

from flask import Flask

from campaign_app.extensions import db
from campaign_app.lib import secrets
from campaign_app.services import people, tokens
from tests import factories
from tests.people import Person

PASSWORD = "correct horse battery"
NEW = "another fine sentence"


def enter(app: Flask, role: str = "owner") -> Person:
    """A person whose password is known."""
    person = Person.enter(app, factories.membership(name="Dora", role=role))
    person.user.password_hash = people.passwords.hash_password(PASSWORD)
    db.session.commit()
    return person


def change_password(person: Person, **changes: str):
    form = {"current": PASSWORD, "password": NEW, **changes}
    return person.client.post("/settings/password", data=form)


def test_name_and_zone_are_changed(alice: Person):
    form = {"name": "Alice Berg", "time_zone": "Asia/Kolkata"}
    assert alice.client.post("/settings/", data=form).status_code == 302
    db.session.refresh(alice.user)
    assert (alice.user.name, alice.user.time_zone) == ("Alice Berg", "Asia/Kolkata")


def test_an_unknown_zone_is_refused_at_its_field(alice: Person):
    answer = alice.client.post("/settings/", data={"name": "A", "time_zone": "Mars/Base"})
    assert answer.status_code == 422
    assert "time_zone-error" in answer.text


def test_a_new_password_keeps_this_session_and_ends_the_others(app: Flask, session: None):
    here = enter(app)
    elsewhere = app.test_client()
    elsewhere.post("/login", data={"email": here.user.email, "password": PASSWORD})
    assert elsewhere.get("/settings/").status_code == 200
    assert change_password(here).status_code == 302
    assert here.client.get("/settings/").status_code == 200
    assert elsewhere.get("/settings/").status_code == 302


def test_a_wrong_present_password_changes_nothing(app: Flask, session: None):
    person = enter(app)
    answer = change_password(person, current="not the password")
    assert answer.status_code == 422
    assert "not your present password" in answer.text
    assert people.authenticate(email=person.user.email, password=PASSWORD) is not None


def test_guessing_the_present_password_is_throttled(throttled_app: Flask):
    person = enter(throttled_app)
    tries = [change_password(person, current=f"guess {n}").status_code for n in range(11)]
    assert tries == [422] * 10 + [429]


def test_a_viewer_may_change_their_own_password_and_nothing_else(app: Flask, session: None):
    viewer = enter(app, role="viewer")
    assert change_password(viewer).status_code == 302
    assert viewer.client.post("/settings/tokens", data={"name": "Shop"}).status_code == 403


def test_only_owners_rename_the_workspace(alice: Person, bob: Person):
    assert bob.client.get("/settings/workspace").status_code == 403
    answer = alice.client.post("/settings/workspace", data={"name": "Acme Retail"})
    assert answer.status_code == 302
    assert "Acme Retail" in alice.client.get("/settings/").text


def test_a_token_is_shown_once_and_never_cached(alice: Person):
    answer = alice.client.post("/settings/tokens", data={"name": "Web shop"})
    plain = re.search(r"car_[\w-]+", answer.text)
    assert plain
    assert answer.headers["Cache-Control"] == "no-store"
    [(token, _)] = tokens.standing(alice.workspace)
    assert token.token_digest == secrets.digest(plain[0])
    assert "car_" not in alice.client.get("/settings/tokens").text


def test_a_revoked_token_leaves_the_list(alice: Person):
    token, _ = tokens.create(alice.workspace, user=alice.user, name="Web shop")
    db.session.commit()
    answer = alice.client.post(f"/settings/tokens/{token.id}/revoke", follow_redirects=True)
    assert "No tokens yet" in answer.text


def test_a_stranger_cannot_revoke_a_token(alice: Person, charlie: Person):
    token, _ = tokens.create(alice.workspace, user=alice.user, name="Web shop")
    db.session.commit()
    assert charlie.client.post(f"/settings/tokens/{token.id}/revoke").status_code == 404
    assert tokens.standing(alice.workspace)
