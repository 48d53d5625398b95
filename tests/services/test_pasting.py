"""Lines that people paste, as a table."""

from __future__ import annotations

import time

from campaign_app.services import pasting


def test_several_addresses_in_a_line_are_several_people():
    pasted = "ann@example.com; bo@example.com , cy@example.com"
    rows = pasting.as_table(pasted).split()
    assert rows == ["email,name", "ann@example.com,", "bo@example.com,", "cy@example.com,"]


def test_a_hostile_line_is_read_once():
    began = time.process_time()
    assert pasting.as_table("@" * 200_000)
    assert time.process_time() - began < 5
