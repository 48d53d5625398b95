"""Shares in per cent: what is missing is never rounded away."""

from __future__ import annotations

import pytest

from campaign_app.lib import shares


@pytest.mark.parametrize(
    ("part", "whole", "percent"),
    [
        (2_829, 2_830, 99.9),
        (999_999, 1_000_000, 99.9),
        (1, 2_830, 0.1),
        (0.0001, 1, 0.1),
        (2_830, 2_830, 100.0),
        (0, 2_830, 0.0),
        (1, 3, 33.3),
        (3, 2, 150.0),
        (0, 0, 0.0),
    ],
)
def test_only_all_is_100_and_only_none_is_0(part: float, whole: float, percent: float):
    assert shares.percent(part, whole) == percent
