"""Real Celery workers and beat, started from the Procfile against a test's own database."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path

from config import Config

ROOT = Path(__file__).parents[2]
PATIENCE = 40
"""Seconds a process has to end in, as under the supervisor."""


@dataclass
class Workers:
    """The processes of a stack, by their names in the Procfile; `sending` may be there twice."""

    config: Config
    folder: Path
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, *, number: int = 0, **more: str) -> None:
        """Start a process of the Procfile; `number` tells several sending workers apart.

        `more` is set in its environment besides the settings: the web's PORT, say.
        """
        key = f"{name}-{number}" if number else name
        own = {"PROCESS_NUMBER": str(number), **more}
        with (self.folder / f"{key}.log").open("ab") as log:
            self.running[key] = subprocess.Popen(
                ["/bin/sh", "-c", f"exec {commands()[name]}"],
                cwd=ROOT,
                env=os.environ | environment(self.config) | own,
                stdout=log,
                stderr=log,
            )

    def kill(self, key: str, how: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to one of the processes and, but for a stop, wait for its end."""
        process = self.running[key]
        process.send_signal(how)
        if how not in (signal.SIGSTOP, signal.SIGCONT):
            process.wait(PATIENCE)
            del self.running[key]

    def stop(self) -> None:
        """End every process: politely, then not."""
        for process in self.running.values():
            process.send_signal(signal.SIGCONT)
            process.terminate()
        for process in self.running.values():
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def logs(self) -> str:
        """What the processes said, for a failing test's message."""
        return "\n".join(path.read_text()[-3000:] for path in self.folder.glob("*.log"))


def commands() -> dict[str, str]:
    """The Procfile: a shell command by each process's name."""
    lines = (ROOT / "Procfile").read_text().splitlines()
    pairs = (line.split(":", 1) for line in lines if ":" in line)
    return {name.strip(): command.strip() for name, command in pairs}


def environment(config: Config) -> dict[str, str]:
    """The settings as environment variables, and the virtual environment's programs first."""
    values = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    for one in fields(config):
        value = getattr(config, one.name)
        values[one.name.upper()] = str(int(value)) if isinstance(value, bool) else str(value)
    return values


@contextmanager
def workers(
    config: Config, folder: Path, *, sending: int = 1, jobs: bool = True
) -> Iterator[Workers]:
    """Dispatcher, jobs, beat and so many sending workers, while the block lasts."""
    stack = Workers(config, folder)
    for name in ("dispatch", "beat", "jobs") if jobs else ("dispatch", "beat"):
        stack.start(name)
    for number in range(1, sending + 1):
        stack.start("sending", number=number)
    try:
        yield stack
    finally:
        stack.stop()
