"""How fast a campaign is sent, beside Postfix's smtp-source to the same sink.

    bin/bench send [--mails 20000] [--size 10240] [--pairs 3] [--connections 8] [--processes 2]

Real PostgreSQL (durable), Redis and Celery workers share the machine with the sink. Each pair runs
smtp-source first and then a campaign with merge fields, pixel, links and the whole ledger. A
campaign's clock starts when its first batch is planned and stops when its last message is written
down as sent. The figures to quote are the medians.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import time
from dataclasses import dataclass

from bench.campaigns import Audience, wait_until
from bench.stack import Stack, child, free_port, running


@dataclass(frozen=True)
class Pair:
    """Mails a second of smtp-source and of Carillon, and Carillon's CPU in µs a mail."""

    source: float
    carillon: float
    cpu: float

    @property
    def ratio(self) -> float:
        return self.carillon / self.source


def source_rate(port: int, *, mails: int, size: int, sessions: int) -> float:
    """Mails a second that smtp-source brings to the sink."""
    command = ["smtp-source", "-s", str(sessions), "-l", str(size), "-m", str(mails), "-d"]
    command += ["-f", "news@example.com", "-t", "person@example.com", f"127.0.0.1:{port}"]
    began = time.monotonic()
    subprocess.run(command, check=True)
    return mails / (time.monotonic() - began)


def carillon_rate(
    stack: Stack, audience: Audience, *, mails: int, size: int
) -> tuple[float, float]:
    """Mails a second of a campaign, and the CPU µs a mail of the sending workers and PostgreSQL."""
    campaign = audience.launch(size=size)
    wait_until(audience, campaign, lambda counts: counts.total == mails)
    began, cpu = time.monotonic(), stack.cpu_seconds()
    before = wait_until(audience, campaign, lambda counts: counts.total == mails).sent
    counts = wait_until(audience, campaign, lambda counts: counts.done == mails)
    seconds = time.monotonic() - began
    if counts.sent != mails:
        raise SystemExit(f"Not everything was sent: {counts.as_dict()}")
    sent = mails - before
    return sent / seconds, (stack.cpu_seconds() - cpu) / sent * 1e6


def main() -> None:
    """Run the pairs and print their figures."""
    options = _options()
    if not shutil.which("smtp-sink"):
        raise SystemExit("smtp-sink and smtp-source are missing: install Debian's postfix package.")
    port = free_port()
    # As root it insists on another account; the loopback port needs none of root's rights.
    account = ["-u", "nobody"] if os.geteuid() == 0 else []
    sink = ["smtp-sink", *account, f"127.0.0.1:{port}", "1024"]
    with (
        child(sink, port=port),
        running(processes=options.processes) as stack,
        stack.app.app_context(),
    ):
        audience = Audience(size=options.mails, port=port, connections=options.connections)
        carillon_rate(stack, audience, mails=options.mails, size=options.size)  # warm up
        pairs = [_pair(stack, audience, port, options) for _ in range(options.pairs)]
        _print(pairs, options, stack.peak_memory())


def _pair(stack: Stack, audience: Audience, port: int, options: argparse.Namespace) -> Pair:
    source = source_rate(port, mails=options.mails, size=options.size, sessions=options.connections)
    rate, cpu = carillon_rate(stack, audience, mails=options.mails, size=options.size)
    pair = Pair(source, rate, cpu)
    print(
        f"  smtp-source {source:8,.0f}/s   carillon {rate:8,.0f}/s   ratio {pair.ratio:.2f}"
        f"   {cpu:6.0f} µs CPU a mail",
        flush=True,
    )
    return pair


def _print(pairs: list[Pair], options: argparse.Namespace, memory: int) -> None:
    print(
        f"{options.mails:,} mails of {options.size:,} bytes, {options.connections} connections,"
        f" {options.processes} sending processes; medians of {len(pairs)} pairs:"
    )
    print(f"  smtp-source {statistics.median(p.source for p in pairs):8,.0f}/s")
    print(f"  carillon    {statistics.median(p.carillon for p in pairs):8,.0f}/s")
    print(f"  ratio       {statistics.median(p.ratio for p in pairs):8.2f}")
    print(f"  CPU a mail  {statistics.median(p.cpu for p in pairs):8.0f} µs")
    print(f"  a worker's peak memory {memory / 1e6:.0f} MB")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mails", type=int, default=20_000)
    parser.add_argument("--size", type=int, default=10_240)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--processes", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    main()
