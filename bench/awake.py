"""CPUs that never fall asleep while a benchmark runs.

A contestant waits for the network many thousand times a second, and a core without work goes to
sleep each time. On a virtual machine waking it costs tens of microseconds to milliseconds, which
the host decides: the figures would tell how busy the machine's neighbours are. So the kernel is
asked to poll instead of sleeping, by its quality-of-service file for latencies (PM QoS, see the
kernel's documentation of power management), which takes root.

Whoever may not write there gets a spinner of the idle class (SCHED_IDLE) on each core, which runs
when nobody else wants to. That costs everybody figures: a core that spins counts as one with work,
and is not given what waits for the other. Which of the two it was is printed.

All contestants of a run are kept awake alike, and what it uses is in nobody's figures.
"""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import repeat
from pathlib import Path

from bench.stack import ROOT

LATENCIES = Path("/dev/cpu_dma_latency")
"""Whoever holds it open with a number of µs written to it waits no longer for a core to wake."""
TURNS = 5_000_000
"""Between two looks at whether the benchmark still lives: a fraction of a second."""


@contextmanager
def awake() -> Iterator[None]:
    """Keep every core of this process awake until the block ends. Does nothing but on Linux."""
    if sys.platform != "linux":
        yield
    elif os.access(LATENCIES, os.W_OK):
        with LATENCIES.open("wb", buffering=0) as wish:
            wish.write(struct.pack("i", 0))
            yield
    else:
        with _spinning():
            yield


@contextmanager
def _spinning() -> Iterator[None]:
    print(f"{LATENCIES} is not ours to write: cores spin, which lowers every rate.")
    command = [sys.executable, "-m", "bench.awake", str(os.getpid())]
    cores = sorted(os.sched_getaffinity(0))
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
