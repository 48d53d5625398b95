"""API tokens: shown once, kept as a digest, ended for good."""

from __future__ import annotations

import pytest

from campaign_app.lib import secrets
from campaign_app.lib.errors import Conflict, Invalid, NotFound
from campaign_app.models.people import ApiToken
from campaign_app.services import tokens
from tests.people import Person


def make(person: Person) -> tuple[ApiToken, str]:
    return tokens.create(person.workspace, user=person.user, name="Web shop")


def test_only_the_digest_of_a_token_is_kept(alice: Person):
    token, plain = make(alice)
    assert plain.startswith("car_")
    assert token.token_digest == secrets.digest(plain)


def test_it_lists_standing_tokens_with_their_makers(alice: Person):
    token, _ = make(alice)
    assert list(tokens.standing(alice.workspace)) == [(token, "Alice")]


def test_it_hides_another_workspaces_tokens(alice: Person, charlie: Person):
    token, _ = make(alice)
    assert not tokens.standing(charlie.workspace)
    with pytest.raises(NotFound):
        tokens.revoke(charlie.workspace, token.id, user=charlie.user)


def test_a_revoked_token_is_gone_and_cannot_be_revoked_again(alice: Person):
    token, _ = make(alice)
    tokens.revoke(alice.workspace, token.id, user=alice.user)
    assert not tokens.standing(alice.workspace)
    with pytest.raises(Conflict):
        tokens.revoke(alice.workspace, token.id, user=alice.user)


@pytest.mark.parametrize("name", ["", "   ", "x" * 101])
def test_a_token_needs_a_name(alice: Person, name: str):
    with pytest.raises(Invalid):
        tokens.create(alice.workspace, user=alice.user, name=name)
