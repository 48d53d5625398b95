"""Template filters: times in the user's zone, numbers with separators."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flask import Flask
from flask_login import current_user

from campaign_app.lib import address, clock, shares

STYLE = "%-d %b %Y, %H:%M"
SOON = timedelta(minutes=2)
"""A moment that is no further away is told to the second."""


def install(app: Flask) -> None:
    """Add the filters to the application's templates."""
    app.add_template_filter(local)
    app.add_template_filter(until)
    app.add_template_filter(in_zone)
    app.add_template_filter(number)
    app.add_template_filter(percent)
    app.add_template_filter(address.masked)
    app.add_template_global(clock.now, "now")


def user_zone() -> ZoneInfo:
    """The signed-in user's zone, UTC for strangers."""
    return _zone(getattr(current_user, "time_zone", "UTC"))


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def local(when: datetime | None, style: str = STYLE) -> str:
    """A moment in the user's zone: "22 Nov 2026, 09:00"; a dash when there is none."""
    return "–" if when is None else when.astimezone(user_zone()).strftime(style)


def until(when: datetime, style: str = STYLE) -> str:
    """What lasts until then: as `local` writes it, and "09:00:30" when that is soon."""
    return local(when, "%H:%M:%S" if is_soon(when) else style)


def is_soon(when: datetime) -> bool:
    """Whether minutes are too coarse to tell how long it is until then."""
    return abs(when - clock.now()) < SOON


def in_zone(when: datetime, name: str) -> str:
    """A moment on the clocks of a zone, written as `local` writes it."""
    return when.astimezone(_zone(name)).strftime(STYLE)


def number(value: float | None) -> str:
    """1234567 as "1,234,567"; a dash when there is none."""
    return "–" if value is None else f"{value:,.0f}"


def percent(part: int, whole: int) -> str:
    """Part of whole as "45.4%"; a dash when there is nothing to divide by."""
    return "–" if not whole else f"{shares.percent(part, whole):.1f}%"
