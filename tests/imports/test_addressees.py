"""Addresses as people and programs leave them in cells."""

from __future__ import annotations

import time

import pytest

from campaign_app.imports import addressees, dialects
from campaign_app.lib import address


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        (" dee@example.com\u00a0", ""),
        ("\u202adee@example.com\u202c", ""),
        ("dee@example.com;", ""),
        ("DEE@EXAMPLE.COM.", ""),
        ("'dee@example.com", ""),
        ("'dee@example.com'", ""),
        ("“dee@example.com”", ""),
        ("ｄｅｅ＠ｅｘａｍｐｌｅ．ｃｏｍ", ""),  # noqa: RUF001 - as Japanese keyboards write it
        ("mailto:dee@example.com?subject=Hello", ""),
        ("MAILTO:%64ee@example.com", ""),
        ("[dee@example.com](mailto:dee@example.com)", ""),
        ("Dee Lee <mailto:dee@example.com>", "Dee Lee"),
        ("Dee Lee (dee@example.com)", "Dee Lee"),
        ("dee@example.com (Dee Lee)", "Dee Lee"),
        ("dee@example.com ::: lee@example.com", ""),
        ('"Lee, Dee" <dee@example.com>', "Lee, Dee"),
    ],
)
def test_an_address_is_read_out_of_what_clings_to_it(cell: str, name: str):
    found = addressees.read([cell, "bo@example.com"])
    assert found.emails == ["dee@example.com", "bo@example.com"]
    assert found.names.get(0, "") == name


@pytest.mark.parametrize(
    "cell",
    [
        "dee@example.com, bo@example.com",
        "Dee <dee@example.com>; Bo <bo@example.com>",
        "mailto:dee@example.com,bo@example.com",
    ],
)
def test_several_addresses_in_a_cell_are_nobodys(cell: str):
    assert addressees.read([cell]).emails == [""]
    assert addressees.explained(cell)[1] == "Put each in a row of its own."


@pytest.mark.parametrize(
    "cell",
    [
        "dee lee@example.com",
        "dee @example.com",
        "dee@example",
        "(dee)",
        "'@example.com",
        "'.d@x.com",
    ],
)
def test_nobody_is_guessed(cell: str):
    assert addressees.read([cell]).emails == [""]


@pytest.mark.parametrize("cell", ["@" * 100_000, f"({'@' * 100_000}", f"a@{'.' * 100_000} b"])
def test_a_hostile_cell_takes_no_longer_than_its_length(cell: str):
    began = time.process_time()
    assert addressees.read([cell]).emails == [""]
    assert addressees.explained(cell)[0]
    assert not dialects.has_address([cell])
    assert time.process_time() - began < 5


def test_an_erased_person_is_known_in_every_dress():
    erased = {address.digest("dee@example.com")}
    cells = ["'Dee@example.com", "Dee (dee@example.com)", "mailto:dee@example.com?subject=Hi"]
    found = addressees.read(cells, erased=erased)
    assert (found.emails, len(found.erased)) == (["", "", ""], 3)
