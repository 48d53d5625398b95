"""Child processes that end with their parent, even when that is killed with SIGKILL."""

from __future__ import annotations

import contextlib
import os
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from local_stack.accounts import Account
from local_stack.errors import StartError

FIRST_PORT, PORTS = 20_000, 12_000
LAUNCHER = (sys.executable, "-I", "-S", str(Path(__file__).with_name("become.py")))


def start(
    command: Sequence[str],
    *,
    log: Path,
    death_signal: signal.Signals,
    account: Account | None = None,
    environment: Mapping[str, str] = os.environ,
) -> subprocess.Popen[bytes]:
    """Start a server in a session of its own, so that Ctrl-C reaches only us.

    `death_signal` is what Linux sends it when we die; its output is appended to `log`.
    """
    uid, gid = (account.uid, account.gid) if account else (-1, -1)
    tie = [str(number) for number in (os.getpid(), int(death_signal), uid, gid)]
    with log.open("ab") as output:
        return subprocess.Popen(
            [*LAUNCHER, *tie, *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env=_without_postgres(environment),
            cwd="/",
        )


def tied_to_parent(command: str) -> str:
    """A shell command that a supervisor can start and that gets SIGTERM if that supervisor dies."""
    tie = ("0", str(int(signal.SIGTERM)), "-1", "-1")
    return shlex.join([*LAUNCHER, *tie, "/bin/sh", "-c", f"exec {command}"])


def stop(process: subprocess.Popen[bytes], how: signal.Signals, *, patience: float = 30) -> None:
    """Ask a child to end with signal `how`; after `patience` seconds, SIGKILL."""
    if process.poll() is None:
        process.send_signal(how)
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_until(
    ready: Callable[[], bool], process: subprocess.Popen[bytes], *, log: Path, patience: float = 60
) -> None:
    """Wait until `ready()` is true; raise StartError with the end of the log if it never is."""
    deadline = time.monotonic() + patience
    while process.poll() is None:
        if ready():
            return
        if time.monotonic() > deadline:
            raise StartError(f"{log.stem} did not answer within {patience:.0f} s:\n{tail(log)}")
        time.sleep(0.02)
    raise StartError(f"{log.stem} ended with status {process.returncode}:\n{tail(log)}")


def evict(pid: int, *, mark: Path, how: signal.Signals, patience: float = 30) -> None:
    """End the server that an earlier, killed run left working on `mark`, if `pid` is it."""
    if not _works_on(pid, mark):
        return
    os.kill(pid, how)
    deadline = time.monotonic() + patience
    while _works_on(pid, mark):
        if time.monotonic() > deadline:
            raise StartError(f"Process {pid} still uses {mark} and does not end. Stop it first.")
        time.sleep(0.05)


def tail(log: Path, lines: int = 12) -> str:
    """The end of a log, indented for a message."""
    text = log.read_text(errors="replace") if log.exists() else ""
    return "\n".join(f"    {line}" for line in text.splitlines()[-lines:])


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on at this moment.

    It is none of those that Linux gives to whoever connects (32,768 and more): somebody might have
    it before a server does, or while that is started again.
    """
    while True:
        port = FIRST_PORT + secrets.randbelow(PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _works_on(pid: int, mark: Path) -> bool:
    """Whether process `pid` is alive and has the path `mark` as an argument or as its place.

    Its place alone would not do: in a container, root may not read it of another user's process.
    """
    process = Path(f"/proc/{pid}")
    try:
        arguments = (process / "cmdline").read_bytes().split(b"\0")
        return bytes(mark) in arguments or (process / "cwd").resolve(strict=True) == mark
    except OSError:
        return False


def _without_postgres(environment: Mapping[str, str]) -> dict[str, str]:
    """Without PGDATA and its like, which would turn the servers from the settings we pass."""
    return {name: value for name, value in environment.items() if not name.startswith("PG")}
