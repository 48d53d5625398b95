"""Which spellings of an address are one mailbox: by the list itself, and by what providers say."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from campaign_app.extensions import db
from campaign_app.lib import address


@pytest.mark.usefixtures("session")
@pytest.mark.parametrize(
    ("email", "mailbox"),
    [
        ("a.n.a@gmail.com", "ana@gmail.com"),
        ("ana+news+x@gmail.com", "ana@gmail.com"),
        ("a.na+n@googlemail.com", "ana@gmail.com"),
        ("an.a+n@outlook.com", "an.a@outlook.com"),
        ("ana+n@hotmail.com", "ana@hotmail.com"),
        ("ana+n@live.com", "ana@live.com"),
        ("a.na+n@example.com", None),
        ("ana@notgmail.com", None),
        ("ana@gmail.com.example", None),
        ("+n@gmail.com", None),
        ("+n@outlook.com", None),
    ],
)
def test_dots_and_tags_count_only_where_the_provider_says_so(email: str, mailbox: str | None):
    assert db.session.scalar(select(func.mailbox_of(email))) == mailbox


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ana@Example.COM", "ana@example.com"),
        ("ana@bücher.example", "ANA@xn--bcher-kva.example"),
        ("ana@bu\u0308cher.example", "ana@b\u00fccher.example"),
        ("ana@BÜCHER.example", "ana@bücher.example"),
    ],
)
def test_case_and_unicode_are_one_on_the_list_itself(one: str, other: str):
    assert address.normalise(one) == address.normalise(other)
