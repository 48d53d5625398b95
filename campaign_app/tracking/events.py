"""A hit on a public link, as it was seen."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

UNKNOWN_LINK = 0
LONGEST_AGENT = 300
"""Characters that are kept of a program's name for itself: half a million hits may have to wait in
memory, and whoever makes them chooses the name."""


class Hit(NamedTuple):
    """A load of the pixel, or with a `link_number` from 1 a visit to that link."""

    message_id: int
    at: datetime
    method: str = "GET"
    user_agent: str = ""
    ip: str = ""
    link_number: int = UNKNOWN_LINK

    @property
    def is_click(self) -> bool:
        """True for a link, False for the pixel."""
        return self.link_number != UNKNOWN_LINK
