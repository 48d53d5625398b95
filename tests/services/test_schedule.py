"""Wall-clock times, resolved."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import time_machine

from campaign_app.lib import zones
from campaign_app.lib.errors import Invalid
from campaign_app.services import schedule

pytestmark = pytest.mark.usefixtures("at_new_year")


@pytest.fixture
def at_new_year():
    with time_machine.travel(datetime(2026, 1, 1, tzinfo=UTC), tick=False):
        yield


def wall(clock: str) -> datetime:
    return datetime.fromisoformat(clock)


def test_nine_in_kolkata_is_half_past_three_in_utc():
    moment = schedule.to_utc(wall("2026-11-23 09:00"), "Asia/Kolkata")
    assert moment.at == datetime(2026, 11, 23, 3, 30, tzinfo=UTC)
    assert moment.note == ""


@pytest.mark.parametrize(("day", "hour"), [(28, 8), (29, 7)])
def test_nine_in_berlin_is_nine_before_and_after_clocks_change(day: int, hour: int):
    moment = schedule.to_utc(wall(f"2026-03-{day} 09:00"), "Europe/Berlin")
    assert moment.at == datetime(2026, 3, day, hour, 0, tzinfo=UTC)
    assert schedule.to_local(moment.at, "Europe/Berlin") == wall(f"2026-03-{day} 09:00")


def test_a_time_that_clocks_jump_over_moves_forward_and_says_so():
    moment = schedule.to_utc(wall("2026-03-29 02:30"), "Europe/Berlin")
    assert moment.at == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert "it will be 03:30 there" in moment.note


def test_a_time_that_clocks_show_twice_is_the_first_and_says_so():
    moment = schedule.to_utc(wall("2026-10-25 02:30"), "Europe/Berlin")
    assert moment.at == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert "twice; it will be the first time" in moment.note


@pytest.mark.parametrize("year", [1, 1999, 2025, 2031, 9999])
def test_the_past_and_the_far_future_are_refused(year: int):
    with pytest.raises(Invalid) as refusal:
        schedule.to_utc(wall(f"{year:04}-12-31 23:59"), "Pacific/Auckland")
    assert refusal.value.field == "scheduled_at"


def test_a_minute_ago_elsewhere_is_the_past():
    with pytest.raises(Invalid, match="passed"):
        schedule.to_utc(wall("2026-01-01 05:29"), "Asia/Kolkata")


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../../etc/passwd"])
def test_an_unknown_zone_is_refused(zone: str):
    with pytest.raises(Invalid) as refusal:
        schedule.to_utc(wall("2026-06-01 09:00"), zone)
    assert refusal.value.field == "time_zone"


def test_every_zone_on_offer_resolves():
    for zone in zones.NAMES:
        schedule.to_utc(wall("2026-06-01 09:00"), zone)


def test_a_moment_is_itself_in_every_zone():
    moment = schedule.resolve(wall("2026-11-23T09:00+02:00"), "Asia/Kolkata")
    assert (moment.at, moment.zone) == (datetime(2026, 11, 23, 7, tzinfo=UTC), "Asia/Kolkata")


def test_a_time_without_an_offset_is_meant_in_its_zone():
    moment = schedule.resolve(wall("2026-11-23T09:00"), "Asia/Kolkata")
    assert moment.at == datetime(2026, 11, 23, 3, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "clock", ["2026-01-01T00:59+01:00", "0001-01-01T00:00Z", "9999-12-31T23:59Z"]
)
def test_a_moment_must_come_and_not_too_late(clock: str):
    with pytest.raises(Invalid):
        schedule.resolve(wall(clock), "UTC")
