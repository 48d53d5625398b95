"""Telling machines from people: prefetchers, link scanners, probes.

Nothing is thrown away for it: a machine's hit is kept with its reason and shown beside people's.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta

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


def reason(hit: Hit, *, sent_at_ago: timedelta | None, scanned: bool) -> str:
    """Why this hit was a machine's; empty for a person's. `sent_at_ago`: since its sending."""
    checks = (
        ("head", hit.method == "HEAD"),
        ("no user agent", not hit.user_agent),
        ("scanner", bool(_SCANNERS.search(hit.user_agent))),
        ("prefetch", not hit.is_click and _loads_ahead(hit.user_agent)),
        ("too soon", sent_at_ago is None or sent_at_ago < TOO_SOON),
        ("every link", scanned),
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
    clicks.sort(key=lambda hit: hit.at)
    return any(
        len({other.link_number for other in clicks[i:] if other.at - first.at <= AT_ONCE})
        >= MANY_LINKS
        for i, first in enumerate(clicks)
    )
