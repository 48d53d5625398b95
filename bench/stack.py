"""What the benchmarks run against: durable embedded servers and the Procfile's own processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from flask import Flask
from flask_migrate import upgrade

from bench.meter import Parties
from campaign_app import create_app
from config import Config
from local_stack import children, postgres, redis, supervise

ROOT = Path(__file__).parent.parent
ENCRYPTION_KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
WITHOUT_WEB = ("dispatch", "jobs", "beat")
PATIENCE = 45
"""Seconds that a process has to end in, as under the supervisor."""

Program = subprocess.Popen[bytes]


@dataclass
class Stack:
    """A running Carillon. Its web server is started only when it is asked for."""

    app: Flask
    folder: Path
    environment: dict[str, str]
    servers: dict[str, Path]
    """The files that hold the process numbers of PostgreSQL and Redis."""
    running: dict[str, list[Program]] = field(default_factory=dict)

    def start(
        self, name: str, *, number: int = 0, command: str | None = None, **more: str
    ) -> Program:
        """Start a program of the Procfile, which ends when we do; `more` is its environment's.

        A `command` takes the place of the Procfile's.
        """
        environment = {**os.environ, **self.environment, **more, "PROCESS_NUMBER": str(number)}
        environment["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        with (self.folder / f"{name}-{number}.log").open("ab") as log:
            process = subprocess.Popen(
                ["/bin/sh", "-c", f"exec {children.tied_to_parent(command or _command(name))}"],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # so that Ctrl-C reaches only us, and we end them in order
            )
        self.running.setdefault(name, []).append(process)
        return process

    def stop(self) -> None:
        """End every program, all at once: politely, then not."""
        processes = [process for group in self.running.values() for process in group]
        for process in processes:
            process.terminate()
        for process in processes:
            children.stop(process, signal.SIGTERM, patience=PATIENCE)

    def parties(self) -> Parties:
        """Whose CPU time is told apart; `rest` is the broker, beat and the other workers."""
        rest = [one for name in WITHOUT_WEB for one in self._programs(name)]
        return {
            "sender": self._programs("sending"),
            "database": [self._server("postgres")],
            "rest": [*rest, self._server("redis")],
        }

    def peak_memory(self) -> int:
        """The largest peak of resident memory of any sending process, in bytes."""
        return max(peak(process.pid) for process in self.running["sending"])

    def last_words(self) -> str:
        """The end of every program's log that holds anything."""
        logs = [log for log in sorted(self.folder.glob("*-*.log")) if log.stat().st_size]
        return "\n".join(f"{log.name}:\n{children.tail(log)}" for log in logs)

    def _programs(self, name: str) -> list[psutil.Process]:
        return [psutil.Process(process.pid) for process in self.running.get(name, [])]

    def _server(self, name: str) -> psutil.Process:
        return psutil.Process(int(self.servers[name].read_text().split()[0]))


@contextmanager
def running(*, sending: int, **more: str) -> Iterator[Stack]:
    """Start servers and workers in a temporary folder; end and remove them when the block ends.

    `sending` is how many sending processes there are; 0 starts no worker at all. `more` is put
    into the environment of all. The block runs inside the application's context.
    """
    signal.signal(signal.SIGTERM, _leave)
    with tempfile.TemporaryDirectory(prefix="carillon-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # as root, PostgreSQL's own user passes through
        (folder / "state").mkdir()
        with (
            postgres.Server(folder / "postgres") as database,
            redis.Server(folder / "redis") as broker,
        ):
            environment = _settings(database.url, broker.url, folder) | more
            environment["WORKERS"] = str(sending or 1)
            pid_files = {
                "postgres": database.data_dir / "postmaster.pid",
                "redis": folder / "redis" / "redis.pid",
            }
            app = create_app(Config.from_environ(environment))
            stack = Stack(app, folder, environment, pid_files)
            with app.app_context():
                upgrade(directory=str(ROOT / "migrations"))
                yield from _with_workers(stack, sending)


def _with_workers(stack: Stack, sending: int) -> Iterator[Stack]:
    try:
        for name in WITHOUT_WEB if sending else ():
            stack.start(name)
        for number in range(sending):
            stack.start("sending", number=number)
        yield stack
    except BaseException:
        print(stack.last_words(), file=sys.stderr)
        raise
    finally:
        stack.stop()


def _settings(database: str, broker: str, folder: Path) -> dict[str, str]:
    return {
        "ENVIRONMENT": "development",
        "SECRET_KEY": "bench only",
        "ENCRYPTION_KEYS": ENCRYPTION_KEY,
        "DATABASE_URL": database,
        "REDIS_URL": broker,
        "STATE_DIR": str(folder / "state"),
        "ALLOW_PRIVATE_HOSTS": "1",
        "LOG_LEVEL": "WARNING",
    }


def _command(name: str) -> str:
    """The Procfile's line of this name."""
    programs = supervise.read_procfile(ROOT / "Procfile", sending=1)
    return next(program.command for program in programs if program.name == name)


def peak(pid: int) -> int:
    """The largest resident memory that a process has had, in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    return 0


def _leave(*_: object) -> None:
    raise SystemExit("Told to stop.")
