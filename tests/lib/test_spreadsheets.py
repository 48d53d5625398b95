"""Cells of exported files."""

from __future__ import annotations

import pytest

from campaign_app.lib.spreadsheets import defuse


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1"])
def test_what_a_spreadsheet_would_calculate_is_made_text(cell: str):
    assert defuse(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["", "ana@example.com", "1+1", "a=b", " ana"])
def test_plain_text_stays_as_it_is(cell: str):
    assert defuse(cell) == cell
