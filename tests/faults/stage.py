"""The servers a fault row may break: a PostgreSQL and a Redis of the fault suite's own."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from redis import Redis

from config import Config
from local_stack import postgres
from local_stack import redis as redis_server
from tests import databases
from tests.faults.tables import Tables
from tests.stack.workers import ROOT, environment

SETTINGS = postgres.THROWAWAY | {"synchronous_commit": "on", "full_page_writes": "on"}
"""What answered "committed" survives the server's death: only a power cut could take it."""

_numbers = itertools.count(1)


@dataclass
class Stage:
    """One PostgreSQL, one Redis, a fresh database for every scene. Each may be stopped at will."""

    postgres: postgres.Server
    redis: redis_server.Server

    @property
    def keys(self) -> Redis:
        """A client of the Redis."""
        return Redis.from_url(self.redis.url)

    def listeners(self) -> int:
        """How many workers wait for a doorbell at this moment."""
        return sum(client["cmd"] == "brpop" for client in self.keys.client_list())

    def config(self, database_url: str, folder: Path) -> Config:
        """The settings of processes that work on this database, with their state in `folder`."""
        return databases.config(database_url, self.redis.url, state_dir=str(folder))

    def database(self) -> Tables:
        """A new database, migrated and empty."""
        return Tables(databases.copy(self.postgres, f"scene_{next(_numbers)}"))

    def mend(self) -> None:
        """Start what an earlier scene left broken, and forget what Redis holds."""
        for server in (self.postgres, self.redis):
            if not server.is_alive():
                server.start()
        self.keys.flushall()

    def restart_postgres(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop (SIGINT fast, SIGQUIT at once and with a recovery) and start PostgreSQL."""
        self.postgres.stop(how)
        self.postgres.start()

    @contextmanager
    def frozen_postgres(self) -> Iterator[None]:
        """Nothing in PostgreSQL moves while the block lasts: no answer, and no refusal either."""
        server = int((self.postgres.data_dir / "postmaster.pid").read_text().split()[0])
        processes = [server, *_children(server)]
        for pid in processes:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in reversed(processes):
                os.kill(pid, signal.SIGCONT)


@contextmanager
def stage() -> Iterator[Stage]:
    """The servers, with a migrated template for their databases, while the block lasts."""
    folder = Path(tempfile.mkdtemp(prefix="carillon-test-"))
    folder.chmod(0o711)  # as root, PostgreSQL's own user passes through
    database = postgres.Server(folder / "postgres", settings=SETTINGS)
    try:
        with database, redis_server.Server(folder / "redis", durable=False) as keys:
            play = Stage(database, keys)
            _migrate(play, folder)
            yield play
    finally:
        shutil.rmtree(database.data_dir, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)


def _children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in listed.split()]


def _migrate(play: Stage, folder: Path) -> None:
    """In a process of its own: an application made here would be taken for the other tests'."""
    settings = play.config(play.postgres.create_database(databases.TEMPLATE), folder)
    subprocess.run(
        [shutil.which("flask", path=environment(settings)["PATH"]) or "flask", "db", "upgrade"],
        cwd=ROOT,
        env={**os.environ, **environment(settings)},
        check=True,
        capture_output=True,
    )
