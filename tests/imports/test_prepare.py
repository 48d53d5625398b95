"""Rows become people."""

from __future__ import annotations

import csv
import json

import pytest

from campaign_app.imports.mapping import Column, Target
from campaign_app.imports.prepare import Batch, Preparer, Rejected
from campaign_app.imports.rejects import RejectsFile
from campaign_app.imports.seen import Seen
from campaign_app.lib import address
from campaign_app.models.imports import EmptyCells, Existing
from campaign_app.services import pasting

COLUMNS = [
    Column("Mail", Target.EMAIL),
    Column("First", Target.FIRST_NAME),
    Column("Last", Target.LAST_NAME),
    Column("City", Target.ATTRIBUTE, "city"),
    Column("Secret", Target.IGNORE),
]


def people(batch: Batch) -> dict[str, tuple[str, dict[str, str]]]:
    found = zip(batch.emails, batch.names, map(json.loads, batch.attributes), strict=True)
    return {email: (name, attributes) for email, name, attributes in found}


def test_first_and_last_name_are_joined_and_kept_for_greetings():
    batch = Preparer(COLUMNS).batch(2, [["  A@X.com ", "Ann", "NA", "Rome", "psst"]])
    attributes = {"first_name": "Ann", "last_name": "NA", "city": "Rome"}
    assert people(batch) == {"a@x.com": ("Ann NA", attributes)}


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ("Dee, D <dee@example.com>", "Dee, D"),
        ('"Dee, D" <DEE@example.com> ', "Dee, D"),
        ("<dee@example.com>", ""),
        ("dee@example.com", ""),
    ],
)
def test_an_address_may_come_as_mail_programs_write_it(cell: str, name: str):
    assert people(Preparer(COLUMNS[:1]).batch(2, [[cell]])) == {"dee@example.com": (name, {})}
    batch = Preparer([COLUMNS[0], Column("Name", Target.NAME)]).batch(2, [[cell, "Doctor Dee"]])
    assert batch.names == ["Doctor Dee"]
    (pasted,) = csv.reader(pasting.as_table(cell).splitlines()[1:])
    assert [pasted[0].lower(), pasted[1]] == ["dee@example.com", name]


def test_a_link_of_a_spreadsheet_is_an_address():
    batch = Preparer(COLUMNS[:1]).batch(2, [["mailto:dee@example.com"], ["Mailto:bo@example"]])
    assert (batch.emails, batch.rejected[0].reason[:12]) == (["dee@example.com"], "“bo@example”")


def test_what_is_wrong_between_the_brackets_is_named():
    (row,) = Preparer(COLUMNS).batch(2, [["Dee <dee@exam_ple>"]]).rejected
    assert (row.value, row.reason[:14]) == ("Dee <dee@exam_ple>", "“dee@exam_ple”")


def test_whose_data_was_erased_is_left_out_and_not_named():
    preparer = Preparer(COLUMNS, erased={address.digest("ana@x.com")})
    rows = [["bo@x.com"], ["Ana <ANA@x.com>", "Ana"], ["ana@x.com"], ["cy@x.com"]]
    batch = preparer.batch(2, rows)
    assert (batch.emails, batch.rows, batch.repeated) == (["bo@x.com", "cy@x.com"], 4, [])
    assert [(row.row, row.value) for row in batch.rejected] == [
        (3, "a•••@x.com"),
        (4, "a•••@x.com"),
    ]
    assert "was erased" in batch.rejected[0].reason


def test_a_whole_name_goes_before_its_halves():
    columns = [*COLUMNS[:3], Column("Name", Target.NAME)]
    rows = [["a@x.com", "Ann", "Lee", "Dr. Lee"], ["b@x.com", "Bo", "", ""]]
    names = {email: name for email, (name, _) in people(Preparer(columns).batch(2, rows)).items()}
    assert names == {"a@x.com": "Dr. Lee", "b@x.com": "Bo"}


@pytest.mark.parametrize(
    ("existing", "empty_cells", "expected"),
    [
        ("overwrite", "keep", ("Anna", {"first_name": "Anna", "city": "Oslo"})),
        ("overwrite", "erase", ("", {"city": "Oslo"})),
        ("fill", "keep", ("Ann", {"first_name": "Ann", "city": "Rome"})),
        ("skip", "keep", ("Ann", {"first_name": "Ann", "city": "Rome"})),
    ],
)
def test_repeated_rows_have_the_effect_they_would_have_one_by_one(existing, empty_cells, expected):
    rows = [
        ["a@x.com", "Ann", "", "Rome"],
        ["A@x.com", "Anna", "", ""],
        ["a@x.com", "", "", "Oslo"],
    ]
    preparer = Preparer(COLUMNS, existing=Existing(existing), empty_cells=EmptyCells(empty_cells))
    batch = preparer.batch(2, rows)
    assert people(batch) == {"a@x.com": expected}
    assert (batch.rows, batch.rejected) == (3, [])
    assert batch.repeated == [(3, "a@x.com"), (4, "a@x.com")]


def test_bad_rows_are_rejected_with_their_place_and_blank_ones_passed_over():
    batch = Preparer(COLUMNS).batch(10, [["nobody"], [], [" ", ""], ["", "Ann"], ["b@x.com"]])
    assert [(row.row, row.column, row.value) for row in batch.rejected] == [
        (10, "Mail", "nobody"),
        (13, "Mail", ""),
    ]
    assert "has no @" in batch.rejected[0].reason
    assert (batch.rows, batch.emails) == (3, ["b@x.com"])


def test_short_and_long_rows_are_read_by_their_columns():
    rows = [["a@x.com"], ["b@x.com", "B", "", "Rome", "s", "too", "many"]]
    batch = Preparer(COLUMNS).batch(2, rows)
    assert people(batch)["a@x.com"] == ("", {})
    assert people(batch)["b@x.com"] == ("B", {"first_name": "B", "city": "Rome"})


def test_a_file_of_addresses_alone_is_enough():
    assert people(Preparer(COLUMNS[:1]).batch(1, [["a@x.com"]])) == {"a@x.com": ("", {})}


def test_a_name_is_one_line():
    batch = Preparer(COLUMNS).batch(2, [["a@x.com", "Ann\r\nBcc: z@x.com", ""]])
    assert batch.names == ["Ann Bcc: z@x.com"]


def test_a_cell_as_long_as_a_book_is_cut():
    batch = Preparer(COLUMNS).batch(2, [["a@x.com", "A", "B", "x" * 5_000]])
    assert len(people(batch)["a@x.com"][1]["city"]) == 1_000


def test_rejected_rows_are_harmless_in_a_spreadsheet(tmp_path):
    path = tmp_path / "rejected" / "7.csv"
    bad = Rejected(2, "=Mail", "=cmd()", "“=cmd()” has no @.", "Mend it.")
    with RejectsFile(path) as file:
        assert not path.exists()
        file.add([bad, Rejected(3, "Mail", "é", "-", "+")])
    rows = list(csv.reader(path.read_text("utf-8-sig").splitlines()))
    assert rows == [
        ["Row", "Column", "Value", "Reason", "What to do"],
        ["2", "'=Mail", "'=cmd()", "“=cmd()” has no @.", "Mend it."],
        ["3", "Mail", "é", "'-", "'+"],
    ]


def test_everybody_is_new_once():
    seen = Seen()
    addresses = [f"user{n}@x.com" for n in range(5_000)]
    assert sum(map(seen.add, addresses)) == 5_000
    assert sum(map(seen.add, addresses)) == 0
