"""Time zones under the names that browsers give."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from campaign_app.lib import zones
from campaign_app.lib.errors import Invalid


def test_an_older_name_becomes_todays():
    assert zones.normalise("Asia/Calcutta") == "Asia/Kolkata"


def test_every_older_name_leads_to_a_zone_of_the_list():
    assert set(zones.OLD_NAMES.values()) <= set(zones.NAMES)


@pytest.mark.parametrize("name", ["", "Europe/Atlantis", "../etc/passwd"])
def test_an_unknown_zone_is_refused(name: str):
    with pytest.raises(Invalid):
        zones.normalise(name)


def test_labels_show_the_offset_of_the_day():
    summer = dict(zones.choices(datetime(2026, 7, 1, tzinfo=UTC)))
    winter = dict(zones.choices(datetime(2026, 12, 1, tzinfo=UTC)))
    assert summer["Europe/Paris"] == "Europe/Paris (UTC+02:00)"
    assert winter["Europe/Paris"] == "Europe/Paris (UTC+01:00)"
