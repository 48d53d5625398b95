"""Where the mail goes: Postfix's smtp-sink, bare or behind a proxy with latency or TLS."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.stack import ROOT
from local_stack.children import free_port


@dataclass(frozen=True)
class Listener:
    """A process that takes mail at a port of the loopback."""

    port: int
    process: psutil.Process


@contextmanager
def postfix_sink() -> Iterator[Listener]:
    """Postfix's smtp-sink, a compiled server that answers and forgets."""
    if not (shutil.which("smtp-sink") and shutil.which("smtp-source")):
        raise SystemExit("smtp-sink and smtp-source are missing: install Debian's postfix package.")
    # As root it insists on another account; the loopback port needs none of root's rights.
    account = ["-u", "nobody"] if os.geteuid() == 0 else []
    port = free_port()
    with _listening(["smtp-sink", *account, f"127.0.0.1:{port}", "1024"], port=port) as listener:
        yield listener


@contextmanager
def proxied(
    target: Listener, *, delay_ms: float = 0, certificate: Path | None = None
) -> Iterator[Listener]:
    """A proxy before `target` (see bench/proxy.py): late answers, or TLS towards its clients."""
    port = free_port()
    command = [sys.executable, "-m", "bench.proxy", "--port", str(port)]
    command += ["--to", str(target.port), "--delay-ms", str(delay_ms)]
    if certificate:
        command += ["--certificate", str(certificate)]
    with _listening(command, port=port) as listener:
        yield listener


@contextmanager
def _listening(command: Sequence[str], *, port: int) -> Iterator[Listener]:
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_for(port, process)
        yield Listener(port, psutil.Process(process.pid))
    finally:
        process.kill()
        process.wait(10)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        if process.poll() is not None:
            break
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"Nothing answers on port {port}.")
