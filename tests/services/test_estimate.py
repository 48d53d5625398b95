"""How long a campaign will take."""

from __future__ import annotations

import pytest

from campaign_app.models.senders import Sender
from campaign_app.services import estimate


def sender(**values) -> Sender:
    defaults = {"delay_seconds": 0.0, "max_connections": 1, "messages_per_connection": 50}
    return Sender(**{**defaults, **values})


@pytest.mark.parametrize(
    ("total", "values", "tpm", "text"),
    [
        (1, {}, None, "less than a minute"),
        (3001, {"delay_seconds": 4.0}, None, "about 3 h 20 min"),
        (3001, {"delay_seconds": 4.0, "max_connections": 5}, None, "about 3 h 20 min"),
        (6000, {}, None, "about 12 min"),
        (6000, {"max_connections": 4}, None, "about 3 min"),
        (1200, {}, 60, "about 19 min; this campaign's rate of 60 a minute"),
        (500, {"per_day": 500}, None, "about 1 min"),
        (1500, {"per_day": 500}, None, "about 3 days; the sender's daily cap of 500"),
        (250, {"per_hour": 100}, None, "about 2 h; the sender's hourly cap of 100"),
    ],
)
def test_the_slowest_limit_decides_and_is_named(total: int, values: dict, tpm: int, text: str):
    assert str(estimate.of(total, sender(**values), tpm=tpm)).startswith(text)
