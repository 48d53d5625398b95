"""Signing up, signing in, and what a change of password means."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher

from campaign_app.extensions import db
from campaign_app.lib.errors import Invalid, NotFound
from campaign_app.models.people import Role, User
from campaign_app.services import audit, people
from tests import factories
from tests.people import Person

PASSWORD = "correct horse battery"

pytestmark = pytest.mark.usefixtures("session")


def ana(**values: str) -> User:
    details = {"name": "Ana", "email": "ana@example.com", "password": PASSWORD, **values}
    return people.sign_up(**details).user


def test_signing_up_makes_a_workspace_with_the_user_as_owner():
    membership = people.sign_up(
        name=" Ana  Marković ",
        email="Ana@Example.com",
        password=PASSWORD,
        time_zone="Asia/Calcutta",
    )
    assert membership.role == Role.OWNER
    assert membership.workspace.name == "Ana Marković’s workspace"
    assert membership.user.email == "ana@example.com"
    assert membership.user.time_zone == "Asia/Kolkata"


def test_signing_up_is_written_to_the_activity_log():
    membership = people.sign_up(name="Ana", email="a@example.com", password=PASSWORD)
    [(entry, name)] = audit.recent(membership.workspace)
    assert (entry.action, name) == ("workspace.created", "Ana")


def test_the_password_is_kept_as_argon2id():
    assert ana().password_hash.startswith("$argon2id$")


def test_a_known_address_is_refused_whatever_its_case_and_the_session_stays_usable():
    ana()
    with pytest.raises(Invalid, match="already an account") as refusal:
        ana(email="ANA@example.com")
    assert refusal.value.field == "email"
    assert people.by_email("ana@example.com").name == "Ana"


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("email", {"email": "ana"}),
        ("name", {"name": "  "}),
        ("password", {"password": "too short"}),
        ("time_zone", {"time_zone": "Europe/Atlantis"}),
    ],
)
def test_a_refusal_names_its_field(field: str, values: dict[str, str]):
    with pytest.raises(Invalid) as refusal:
        ana(**values)
    assert refusal.value.field == field


def test_the_right_password_gives_the_user_and_notes_the_time():
    user = ana()
    assert people.authenticate(email=" ANA@example.com", password=PASSWORD) is user
    assert user.last_login_at is not None


@pytest.mark.parametrize("email", ["ana@example.com", "nobody@example.com", "no address"])
def test_a_wrong_password_and_an_unknown_address_both_give_none(email: str):
    ana()
    assert people.authenticate(email=email, password="wrong horse battery") is None


def test_a_hash_of_older_parameters_is_renewed_at_log_in():
    user = ana()
    user.password_hash = old = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(
        PASSWORD
    )
    people.authenticate(email=user.email, password=PASSWORD)
    assert user.password_hash != old
    assert people.authenticate(email=user.email, password=PASSWORD) is user


def test_a_change_of_password_ends_the_sessions_before_it():
    user = ana()
    before = user.session_version
    people.change_password(user, current=PASSWORD, new="another fine sentence")
    db.session.flush()
    assert people.session_user(user.id, session_version=before) is None
    assert people.session_user(user.id, session_version=before + 1) is user


@pytest.mark.parametrize(
    ("field", "current", "new"),
    [("current", "wrong horse battery", "another fine sentence"), ("password", PASSWORD, "short")],
)
def test_a_change_of_password_asks_for_the_present_one_and_a_good_new_one(
    field: str, current: str, new: str
):
    user = ana()
    with pytest.raises(Invalid) as refusal:
        people.change_password(user, current=current, new=new)
    assert refusal.value.field == field
    assert people.authenticate(email=user.email, password=PASSWORD) is user


def test_a_members_place_is_the_chosen_workspace_or_the_first(alice: Person, charlie: Person):
    second = factories.workspace("Second")
    factories.save(
        people.Membership(workspace_id=second.id, user_id=alice.user.id, role=Role.VIEWER)
    )
    place = people.membership(alice.user, workspace_id=second.id)
    assert (place.workspace, place.role) == (second, Role.VIEWER)
    foreign = people.membership(alice.user, workspace_id=charlie.workspace.id)
    assert foreign.workspace == alice.workspace


def test_a_user_without_a_workspace_is_told_so():
    with pytest.raises(NotFound, match="do not belong"):
        people.membership(factories.user())


def test_renaming_the_workspace_is_logged_once(alice: Person):
    for _ in range(2):
        people.rename_workspace(alice.workspace, name="Acme", user=alice.user)
    assert [entry.action for entry, _ in audit.recent(alice.workspace)] == ["workspace.renamed"]
