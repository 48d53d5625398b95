"""Ids as strangers type them."""

from __future__ import annotations

import pytest

from campaign_app.lib import row_ids


@pytest.mark.parametrize("text", ["1", "007", "9223372036854775807"])
def test_a_rows_id_is_read(text: str):
    assert row_ids.read([text]) == [int(text)]


@pytest.mark.parametrize(
    "text", ["", "0", "-1", "1.0", " 1", "x", "٣", "²", "9223372036854775808", "9" * 5_000]
)
def test_what_is_none_is_passed_over(text: str):
    assert row_ids.read([text, "7"]) == [7]
