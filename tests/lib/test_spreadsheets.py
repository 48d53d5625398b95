"""Files for spreadsheets: cells that are only text, and both formats read back."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from zoneinfo import ZoneInfo

import openpyxl
import pytest

from campaign_app.lib import spreadsheets, workbooks
from campaign_app.lib.spreadsheets import Format, defuse

KOLKATA = ZoneInfo("Asia/Kolkata")
MOMENT = datetime(2026, 11, 22, 3, 30, 0, 500, tzinfo=UTC)


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1"])
def test_what_a_spreadsheet_would_calculate_is_made_text(cell: str):
    assert defuse(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["", "ana@example.com", "1+1", "a=b", " ana"])
def test_plain_text_stays_as_it_is(cell: str):
    assert defuse(cell) == cell


def written(rows: list[list[object]], kind: Format) -> bytes:
    columns = ["email", "=name", "seen_at", "number"]
    return b"".join(spreadsheets.stream(columns, iter(rows), format=kind, zone=KOLKATA))


def test_a_csv_file_tells_times_by_the_readers_clocks_and_holds_no_formula():
    text = written([["ana@example.com", "=1+1", MOMENT, 7]], Format.CSV).decode("utf-8-sig")
    head, row = csv.reader(io.StringIO(text))
    assert head == ["email", "'=name", "seen_at (Asia/Kolkata)", "number"]
    assert row == ["ana@example.com", "'=1+1", "2026-11-22 09:00:00", "7"]


def test_a_workbook_holds_moments_numbers_and_text_but_no_formula():
    data = written([["<a&b>\x07", "=1+1", MOMENT, 7], [None, ["x", "y"], None, 1.5]], Format.XLSX)
    sheet = openpyxl.load_workbook(io.BytesIO(data)).worksheets[0]
    _, first, second = sheet.iter_rows()
    assert [cell.value for cell in first] == [
        *("<a&b>\ufffd", "'=1+1", datetime(2026, 11, 22, 9, 0), 7),  # noqa: DTZ001
    ]
    assert [cell.value for cell in second] == [None, "x, y", None, 1.5]
    assert {cell.data_type for row in (first, second) for cell in row} == {"s", "d", "n"}


def test_an_empty_list_is_a_workbook_with_its_head():
    book = openpyxl.load_workbook(io.BytesIO(written([], Format.XLSX)))
    assert [row[0].value for row in book.worksheets[0].iter_rows()] == ["email"]


def test_rows_beyond_a_sheets_limit_go_to_the_next_one(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(workbooks, "MOST_ROWS", 4)
    data = b"".join(workbooks.stream(["n"], ([n] for n in range(7))))
    book = openpyxl.load_workbook(io.BytesIO(data))
    sheets = [[row[0].value for row in sheet.iter_rows()] for sheet in book.worksheets]
    assert sheets == [["n", 0, 1, 2], ["n", 3, 4, 5], ["n", 6]]


@pytest.mark.parametrize("kind", list(Format))
def test_nothing_is_read_ahead_of_what_is_taken(kind: Format):
    read = 0

    def rows() -> Iterator[list[int]]:
        nonlocal read
        for read in range(100_000):
            yield [read]

    pieces = spreadsheets.stream(["n"], rows(), format=kind, zone=KOLKATA)
    assert len(list(islice(pieces, 2))) == 2
    assert read < 3_000
