"""Telling machines from people: prefetchers, link scanners, probes.

Nothing is thrown away for it: a machine's hit is kept with its reason and shown beside people's.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache

from campaign_app.tracking.events import Hit

TOO_SOON = timedelta(seconds=5)
"""Nobody reads a mail within this time of its sending; scanners at the door do."""
AT_ONCE = timedelta(seconds=2)
MANY_LINKS = 3
"""Different links of one mail visited within AT_ONCE: a scanner following every link."""

_SCANNERS = re.compile(
    r"bot\b|crawl|spider|scan|curl/|wget/|python-|go-http|java/|libwww|httpclient|headless"
    r"|barracuda|proofpoint|mimecast|symantec|forcepoint|fireeye|trendmicro|bitdefender|sophos"
    r"|urldefense|safelinks|preview|prefetch|monitor",
    re.IGNORECASE,
)
# Apple's Mail Privacy Protection loads every image through a proxy that says only this much.
_APPLE_PROXY = "Mozilla/5.0"
# Yahoo's proxy loads images ahead; Gmail's (GoogleImageProxy) only when a person opens the mail.
_AHEAD = re.compile(r"YahooMailProxy", re.IGNORECASE)


@lru_cache(maxsize=10_000)
def reason(method: str, user_agent: str, *, is_click: bool) -> str:
    """Why a hit like this is a machine's, whenever it comes; empty when only its time can tell.

    Remembered: a campaign's readers use some hundred programs, and the patterns cost microseconds.
    """
    checks = (
        ("head", method == "HEAD"),
        ("no user agent", not user_agent),
        ("scanner", bool(_SCANNERS.search(user_agent))),
        ("prefetch", not is_click and _loads_ahead(user_agent)),
    )
    return next((name for name, applies in checks if applies), "")


def _loads_ahead(user_agent: str) -> bool:
    return user_agent == _APPLE_PROXY or bool(_AHEAD.search(user_agent))


def scanned_messages(hits: Sequence[Hit]) -> set[int]:
    """The messages among these hits of which many links were visited at once."""
    visits: dict[int, list[Hit]] = defaultdict(list)
    for hit in hits:
        if hit.is_click:
            visits[hit.message_id].append(hit)
    return {message for message, clicks in visits.items() if _at_once(clicks)}


def _at_once(clicks: list[Hit]) -> bool:
    latest: dict[int, datetime] = {}
    for hit in sorted(clicks, key=lambda hit: hit.at):
        latest[hit.link_number] = hit.at
        if sum(hit.at - at <= AT_ONCE for at in latest.values()) >= MANY_LINKS:
            return True
    return False
