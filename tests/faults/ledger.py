"""What the recording SMTP server wrote down, read from its file: the witness of every fault row."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Accept:
    """A message the server took; `time` is in seconds by the server's clock, before its 250."""

    time: float
    connection: int
    message_id: str
    rcpt: str


class Ledger:
    """The lines of one server's ledger, read as far as they are whole."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read = 0
        self._lines: list[dict[str, Any]] = []

    def lines(self, event: str) -> list[dict[str, Any]]:
        """Every line of this kind: accept, connect, disconnect or fault, the oldest first."""
        return [line for line in self._all() if line["event"] == event]

    def accepts(self) -> list[Accept]:
        """Every message the server took, the oldest first."""
        return [
            Accept(line["time"], line["connection"], line["message_id"], line["rcpt"])
            for line in self.lines("accept")
        ]

    def faults(self, phase: str) -> int:
        """How often the script struck at this phase."""
        return sum(line["phase"] == phase for line in self.lines("fault"))

    @property
    def most_open(self) -> int:
        """How many connections there were at once, at most."""
        return max((line["open"] for line in self.lines("connect")), default=0)

    def per_second(self) -> Counter[int]:
        """Accepted messages by the second they were accepted in."""
        return Counter(int(accept.time) for accept in self.accepts())

    def _all(self) -> list[dict[str, Any]]:
        with self.path.open("rb") as file:
            file.seek(self._read)
            whole = file.read().rpartition(b"\n")[0]
        if whole:
            self._read += len(whole) + 1
            self._lines += [json.loads(line) for line in whole.splitlines()]
        return self._lines


def excess(times: list[float], *, per_minute: float, jitter: float) -> float:
    """By how many the events ever ran ahead of a rate; 0 or less if they never did.

    An even flow with `jitter` seconds of delay here and there is allowed: a leaky bucket that
    holds one event and what the rate gives in that time.
    """
    rate = per_minute / 60
    level, most, before = 0.0, 0.0, 0.0
    for time in sorted(times):
        level = max(0.0, level - (time - before) * rate) + 1
        most, before = max(most, level), time
    return most - (2 + jitter * rate)
