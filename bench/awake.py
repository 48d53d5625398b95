"""CPUs that never fall asleep while a benchmark runs.

A contestant waits for the network many thousand times a second, and a core without work goes to
sleep each time. On a virtual machine waking it costs tens of microseconds to milliseconds, which
the host decides: the figures would tell how busy the machine's neighbours are. So each core gets a
spinner of the idle class (SCHED_IDLE), which runs when nobody else wants to and gives way at once.
All contestants run beside the same spinners. What they use is in nobody's figures.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import repeat

from bench.stack import ROOT

TURNS = 5_000_000
"""Between two looks at whether the benchmark still lives: a fraction of a second."""


@contextmanager
def awake() -> Iterator[None]:
    """Keep every core of this process awake until the block ends. Does nothing but on Linux."""
    cores = sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else []
    command = [sys.executable, "-m", "bench.awake", str(os.getpid())]
    spinners = [subprocess.Popen([*command, str(core)], cwd=ROOT) for core in cores]
    try:
        yield
    finally:
        for spinner in spinners:
            spinner.kill()
        for spinner in spinners:
            spinner.wait(10)


def spin(parent: int, core: int) -> None:
    """Burn idle time on `core` until the process `parent`, which started us, is gone."""
    os.sched_setaffinity(0, {core})
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    while os.getppid() == parent:
        for _ in repeat(None, TURNS):
            pass


if __name__ == "__main__":
    spin(int(sys.argv[1]), int(sys.argv[2]))
