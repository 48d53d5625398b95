"""What each column is taken for, and what a person may make of it."""
# ruff: noqa: RUF001

from __future__ import annotations

import pytest

from campaign_app.imports import headers, mapping
from campaign_app.imports.mapping import Column, Target, check, guess, is_same_header, learn
from campaign_app.lib.errors import Invalid


def guessed(names, *rows):
    columns = mapping.guess(names, [list(values) for values in zip(*rows, strict=True)])
    return [column.key or column.target.value for column in columns]


@pytest.mark.parametrize(
    ("names", "row", "meanings"),
    [
        (["E-Mail", "Vorname", "Name"], ["a@x.de", "A", "B"], ["email", "first_name", "last_name"]),
        (["Name", "E-mail address"], ["Ann", "a@x.com"], ["name", "email"]),
        (["Prénom", "Nom", "Courriel"], ["A", "B", "a@x.fr"], ["first_name", "last_name", "email"]),
        (["Nome", "Cognome", "Posta"], ["A", "B", "a@x.it"], ["first_name", "last_name", "email"]),
        (["Фамилия", "Имя", "Почта"], ["А", "Б", "a@x.ru"], ["last_name", "first_name", "email"]),
        (["氏名", "メール"], ["山田", "a@x.jp"], ["name", "email"]),
        (["Column 1", "Column 2"], ["x", "a@x.com"], ["column_1", "email"]),
        (["E-mail opt-in", "Contact"], ["yes", "a@x.com"], ["e_mail_opt_in", "email"]),
        (["email", "Alternative"], ["a@x.com", "b@x.com"], ["email", "alternative"]),
        (["email", "", "Empty"], ["a@x.com", "1", ""], ["email", "column_2", "ignore"]),
        (["email", "attributes"], ["a@x.com", "1"], ["email", "attributes_2"]),
    ],
)
def test_columns_are_recognised_in_many_languages(names, row, meanings):
    assert guessed(names, row) == meanings


def test_empty_and_repeated_headers_get_names_of_their_own():
    names = headers.distinct(["City", "", "city", " City\n2 "], 5)
    assert names == ["City", "Column 2", "city 2", "City 2 2", "Column 5"]


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ("Données client", "donnees_client"),
        ("Straße (privat)", "strasse_privat"),
        ("2nd city", "nd_city"),
        ("City 2", "city_2"),
        ("Łódź", "lodz"),
        ("Город", ""),
        ("!", ""),
    ],
)
def test_a_header_becomes_a_merge_field(header, key):
    assert headers.attribute_key(header) == key


EMAIL = Column("E-mail", Target.EMAIL)


@pytest.mark.parametrize(
    ("columns", "field"),
    [
        ([Column("Name", Target.NAME)], "mapping"),
        ([EMAIL, Column("Other", Target.EMAIL)], "column-1"),
        ([EMAIL, Column("City", Target.ATTRIBUTE)], "column-1"),
        ([EMAIL, Column("City", Target.ATTRIBUTE, "the city")], "column-1"),
        ([EMAIL, Column("Name", Target.ATTRIBUTE, "name")], "column-1"),
        (
            [EMAIL, Column("A", Target.ATTRIBUTE, "a"), Column("B", Target.ATTRIBUTE, "a")],
            "column-2",
        ),
        ([EMAIL] + [Column(f"{n}", Target.ATTRIBUTE, f"a{n}") for n in range(51)], "mapping"),
    ],
)
def test_a_choice_that_cannot_work_is_refused_at_its_column(columns, field):
    with pytest.raises(Invalid) as refused:
        mapping.check(columns)
    assert refused.value.field == field


def test_a_mapping_survives_being_stored():
    columns = [EMAIL, Column("City", Target.ATTRIBUTE, "city"), Column("x", Target.IGNORE)]
    assert mapping.from_entries([column.as_entry() for column in columns]) == columns


def test_columns_of_the_last_import_are_matched_as_they_were_there():
    former = [
        Column("Kontakt-Mail", Target.EMAIL),
        Column("E-Mail", Target.IGNORE),
        Column("Ort", Target.ATTRIBUTE, "city"),
    ]
    proposal = guess(["e-mail", "City", "ORT", "kontakt mail"], [["a@x.com"], ["R"], ["O"], [""]])
    assert learn(proposal, former) == [
        Column("e-mail", Target.IGNORE),
        Column("City", Target.ATTRIBUTE, "city_2"),
        Column("ORT", Target.ATTRIBUTE, "city"),
        Column("kontakt mail", Target.EMAIL),
    ]


def test_two_columns_never_learn_the_same_thing_and_a_guess_gives_way():
    former = [Column("Mail", Target.EMAIL), Column("Note", Target.NAME)]
    proposal = guess(["Mail", "mail", "Name", "Note"], [["a@x.com"], ["b@x.com"], ["A"], ["n"]])
    learned = learn(proposal, former)
    check(learned)
    assert [column.target for column in learned] == ["email", "attribute", "attribute", "name"]


def test_only_exactly_the_same_header_is_familiar():
    columns = [Column("Mail", Target.EMAIL), Column("Note", Target.NAME)]
    assert is_same_header(columns, columns)
    assert not is_same_header(columns, columns[:1])
    assert not is_same_header(columns, [Column("mail", Target.EMAIL), columns[1]])
    assert not is_same_header(columns, [])
