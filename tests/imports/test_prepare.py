"""Rows become people."""

from __future__ import annotations

import csv

from campaign_app.imports.mapping import Column, Target
from campaign_app.imports.prepare import Preparer, Rejected
from campaign_app.imports.rejects import RejectsFile
from campaign_app.imports.seen import Seen

COLUMNS = [
    Column("Mail", Target.EMAIL),
    Column("First", Target.FIRST_NAME),
    Column("Last", Target.LAST_NAME),
    Column("City", Target.ATTRIBUTE, "city"),
    Column("Secret", Target.IGNORE),
]


def test_first_and_last_name_are_joined_and_kept_for_greetings():
    batch = Preparer(COLUMNS).batch(2, [["  A@X.com ", "Ann", "NA", "Rome", "psst"]])
    person = batch.people["a@x.com"]
    assert person.name == "Ann NA"
    assert person.attributes == {"first_name": "Ann", "last_name": "NA", "city": "Rome"}


def test_of_repeated_people_the_last_filled_cells_win():
    rows = [
        ["a@x.com", "Ann", "", "Rome"],
        ["A@x.com", "Anna", "", ""],
        ["a@x.com", "", "", "Oslo"],
    ]
    batch = Preparer(COLUMNS).batch(2, rows)
    assert list(batch.people) == ["a@x.com"]
    assert batch.people["a@x.com"].name == "Anna"
    assert batch.people["a@x.com"].attributes == {"first_name": "Anna", "city": "Oslo"}
    assert (batch.rows, batch.rejected) == (3, [])


def test_bad_rows_are_rejected_with_their_place_and_blank_ones_passed_over():
    batch = Preparer(COLUMNS).batch(10, [["nobody"], [], [" ", ""], ["", "Ann"], ["b@x.com"]])
    assert [(row.row, row.column, row.value) for row in batch.rejected] == [
        (10, "Mail", "nobody"),
        (13, "Mail", ""),
    ]
    assert "has no @" in batch.rejected[0].reason
    assert (batch.rows, list(batch.people)) == (3, ["b@x.com"])


def test_a_name_is_one_line():
    batch = Preparer(COLUMNS).batch(2, [["a@x.com", "Ann\r\nBcc: z@x.com", ""]])
    assert batch.people["a@x.com"].name == "Ann Bcc: z@x.com"


def test_rejected_rows_are_harmless_in_a_spreadsheet(tmp_path):
    path = tmp_path / "rejected" / "7.csv"
    with RejectsFile(path) as file:
        assert not path.exists()
        file.add(
            [Rejected(2, "=Mail", "=cmd()", "“=cmd()” has no @."), Rejected(3, "Mail", "é", "-")]
        )
    rows = list(csv.reader(path.read_text("utf-8-sig").splitlines()))
    assert rows[0] == ["Row", "Column", "Value", "Reason"]
    assert rows[1:] == [["2", "'=Mail", "'=cmd()", "“=cmd()” has no @."], ["3", "Mail", "é", "'-"]]


def test_everybody_is_new_once():
    seen = Seen()
    addresses = [f"user{n}@x.com" for n in range(5_000)]
    assert sum(map(seen.add, addresses)) == 5_000
    assert sum(map(seen.add, addresses)) == 0
