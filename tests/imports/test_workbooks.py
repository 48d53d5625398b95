"""Workbooks as several programs write them."""

from __future__ import annotations

import io
import re
import time
import zipfile
from datetime import date, datetime, timedelta

import openpyxl
import pytest

from campaign_app.imports import excel, limits, preview
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


EMAIL = '<row r="1"><c r="A1" t="inlineStr"><is><t>Email</t></is></c>{more}</row>'
ANA = '<row r="2"><c r="A2" t="inlineStr"><is><t>a@x.com</t></is></c>{more}</row>'


def read(folder, rows: str, **parts: str) -> list[list[str]]:
    return files.read(files.written(folder, files.raw_workbook(rows, **parts)))


def test_texts_stand_in_their_cells_or_in_a_table_with_letters_in_several_styles(tmp_path):
    table = (
        f"<sst {files.MAIN}><si><t>Name</t></si><si><r><t>An</t></r><r><rPr><b/></rPr><t>a</t></r>"
        '<rPh sb="0" eb="1"><t>sound</t></rPh></si></sst>'
    )
    cells = ['<c r="B1" t="s"><v>0</v></c>', '<c r="B2" t="s"><v>1</v></c>']
    rows = EMAIL.format(more=cells[0]) + ANA.format(more=cells[1])
    assert read(tmp_path, rows, sharedStrings=table) == [["a@x.com", "Ana"]]


def test_cells_without_places_follow_each_other(tmp_path):
    rows = (EMAIL + ANA).format(more='<c t="str"><v>x</v></c>')
    assert read(tmp_path, re.sub(r' r="\w+"', "", rows)) == [["a@x.com", "x"]]


@pytest.mark.parametrize(("epoch", "day"), [("", "2023-03-15"), ("1", "2027-03-16")])
def test_days_are_counted_from_1900_or_from_1904(tmp_path, epoch: str, day: str):
    styles = f'<styleSheet {files.MAIN}><cellXfs><xf/><xf numFmtId="14"/></cellXfs></styleSheet>'
    begun = f'<workbookPr date1904="{epoch or 0}"/><sheets>'
    rows = EMAIL.format(more='<c r="B1" t="str"><v>day</v></c>')
    rows += ANA.format(more='<c r="B2" s="1"><v>45000</v></c>')
    parts = {"styles": styles, "workbook": files.WORKBOOK.replace("<sheets>", begun)}
    assert read(tmp_path, rows, **parts) == [["a@x.com", day]]


def test_half_a_line_end_in_a_cell_ends_no_row(tmp_path):
    rows = [["email", "note", "name"], ["a@x.com", "one_x000D_two", "Ana"], ["b@x.com", "\r", "B"]]
    path = files.written(tmp_path, files.workbook({"People": rows}))
    assert [(row[0], row[2]) for row in files.read(path)] == [("a@x.com", "Ana"), ("b@x.com", "B")]


def test_a_time_span_is_read_as_it_is_shown(tmp_path):
    rows = [["email", "worked"], ["a@x.com", timedelta(hours=30, minutes=5)]]
    path = files.written(tmp_path, files.workbook({"People": rows}))
    assert files.read(path) == [["a@x.com", "30:05:00"]]


@pytest.mark.parametrize(
    "entity", ['SYSTEM "file:///etc/passwd"', '"&b;&b;"><!ENTITY b "&c;&c;"><!ENTITY c "ccc"']
)
def test_entities_are_never_opened(tmp_path, entity: str):
    sheet = f"<worksheet {files.MAIN}><sheetData>{EMAIL}{ANA}</sheetData></worksheet>"
    sheet = sheet.format(more='<c r="B1" t="inlineStr"><is><t>&e;</t></is></c>')
    hostile = {"worksheets/sheet1": f"<!DOCTYPE x [<!ENTITY e {entity}>]>{sheet}"}
    with pytest.raises(Invalid, match="damaged"):
        read(tmp_path, "", **hostile)


def test_a_workbook_that_arrived_by_half_is_said_to_be_damaged(tmp_path):
    whole = files.workbook({"People": [["email"], ["a@x.com"]]})
    for length in (len(whole) // 2, len(whole) - 10):
        with pytest.raises(Invalid, match="damaged"):
            preview.detect(files.written(tmp_path, whole[:length]))


def test_a_part_that_unpacks_without_end_is_refused_unopened(tmp_path):
    bomb = {"media/picture": "\0" * 60_000_000}
    with pytest.raises(Invalid, match="too large"):
        read(tmp_path, EMAIL + ANA, **bomb)


@pytest.mark.parametrize("inner", ["<f>1</f>" + " " * 500_000, "<f " * 170_000])
def test_a_hostile_sheet_is_looked_through_once(tmp_path, inner):
    path = tmp_path / "hostile.xlsx"
    with zipfile.ZipFile(path, "w") as book:
        book.writestr("xl/worksheets/sheet1.xml", f"<c>{inner}<x/>")
    began = time.process_time()
    assert not excel.has_unsaved_results(path)
    assert time.process_time() - began < 5
