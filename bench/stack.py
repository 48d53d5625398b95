"""What the benchmarks run against: durable embedded servers, real Celery workers, one workspace."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from flask import Flask
from flask_migrate import upgrade

from campaign_app import create_app
from config import Config
from local_stack import postgres, redis

ROOT = Path(__file__).parent.parent
ENCRYPTION_KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
QUEUES = {
    "dispatch": ("dispatch", "--pool", "solo"),
    "jobs": ("jobs", "--pool", "prefork", "--concurrency", "1"),
}


@dataclass
class Stack:
    """A running Carillon without its web server. `workers` are the sending processes."""

    app: Flask
    workers: list[subprocess.Popen[bytes]]
    postgres: psutil.Process

    def cpu_seconds(self) -> float:
        """CPU that the sending workers and the database have used so far."""
        trees = [psutil.Process(worker.pid) for worker in self.workers] + [self.postgres]
        return sum(_tree_seconds(tree) for tree in trees)

    def peak_memory(self) -> int:
        """The largest peak of resident memory of any sending worker, in bytes."""
        return max(_peak(worker.pid) for worker in self.workers)


def _tree_seconds(process: psutil.Process) -> float:
    total = 0.0
    for one in [process, *process.children(recursive=True)]:
        try:
            times = one.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def _peak(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    return 0


@contextmanager
def running(*, processes: int, threads: int = 48) -> Iterator[Stack]:
    """Start everything in a temporary folder, and end and remove it afterwards."""
    with tempfile.TemporaryDirectory(prefix="carillon-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with (
            postgres.Server(folder / "postgres") as database,
            redis.Server(folder / "redis") as broker,
        ):
            environment = {
                "ENVIRONMENT": "development",
                "SECRET_KEY": "bench only",
                "ENCRYPTION_KEYS": ENCRYPTION_KEY,
                "DATABASE_URL": database.url,
                "REDIS_URL": broker.url,
                "STATE_DIR": str(folder / "state"),
                "ALLOW_PRIVATE_HOSTS": "1",
                "LOG_LEVEL": "WARNING",
                "WORKERS": str(processes),
            }
            app = create_app(Config.from_environ(environment))
            with app.app_context():
                upgrade(directory=str(ROOT / "migrations"))
            yield from _with_workers(app, environment, folder, processes, threads)


def _with_workers(
    app: Flask, environment: dict[str, str], folder: Path, processes: int, threads: int
) -> Iterator[Stack]:
    sending = ("sending", "--pool", "threads", "--concurrency", str(threads))
    started = [_beat(environment, folder)]
    started += [
        _worker(queue, f"{queue[0]}@bench", environment, folder) for queue in QUEUES.values()
    ]
    workers = [
        _worker(sending, f"sending-{n}@bench", environment, folder) for n in range(processes)
    ]
    try:
        yield Stack(app, workers, _server_of(folder))
    finally:
        for process in [*workers, *started]:
            process.terminate()
        for process in [*workers, *started]:
            process.wait(45)


def _beat(environment: dict[str, str], folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "celery", "-A", "celery_worker", "beat"]
    command += ["--schedule", str(folder / "beat-schedule"), "--loglevel", "WARNING"]
    log = (folder / "beat.log").open("ab")
    return subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **environment}, stdout=log, stderr=log
    )


def _worker(
    queue: tuple[str, ...], name: str, environment: dict[str, str], folder: Path
) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "celery", "-A", "celery_worker", "worker", "-Q", *queue]
    command += ["-n", name, "--without-gossip", "--without-mingle", "--loglevel", "WARNING"]
    log = (folder / f"{name}.log").open("ab")
    return subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **environment}, stdout=log, stderr=log
    )


def _server_of(folder: Path) -> psutil.Process:
    pid = int((folder / "postgres" / "postmaster.pid").read_text().split()[0])
    return psutil.Process(pid)


def free_port() -> int:
    """A port of the loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def child(command: list[str], *, port: int) -> Iterator[psutil.Process]:
    """A helper process, from when its port answers until the block ends."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port)
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(port: int) -> None:
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"Nothing answers on port {port}.")
