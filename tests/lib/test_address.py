"""Addresses: one form for each person, and a remedy for each slip."""

from __future__ import annotations

import time
from email import message_from_bytes, policy
from email.utils import parseaddr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign_app.lib import address
from campaign_app.lib.errors import Invalid


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("Anna@Example.COM", "anna@example.com"),
        ("  anna@x.example\t", "anna@x.example"),
        ("\ufeffanna@x.example\u200b", "anna@x.example"),
        ("o'brien+news@x.example", "o'brien+news@x.example"),
        ("anna@münchen.example", "anna@xn--mnchen-3ya.example"),
        ("anna@straße.de", "anna@xn--strae-oqa.de"),
        ("anna@mail.test", "anna@mail.test"),
    ],
)
def test_one_person_has_one_form(written, stored):
    assert address.normalise(written) == stored
    assert address.normalise(stored) == stored


@pytest.mark.parametrize(
    ("written", "remedy"),
    [
        ("", "is empty"),
        ("anna", "has no @"),
        ("Anna Schmidt <anna@x.example>", "Write only anna@x.example"),
        ("anna@x.example; bob@x.example", "several addresses"),
        ("anna schmidt@x.example", "space"),
        ("anna@x,example", "full stop"),
        ("anna@x.example.", "end with a period"),
        ("anna@gmail", "should have a period"),
        ("jürgen@x.example", "accents"),
        ("a" * 65 + "@x.example", "more than 64 characters"),
        ("a@" + "b" * 300 + ".example", "too long"),
        ("anna@x.example\r\nBcc: bob@x.example", "several addresses"),
        ("anna..s@x.example", "two periods"),
        ("anna@localhost", "should have a period"),
    ],
)
def test_a_slip_is_told_with_its_remedy(written, remedy):
    with pytest.raises(Invalid, match=remedy) as told:
        address.normalise(written)
    assert told.value.field == "email"


def test_a_list_is_checked_in_order():
    answers = address.normalise_many(["B@x.example", "nobody", "a@x.example"])
    assert [found for found, _ in answers] == ["b@x.example", "", "a@x.example"]
    assert [bool(problem) for _, problem in answers] == [False, True, False]


def cost(emails: list[str]) -> float:
    """Processor time for each of them, in seconds: what else the machine does is not in it."""
    begun = time.thread_time()
    address.normalise_many(emails)
    return (time.thread_time() - begun) / len(emails)


def test_an_address_at_a_known_domain_costs_a_fraction_of_one_at_a_new_domain():
    new = cost([f"user@new{number}.example" for number in range(5_000)])
    known = cost([f"user{number}@mail{number % 500}.example" for number in range(100_000)])
    assert known < new / 4


@given(st.text(max_size=60))
def test_whatever_is_written_is_stored_or_explained(text):
    found, problem = address.check(text)
    assert bool(found) != bool(problem)
    if found:
        assert found.isascii()
        assert address.check(found) == (found, "")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("", "a@x.example"),
        ("Anna", "Anna <a@x.example>"),
        ("Schmidt, Anna", '"Schmidt, Anna" <a@x.example>'),
        ('Anna "Ace" S', '"Anna \\"Ace\\" S" <a@x.example>'),
        ("Jürgen", "=?utf-8?q?J=C3=BCrgen?= <a@x.example>"),
        ("=?x?=", "=?utf-8?q?=3D=3Fx=3F=3D?= <a@x.example>"),
    ],
)
def test_a_name_is_quoted_or_encoded_as_it_needs(name, shown):
    assert address.display(name, "a@x.example") == shown


@pytest.mark.parametrize("name", ["Łukasz " * 20, "😀" * 40, "An Uncommonly Long Name, " * 8])
def test_a_long_name_is_folded(name):
    folded = address.display(name, "a@x.example").encode()
    assert all(len(line) <= 76 for line in folded.split(b"\r\n"))
    message = message_from_bytes(b"Reply-To: " + folded + b"\r\n\r\n", policy=policy.default)
    assert message["Reply-To"].addresses[0].addr_spec == "a@x.example"


@pytest.mark.parametrize(
    ("name", "email"),
    [
        ("Anna\r\nBcc: b@x.example", "a@x.example"),
        ("Anna", "a@x.example\nX: y"),
        ("Anna", "a@x.example>, <b@x.example"),
        ("Anna", "jürgen@x.example"),
        ("Anna\x00", "a@x.example"),
    ],
)
def test_nothing_can_begin_a_header_of_its_own(name, email):
    with pytest.raises(Invalid):
        address.display(name, email)


def test_the_domain_is_what_follows_the_last_at():
    assert address.domain("a@x.example") == "x.example"
    assert parseaddr(address.display("A", "a@x.example"))[1] == "a@x.example"


@pytest.mark.parametrize(
    "text",
    [
        "Ann@X.example", " a.b@x.example\u200b", "a..b@x.example", ".a@x.example", "a.@x.example",
        "@x.example", "x.example", "", "é@x.example", "a+b@x.example", "a@MÜLLER.example",
        "a b@x.example", "a" * 65 + "@x.example", "a@" + "x" * 250 + ".com", "a@b@x.example",
        "K@x.example", "²@x.example", "a@x", "a@-x.example",
    ],
)  # fmt: skip
def test_the_quick_way_for_millions_says_the_same(text):
    for _ in range(2):  # the second time, the domain is known
        assert address.normal_forms([text]) == [address.check(text)[0]]
    reason, remedy = address.explain(text)
    assert address.check(text)[1] in ("", f"{reason} {remedy}") or len(text) > 254
