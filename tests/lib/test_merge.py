"""The values a template can use."""

from __future__ import annotations

import pytest

from campaign_app.lib import merge


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("Anna Schmidt", "Anna"),
        ("Schmidt, Anna", "Anna"),
        ("Schmidt,", "Schmidt"),
        ("Dr. Anna Schmidt", "Anna"),
        ("Prof. Dr. Anna", "Anna"),
        ("Herr", "Herr"),
        ("  Anna  ", "Anna"),
        ("", ""),
        (",", ""),
    ],
)
def test_the_first_name_is_taken_from_the_name(name, first):
    assert merge.first_name(name) == first


def test_a_recipients_own_first_name_wins():
    assert merge.values("a@x.example", "Anna S", {"first_name": "Ann"})["first_name"] == "Ann"
    assert merge.values("a@x.example", "Anna S", {"first_name": ""})["first_name"] == "Anna"


def test_an_attribute_cannot_hide_the_address():
    values = merge.values("a@x.example", "Anna", {"email": "b@x.example", "city": "Ulm"}, url="u")
    assert values == {
        "email": "a@x.example",
        "name": "Anna",
        "first_name": "Anna",
        "city": "Ulm",
        "url": "u",
    }
