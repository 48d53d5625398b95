"""Moments as their reader's clock shows them."""

from __future__ import annotations

import re
from datetime import datetime

from campaign_app.lib import clock
from campaign_app.web.filters import is_soon, user_zone

_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\+\d\d:\d\d|Z)")


def here() -> datetime:
    """The present in the reader's zone."""
    return clock.now().astimezone(user_zone())


def midnight() -> datetime:
    """When the reader's day began."""
    return here().replace(hour=0, minute=0, second=0, microsecond=0)


def friendly(moment: datetime) -> str:
    """ "today 09:00", "yesterday 17:30", "12 Nov, 09:00", "3 Jan 2025, 09:00"."""
    local, now = moment.astimezone(user_zone()), here()
    days = (now.date() - local.date()).days
    if days in (-1, 0, 1):
        return f"{('today', 'yesterday', 'tomorrow')[days]} {local:%H:%M}"
    year = "" if local.year == now.year else f" {local.year}"
    return f"{local.day} {local:%b}{year}, {local:%H:%M}"


def localised(text: str) -> str:
    """`text` with each ISO moment in it replaced by the reader's time; a near one to the second."""
    return _ISO.sub(lambda found: _clock(datetime.fromisoformat(found[0])), text)


def _clock(moment: datetime) -> str:
    local = moment.astimezone(user_zone())
    if is_soon(moment):
        return f"{local:%H:%M:%S}"
    return f"{local:%H:%M}" if local.date() == here().date() else friendly(moment)


def duration(seconds: float) -> str:
    """Seconds as people say them; format.js says the same."""
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{round(minutes / 1440)} days"
