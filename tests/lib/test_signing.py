"""The tokens of public links: short, URL-safe, with one spelling, and nobody else's work."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign_app.lib.signing import Signer

signer = Signer("a secret")
numbers = st.integers(0, 2**48 - 1)


@given(numbers)
def test_a_token_is_24_url_safe_characters_and_reads_back(number: int):
    token = signer.sign(number)
    assert re.fullmatch(r"[A-Za-z0-9_-]{24}", token)
    assert signer.read(token) == number


@given(numbers, st.integers(0, 23), st.characters())
def test_no_character_can_be_changed(number: int, at: int, character: str):
    token = signer.sign(number)
    changed = token[:at] + character + token[at + 1 :]
    assert signer.read(changed) == (number if changed == token else None)


@given(st.text())
def test_whatever_else_is_sent_is_read_as_nothing(text: str):
    assert signer.read(text) is None
    assert signer.read_link(text) is None


@pytest.mark.parametrize("tail", ["=", "A", "AAAA", "\n", " "])
def test_a_token_with_something_behind_it_is_no_token(tail: str):
    assert signer.read(signer.sign(7) + tail) is None
    assert signer.read(signer.sign(7)[: -len(tail)]) is None


def test_another_secrets_token_is_refused():
    assert Signer("another secret").read(signer.sign(7)) is None


def test_a_link_is_chosen_by_its_number():
    assert signer.read_link(f"{signer.sign(7)}.3") == (7, 3)


@pytest.mark.parametrize("tail", ["", ".", ".x", ".-1", ".1.2", ".٣", "." + "1" * 10])
def test_a_link_without_a_plain_number_is_none(tail: str):
    assert signer.read_link(signer.sign(7) + tail) is None
