"""Time zones: those to choose from, and what browsers call them."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import pytz

from campaign_app.lib import clock
from campaign_app.lib.errors import Invalid

# Browsers report what CLDR once fixed, though the tz database has renamed the place since.
OLD_NAMES = {
    "Africa/Asmera": "Africa/Asmara",
    "America/Buenos_Aires": "America/Argentina/Buenos_Aires",
    "America/Catamarca": "America/Argentina/Catamarca",
    "America/Coral_Harbour": "America/Atikokan",
    "America/Cordoba": "America/Argentina/Cordoba",
    "America/Godthab": "America/Nuuk",
    "America/Indianapolis": "America/Indiana/Indianapolis",
    "America/Jujuy": "America/Argentina/Jujuy",
    "America/Louisville": "America/Kentucky/Louisville",
    "America/Mendoza": "America/Argentina/Mendoza",
    "Asia/Calcutta": "Asia/Kolkata",
    "Asia/Katmandu": "Asia/Kathmandu",
    "Asia/Rangoon": "Asia/Yangon",
    "Asia/Saigon": "Asia/Ho_Chi_Minh",
    "Atlantic/Faeroe": "Atlantic/Faroe",
    "Etc/GMT": "UTC",
    "Etc/UTC": "UTC",
    "Europe/Kiev": "Europe/Kyiv",
    "GMT": "UTC",
    "Pacific/Enderbury": "Pacific/Kanton",
    "Pacific/Ponape": "Pacific/Pohnpei",
    "Pacific/Truk": "Pacific/Chuuk",
}
NAMES: tuple[str, ...] = tuple(name for name in pytz.common_timezones if name != "GMT")
_KNOWN = frozenset(NAMES)


def normalise(name: str) -> str:
    """Today's name of a zone. Raises Invalid when there is no such zone to choose."""
    current = OLD_NAMES.get(name.strip(), name.strip())
    if current not in _KNOWN:
        raise Invalid(
            "Choose a time zone from the list, for example Europe/London.", field="time_zone"
        )
    return current


def choices(when: datetime | None = None) -> list[tuple[str, str]]:
    """Every zone with a label such as "Asia/Kolkata (UTC+05:30)", true at `when` or now."""
    return list(_choices((when or clock.now()).replace(minute=0, second=0, microsecond=0)))


@lru_cache(maxsize=4)
def _choices(hour: datetime) -> tuple[tuple[str, str], ...]:
    """Reading 400 zones takes 50 ms, and their offsets change on the hour at most."""
    return tuple((name, f"{name.replace('_', ' ')} ({_offset(name, hour)})") for name in NAMES)


def _offset(name: str, when: datetime) -> str:
    raw = when.astimezone(ZoneInfo(name)).strftime("%z")
    return f"UTC{raw[:3]}:{raw[3:5]}"
