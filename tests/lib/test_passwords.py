"""Which passwords are good enough, and how they are checked."""

from __future__ import annotations

import unicodedata

import pytest

from campaign_app.lib import passwords
from campaign_app.lib.errors import Invalid

ANA = ("Ana Marković", "ana.markovic@example.com")


@pytest.mark.parametrize(
    "weak",
    [
        "short",
        "aaaabbbbaaaa",
        "Password123!",
        "qwertyuiop12",
        "12345678901",
        "ana.markovic1",
        "x" * 201,
    ],
)
def test_a_weak_password_is_refused_with_advice(weak: str):
    with pytest.raises(Invalid) as refusal:
        passwords.check(weak, personal=ANA)
    assert refusal.value.field == "password"


@pytest.mark.parametrize("good", ["correct horse battery", "T7!mqz0-pLw", "žluťoučký kůň"])
def test_a_good_password_passes(good: str):
    passwords.check(good, personal=ANA)


def test_the_same_letters_match_however_a_keyboard_composes_them():
    stored = passwords.hash_password(unicodedata.normalize("NFD", "žluťoučký kůň"))
    assert passwords.verify(stored, unicodedata.normalize("NFC", "žluťoučký kůň"))


@pytest.mark.parametrize("stored", ["!", "", "$argon2id$broken"])
def test_a_stored_text_that_is_no_hash_matches_nothing(stored: str):
    assert not passwords.verify(stored, "correct horse battery")


def test_nobodys_password_never_matches():
    assert not passwords.verify_nobody("nobody's password")
