"""Contestants by turns, so that the machine's moods meet all of them, and their medians."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping

from bench.meter import Run

Results = dict[str, list[Run]]


def take_turns(contestants: Mapping[str, Callable[[], Run]], *, rounds: int) -> Results:
    """Let each run once a round, and print every run."""
    results: Results = {name: [] for name in contestants}
    for number in range(1, rounds + 1):
        for name, run in contestants.items():
            results[name].append(run())
            print(f"  {number}  {line(name, results[name][-1:])}", flush=True)
    print(f"Medians of {rounds}:")
    for name, runs in results.items():
        print(f"     {line(name, runs)}")
    return results


def line(name: str, runs: list[Run]) -> str:
    """The median rate of these runs, and the CPU a mail of everybody who took part."""
    parts = [f"{who} {cpu_a_mail(runs, who):,.0f} µs" for who in runs[0].cpu]
    return f"{name:<24} {rate(runs):>8,.0f}/s   CPU a mail: {' · '.join(parts)}"


def rate(runs: list[Run]) -> float:
    """The median of the rates, in mails a second."""
    return statistics.median(run.rate for run in runs)


def cpu_a_mail(runs: list[Run], *names: str) -> float:
    """The median of what these used together, in µs a mail."""
    return statistics.median(run.cpu_a_mail(*names) for run in runs)


def ratio(results: Results, one: str, other: str) -> float:
    """The median of the ratios of their rates, round by round."""
    pairs = zip(results[one], results[other], strict=True)
    return statistics.median(mine.rate / yours.rate for mine, yours in pairs)


def verdict(what: str, value: float, goal: float, *, unit: str = "", most: bool = False) -> None:
    """Print a figure beside its goal: what is to be reached, or with `most` not to be exceeded."""
    reached = value <= goal if most else value >= goal
    digits = 2 if goal < 10 else 0
    mark = "reached" if reached else "MISSED"
    limit = "at most" if most else "at least"
    print(f"  {what:<58} {value:>9,.{digits}f}{unit}  ({limit} {goal:,.{digits}f}{unit}: {mark})")
