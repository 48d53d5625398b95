"""Workbooks as several programs write them."""

from __future__ import annotations

import io
from datetime import date, datetime

import openpyxl
import pytest

from campaign_app.imports import limits, preview
from campaign_app.lib.errors import Invalid
from tests.imports import files


def saved(book: openpyxl.Workbook) -> bytes:
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def test_a_cell_merged_downwards_counts_for_each_of_its_rows(tmp_path):
    book = openpyxl.Workbook()
    sheet = book.active
    for row in (
        ["Our people", ""],
        ["email", "company"],
        ["a@x.com", "Acme"],
        ["b@x.com"],
        ["c@x.com"],
    ):
        sheet.append(row)
    sheet.merge_cells("A1:B1")
    sheet.merge_cells("B3:B4")
    path = files.written(tmp_path, saved(book))
    assert preview.detect(path).header_row == 2
    assert files.read(path) == [["a@x.com", "Acme"], ["b@x.com", "Acme"], ["c@x.com", ""]]


def test_a_merged_cell_counts_in_the_last_row_and_in_a_table_that_begins_later(tmp_path):
    book = openpyxl.Workbook()
    for row, values in enumerate((["email", "town"], ["a@x.com", "Zadar"], ["b@x.com", ""]), 4):
        for column, value in enumerate(values, 3):
            book.active.cell(row, column, value)
    book.active.merge_cells("D5:D6")
    path = files.written(tmp_path, saved(book))
    assert files.read(path) == [["a@x.com", "Zadar"], ["b@x.com", "Zadar"]]


def test_empty_sheets_before_the_people_are_passed_over(tmp_path):
    sheets = {f"Sheet{number}": [] for number in range(7)}
    book = files.workbook({**sheets, "People": [["email"], ["a@x.com"]]})
    path = files.written(tmp_path, book)
    assert preview.detect(path).sheet == "People"
    with pytest.raises(Invalid, match="no sheet with rows"):
        preview.detect(files.written(tmp_path, files.workbook(sheets)))


def test_formulas_whose_results_were_never_saved_are_told(tmp_path):
    rows = [["email", "score"], ["a@x.com", "=1+1"]]
    path = files.written(tmp_path, files.workbook({"People": rows}))
    shown = preview.preview(path, preview.detect(path))
    assert limits.UNSAVED_RESULTS in shown.warnings


def test_formulas_with_their_results_are_values(tmp_path):
    rows = (
        '<row r="1"><c r="A1" t="str"><v>email</v></c><c r="B1" t="str"><v>score</v></c></row>'
        '<row r="2"><c r="A2" t="str"><f>"a"&amp;"@x.com"</f><v>a@x.com</v></c>'
        '<c r="B2"><f>1+1</f><v>2</v></c></row>'
    )
    path = files.written(tmp_path, files.raw_workbook(rows))
    shown = preview.preview(path, preview.detect(path))
    assert limits.UNSAVED_RESULTS not in shown.warnings
    assert files.read(path) == [["a@x.com", "2"]]


def test_dates_numbers_and_truth_are_read_as_a_person_would_type_them(tmp_path):
    cells = [
        "a@x.com",
        date(2024, 2, 29),
        datetime.fromisoformat("2024-02-29T13:05"),
        42.0,
        0.1,
        True,
        "007",
    ]
    rows = [["email", "day", "moment", "whole", "part", "yes", "text"], cells]
    path = files.written(tmp_path, files.workbook({"People": rows}))
    assert files.read(path) == [
        ["a@x.com", "2024-02-29", "2024-02-29 13:05:00", "42", "0.1", "TRUE", "007"]
    ]


def test_hidden_sheets_are_not_offered_and_the_sheet_with_addresses_is_found(tmp_path):
    book = openpyxl.Workbook()
    book.active.title = "Notes"
    book.active.append(["Read me"])
    for name, state in (("Secret", "hidden"), ("Deep", "veryHidden"), ("People", "visible")):
        sheet = book.create_sheet(name)
        sheet.sheet_state = state
        sheet.append(["email"])
        sheet.append([f"{name.lower()}@x.com"])
    path = files.written(tmp_path, saved(book))
    dialect = preview.detect(path)
    assert dialect.sheet == "People"
    assert preview.preview(path, dialect).sheets == ["Notes", "People"]
