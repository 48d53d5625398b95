"""Wall-clock times of people's zones, resolved to the moment they mean."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from campaign_app.lib import clock, zones
from campaign_app.lib.errors import Invalid

FARTHEST = timedelta(days=731)
"""Zones' rules are changed by law; nothing is promised for longer than two years ahead."""

_CLOCK = "%H:%M on %-d %B %Y"


@dataclass(frozen=True, slots=True)
class Moment:
    """What a wall-clock time means: `at` in UTC, and `note` when that is not what was written.

    `zone` has the name by which the zone is known today.
    """

    at: datetime
    zone: str
    note: str = ""


def to_utc(local: datetime, zone: str) -> Moment:
    """The moment when clocks in `zone` show `local`, which must be naive.

    Where clocks jump over `local` it moves forward by the gap; where they show it twice the first
    is taken; `note` says so. Raises Invalid for an unknown zone, a moment that has passed, or one
    more than two years ahead.
    """
    place = ZoneInfo(zones.normalise(zone))
    _refuse_distant(local)
    at = local.replace(tzinfo=place, fold=0).astimezone(UTC)
    if at <= clock.now():
        raise Invalid("That time has passed. Choose a later one.", field="scheduled_at")
    return Moment(at, place.key, _note(local, place, at))


def resolve(when: datetime, zone: str) -> Moment:
    """`to_utc` for a naive time; an aware one is that moment itself. Raises Invalid as `to_utc`."""
    if when.tzinfo is None:
        return to_utc(when, zone)
    place = ZoneInfo(zones.normalise(zone))
    _refuse_distant(when.replace(tzinfo=None))  # a day's worth of offset does not matter there
    at = when.astimezone(UTC)
    if at <= clock.now():
        raise Invalid("That time has passed. Choose a later one.", field="scheduled_at")
    return Moment(at, place.key)


def to_local(at: datetime, zone: str) -> datetime:
    """What clocks in `zone` show at that moment, naive as a form field holds it."""
    return at.astimezone(ZoneInfo(zones.normalise(zone))).replace(tzinfo=None)


def _refuse_distant(local: datetime) -> None:
    today = clock.now().replace(tzinfo=None)
    if local > today + FARTHEST:
        raise Invalid("Choose a time within the next two years.", field="scheduled_at")
    if local < today - timedelta(days=2):  # no zone is further away; year 1 would overflow below
        raise Invalid("That time has passed. Choose a later one.", field="scheduled_at")


def _note(local: datetime, place: ZoneInfo, at: datetime) -> str:
    shown = at.astimezone(place).replace(tzinfo=None)
    if shown != local:
        return (
            f"Clocks in {place.key} go forward past {local:{_CLOCK}}, "
            f"so it will be {shown:%H:%M} there."
        )
    second = local.replace(tzinfo=place, fold=1).astimezone(UTC)
    if second != at:
        return f"Clocks in {place.key} show {local:{_CLOCK}} twice; it will be the first time."
    return ""
