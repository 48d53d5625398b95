"""Child processes that end with their parent, even when that is killed with SIGKILL."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from local_stack.accounts import Account
from local_stack.errors import StartError

LAUNCHER = Path(__file__).with_name("become.py")


def start(
    command: Sequence[str],
    *,
    log: Path,
    death_signal: signal.Signals,
    account: Account | None = None,
) -> subprocess.Popen[bytes]:
    """Start a server in a session of its own, so that Ctrl-C reaches only us.

    `death_signal` is what Linux sends it when we die; its output is appended to `log`.
    """
    uid, gid = (account.uid, account.gid) if account else (-1, -1)
    launcher = [sys.executable, "-I", "-S", str(LAUNCHER)]
    tie = [str(os.getpid()), str(int(death_signal)), str(uid), str(gid)]
    with log.open("ab") as output:
        return subprocess.Popen(
            [*launcher, *tie, *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env=_environment(),
            cwd="/",
        )


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


def evict(pid: int, *, folder: Path, how: signal.Signals, patience: float = 30) -> None:
    """End the server that an earlier, killed run left working in `folder`, if `pid` is it."""
    if not _works_in(pid, folder):
        return
    os.kill(pid, how)
    deadline = time.monotonic() + patience
    while _works_in(pid, folder):
        if time.monotonic() > deadline:
            raise StartError(f"Process {pid} still uses {folder} and does not end. Stop it first.")
        time.sleep(0.05)


def tail(log: Path, lines: int = 12) -> str:
    """The end of a log, indented for a message."""
    text = log.read_text(errors="replace") if log.exists() else ""
    return "\n".join(f"    {line}" for line in text.splitlines()[-lines:])


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _works_in(pid: int, folder: Path) -> bool:
    """Whether process `pid` is alive and a server of `folder`, by its arguments or its place.

    Its place alone would not do: in a container, root may not read it of another user's process.
    """
    process = Path(f"/proc/{pid}")
    try:
        arguments = (process / "cmdline").read_bytes().split(b"\0")
        return bytes(folder) in arguments or (process / "cwd").resolve(strict=True) == folder
    except OSError:
        return False


def _environment() -> dict[str, str]:
    """Ours, without what would turn the servers away from the settings we pass."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}
