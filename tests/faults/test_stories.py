"""The state machine of the sending tests, told at length: what no row of the matrix thought of."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from hypothesis import settings

from tests.sending.test_state_machine import SHORT, drive

pytestmark = pytest.mark.faults

LONG = settings(SHORT, max_examples=50, stateful_step_count=50)


def test_whatever_happens_for_long_the_books_agree_with_the_ledger(live_app: Flask, tmp_path: Path):
    drive(live_app, tmp_path / "journals", LONG)
