"""What Carillon is measured beside: other senders to the same sink, each a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from bench.meter import Meter, Parties, Run
from bench.stack import ROOT

PATIENCE = 300.0
"""Seconds after which a rival is stopped, and the benchmark with it."""


def smtp_source(port: int, *, mails: int, size: int, connections: int, parties: Parties) -> Run:
    """Postfix's load generator: compiled, no rows to read, none to write; waits for each reply."""
    command = ["smtp-source", "-s", str(connections), "-l", str(size), "-m", str(mails), "-d"]
    command += ["-f", "news@example.com", "-t", "person@example.com", f"127.0.0.1:{port}"]
    meter = Meter(parties)
    began = time.monotonic()
    cpu = _run_and_weigh(command)
    seconds = time.monotonic() - began
    return Run(mails, seconds, {"client": cpu, **meter.read(mails).cpu})


def bare(
    port: int,
    *,
    mails: int,
    size: int,
    connections: int,
    parties: Parties,
    trust: Path | None = None,
) -> Run:
    """The bare client that pipelines (bench/bare.py); with `trust` it speaks TLS."""
    options = ["--port", str(port), "--mails", str(mails), "--size", str(size)]
    options += ["--connections", str(connections)]
    if trust:
        options += ["--host", "localhost", "--trust", str(trust)]
    return _reported("bench.bare", options, parties)


def naive(port: int, *, mails: int, size: int, database: str, parties: Parties) -> Run:
    """The naive way (bench/naive.py), which reads and writes rows of its own in `database`."""
    options = ["--port", str(port), "--mails", str(mails), "--size", str(size)]
    run = _reported("bench.naive", [*options, "--database", database], parties)
    if run.mails != mails:
        raise SystemExit(f"The naive way sent {run.mails} of {mails} mails.")
    return run


def _run_and_weigh(command: Sequence[str]) -> float:
    """Run a program; gives its CPU seconds, which only waiting for it tells."""
    process = subprocess.Popen(command)
    killer = threading.Timer(PATIENCE, process.kill)
    killer.start()
    try:
        _, status, usage = os.wait4(process.pid, 0)
    finally:
        killer.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command[0]} ended with status {process.returncode}.")
    return usage.ru_utime + usage.ru_stime


def _reported(module: str, options: Sequence[str], parties: Parties) -> Run:
    """A module that reports its own time, so that starting Python is not counted as sending."""
    meter = Meter(parties)
    command = [sys.executable, "-m", module, *options]
    try:
        done = subprocess.run(
            command, cwd=ROOT, check=True, stdout=subprocess.PIPE, timeout=PATIENCE
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise SystemExit(f"{module} failed: {error}") from error
    said = json.loads(done.stdout)
    others = meter.read(said["mails"]).cpu
    return Run(said["mails"], said["seconds"], {"client": said["cpu"], **others})
