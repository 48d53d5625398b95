"""Delimiters and header rows."""

from __future__ import annotations

import pytest

from campaign_app.imports.dialects import Dialect, delimiter_of, header_row_of
from campaign_app.lib.errors import Invalid


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("email,name\na@x.com,Ann\n", ","),
        ("E-Mail;Betrag;Name\na@x.de;1,50;A, B\nb@x.de;2,00;C, D\n", ";"),
        ("Name\temail\tNote\nAnn\ta@x.com\thi, there; you\n", "\t"),
        ("email|name\na@x.com|Ann\n", "|"),
        ("a@x.com\nb@x.com\n", ","),
        ("email\na@x.com", ","),
        ('email,note\na@x.com,"one; two\nthree; four"\n', ","),
        ("Ann;a@x.com\n", ";"),
        ("sep=|\na@x.com|b,c,d\n", "|"),
    ],
)
def test_the_delimiter_is_the_one_that_frees_the_addresses(text, delimiter):
    assert delimiter_of(text) == delimiter


@pytest.mark.parametrize(
    ("rows", "header"),
    [
        ([["email", "name"], ["a@x.com", "Ann"]], 1),
        ([["a@x.com", "Ann"], ["b@x.com", "Bob"]], 0),
        ([["Export of 3 May", ""], [], ["Name", "E-mail"], ["Ann", ""], ["Bob", "b@x.com"]], 3),
        ([["A", "B"], ["Ann", "a@x.com"]], 1),
        ([[], ["メールアドレス", "氏名"], ["a@x.com", "山田"]], 2),
        ([["only one row"]], 0),
        ([], 0),
    ],
)
def test_the_header_row_is_found(rows, header):
    assert header_row_of(rows) == header


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"encoding": "rot13"}, "encoding"),
        ({"delimiter": "::"}, "delimiter"),
        ({"header_row": "second"}, "header_row"),
        ({"header_row": "-1"}, "header_row"),
    ],
)
def test_a_choice_that_is_not_on_the_page_is_refused_at_its_place(options, field):
    with pytest.raises(Invalid) as refused:
        Dialect.from_options(options)
    assert refused.value.field == field


def test_a_dialect_survives_being_stored():
    dialect = Dialect(encoding="cp1252", delimiter="\t", header_row=0)
    assert Dialect.from_options(dialect.as_options()) == dialect
