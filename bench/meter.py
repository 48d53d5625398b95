"""Who used how much CPU while mails were sent."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import psutil

Parties = Mapping[str, Sequence[psutil.Process]]
"""Processes by the name under which their CPU time is told, each with all its children."""


@dataclass(frozen=True)
class Run:
    """One run of a contestant: mails, seconds, and CPU seconds by who used them."""

    mails: int
    seconds: float
    cpu: Mapping[str, float] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Mails a second."""
        return self.mails / self.seconds

    def cpu_a_mail(self, *names: str) -> float:
        """What these used together, in µs a mail."""
        return sum(self.cpu[name] for name in names) / self.mails * 1e6


class Meter:
    """Counts from when it is made."""

    def __init__(self, parties: Parties) -> None:
        self._parties = parties
        self._used = self._all()
        self._began = time.monotonic()

    def read(self, mails: int) -> Run:
        """What has happened since then, in which `mails` were sent."""
        seconds, used = time.monotonic() - self._began, self._all()
        return Run(mails, seconds, {name: used[name] - self._used[name] for name in used})

    def _all(self) -> dict[str, float]:
        return {name: sum(map(cpu_seconds, group)) for name, group in self._parties.items()}


def cpu_seconds(process: psutil.Process) -> float:
    """CPU that a process has used so far, with all its children, ended ones too."""
    total = 0.0
    for one in [process, *process.children(recursive=True)]:
        try:
            times = one.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total
