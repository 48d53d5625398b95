"""Who must not be written to any more, and the windows that were open when that was decided."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.sending.books import Tables, number_of
from tests.smtp_sink import Record


@dataclass
class _Silence:
    """From the record `since` on nothing that `concerns` it, but for what the windows held."""

    concerns: Callable[[Record], bool]
    since: int
    windows: frozenset[int]


class Silences:
    """Pause, cancel, opt out: the present windows may go on, and nothing else (I6)."""

    def __init__(self, accepted: Sequence[Record]) -> None:
        self._accepted = accepted
        self._kept: dict[str, _Silence] = {}

    def begin(self, who: str, concerns: Callable[[Record], bool]) -> None:
        """Nothing for them from now on, but for the windows that are open."""
        tables = Tables.read()
        windows = frozenset(row.id for row in tables.messages.values() if tables.in_window(row))
        self._kept.setdefault(who, _Silence(concerns, len(self._accepted), windows))

    def end(self, who: str) -> None:
        """They may be written to again."""
        self._kept.pop(who, None)

    def check(self) -> None:
        """To be asked when no window is open any more that somebody still sends."""
        for who, silence in self._kept.items():
            later = [one for one in self._accepted[silence.since :] if silence.concerns(one)]
            loud = {number_of(record) for record in later} - silence.windows
            assert not loud, f"{who} got mail: {later}"
            silence.since, silence.windows = len(self._accepted), frozenset()
