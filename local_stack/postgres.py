"""A real PostgreSQL of our own: made, started, used, stopped, wherever we were cloned.

with Server(Path("var/postgres")) as server:
    psycopg2.connect(server.url)
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection

from local_stack import accounts, children
from local_stack.accounts import Account
from local_stack.errors import StartError

USER = "carillon"
LONGEST_SOCKET_FOLDER = 85
"""Bytes; a socket's whole path may have 107 (unix(7)), and `.s.PGSQL.5432.lock` is part of it."""

LAUNCHES = 5

MEMORY_MB = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1024**2

DURABLE = {
    # An eighth of the machine: while a million messages are planned, whatever finds no room has to
    # be written out in between (256 MB: 33 s, 1 GB: 23 s, on a busy machine).
    "shared_buffers": f"{min(max(MEMORY_MB // 8, 128), 1024)}MB",
    "effective_cache_size": "1GB",
    "work_mem": "8MB",
    "maintenance_work_mem": "128MB",
    # The two connections that plan a campaign write their log faster than it reaches the disk: with
    # 16 MB every tenth look found them waiting for room in here.
    "wal_buffers": "64MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "max_connections": "200",
    "synchronous_commit": "on",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
"""For people's data on a small machine: nothing that answered "committed" is ever lost."""

THROWAWAY = DURABLE | {
    "shared_buffers": "128MB",
    "wal_buffers": "-1",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}
"""For tests: fast, and worthless after a power cut."""


class Server:
    """A PostgreSQL on a unix socket that only its owner (and root) can open."""

    def __init__(
        self, data_dir: Path, *, settings: Mapping[str, str] = DURABLE, database: str = "carillon"
    ) -> None:
        self._asked_dir = data_dir.absolute()
        self._settings = settings
        self._database = database
        self._account: Account | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self.data_dir = self._asked_dir
        self._socket_dir: Path | None = None
        self.log = self._asked_dir.with_name("postgres.log")

    @property
    def url(self) -> str:
        """`postgresql://…` of the server's own database."""
        return self.url_of(self._database)

    def url_of(self, database: str) -> str:
        """`postgresql://…` of another database on this server."""
        return f"postgresql://{USER}@/{quote(database)}?host={self._socket_dir}&port=5432"

    def start(self) -> None:
        """Make the data folder if it is missing, start the server, create its database.

        Raises StartError, with the end of the server's log, if it does not come up.
        """
        self._account = accounts.for_postgres()
        binaries = accounts.postgres_binaries(self._account)
        self._asked_dir.parent.mkdir(parents=True, exist_ok=True)
        self._refuse_foreign_data()
        self.data_dir = accounts.reachable_data_dir(self._asked_dir, self._account)
        if not (self.data_dir / "PG_VERSION").exists():
            self._initialise(binaries)
        self._clear_the_way()
        try:
            self._launch(binaries)
        except StartError:
            self.stop()
            raise
        if not self._has_database(self._database):
            self.create_database(self._database)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """PostgreSQL's fast shutdown: sessions are ended, everything is written, then it leaves.

        SIGQUIT is its immediate shutdown: nothing is written, and the next start recovers.
        """
        if self._process is not None:
            children.stop(self._process, how)
            self._process = None
        if self._socket_dir is not None and self._socket_dir != self.data_dir:
            shutil.rmtree(self._socket_dir, ignore_errors=True)
        self._socket_dir = None

    def is_alive(self) -> bool:
        """Whether the server's process still runs."""
        return self._process is not None and self._process.poll() is None

    def create_database(self, name: str, *, template: str | None = None) -> str:
        """Create a database, as a copy of `template` if one is given, and give its URL."""
        statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        if template is not None:
            # Files are copied in two thirds of the time that it takes to log them block by block.
            copied = sql.SQL(" TEMPLATE {} STRATEGY FILE_COPY")
            statement += copied.format(sql.Identifier(template))
        with closing(self._connect()) as maintenance, maintenance.cursor() as cursor:
            cursor.execute(statement)
        return self.url_of(name)

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _connect(self) -> connection:
        maintenance = psycopg2.connect(self.url_of("postgres"))
        maintenance.autocommit = True
        return maintenance

    def _has_database(self, name: str) -> bool:
        with closing(self._connect()) as maintenance, maintenance.cursor() as cursor:
            cursor.execute("SELECT FROM pg_database WHERE datname = %s", (name,))
            return cursor.rowcount == 1

    def _answers(self) -> bool:
        try:
            self._connect().close()
        except psycopg2.OperationalError:
            return False
        return True

    def _refuse_foreign_data(self) -> None:
        """Say at once what PostgreSQL would say obscurely: this data is another user's."""
        if not os.path.lexists(self._asked_dir):
            return
        owner = self._asked_dir.lstat().st_uid
        welcome = {os.geteuid()} if self._account is None else {0, self._account.uid}
        if owner not in welcome:
            raise StartError(
                f"{self._asked_dir} belongs to another user (number {owner}), from an earlier "
                "run. Run as that user again, remove the folder, or choose another STATE_DIR."
            )

    def _initialise(self, binaries: Path) -> None:
        """Run initdb beside the data folder and move it in place: half a cluster never stands."""
        fresh = self.data_dir.with_name(f"{self.data_dir.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        if self._account is not None:
            self._account.give(fresh)
        made = accounts.run_as(self._account, *self._initdb(binaries, fresh))
        if made.returncode != 0:
            raise StartError(f"initdb failed:\n{made.stdout}{made.stderr}")
        fresh.rename(self.data_dir)

    def _initdb(self, binaries: Path, folder: Path) -> list[str]:
        """initdb with the built-in locale: the same order and case rules on every machine."""
        command = [str(binaries / "initdb"), "-D", str(folder), "-U", USER, "--auth=trust"]
        command += ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin"]
        command += ["--builtin-locale=C.UTF-8", "--no-instructions"]
        return [*command, "--no-sync"] if self._settings.get("fsync") == "off" else command

    def _clear_the_way(self) -> None:
        """End a server that a killed run left behind, and forget a dead one's pid.

        A pid file whose number another program has by now would keep PostgreSQL from starting.
        """
        pid_file = self.data_dir / "postmaster.pid"
        if not pid_file.exists() or not Path("/proc/self").exists():
            return
        children.evict(int(pid_file.read_text().split()[0]), mark=self.data_dir, how=signal.SIGINT)
        pid_file.unlink(missing_ok=True)

    def _launch(self, binaries: Path) -> None:
        """Start it, again if the orphans of a killed server still hold its shared memory."""
        self._choose_socket()
        for attempt in range(LAUNCHES):
            self._process = children.start(
                self._command(binaries),
                log=self.log,
                death_signal=signal.SIGINT,
                account=self._account,
            )
            try:
                children.wait_until(self._answers, self._process, log=self.log)
            except StartError as error:
                if attempt + 1 == LAUNCHES or "shared memory block" not in str(error):
                    raise
                time.sleep(1)
            else:
                return

    def _command(self, binaries: Path) -> list[str]:
        command = [str(binaries / "postgres"), "-D", str(self.data_dir)]
        settings = dict(self._settings)
        settings |= {"listen_addresses": "", "unix_socket_directories": str(self._socket_dir)}
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        return command

    def _choose_socket(self) -> None:
        """The data folder holds the socket too, unless its path is too long or needs quoting.

        Chosen once, so that `url` outlives a restart of the server.
        """
        if self._socket_dir is not None:
            return
        path = str(self.data_dir)
        if len(path.encode()) <= LONGEST_SOCKET_FOLDER and re.fullmatch(
            r"[\w/.-]+", path, re.ASCII
        ):
            self._socket_dir = self.data_dir
            return
        self._socket_dir = Path(tempfile.mkdtemp(prefix="carillon-", dir="/tmp"))
        if self._account is not None:
            self._account.give(self._socket_dir)


@contextmanager
def temporary() -> Iterator[Server]:
    """A throwaway server in a new folder, gone afterwards: what the tests run on."""
    folder = Path(tempfile.mkdtemp(prefix="carillon-test-"))
    folder.chmod(0o711)  # as root, PostgreSQL's own user passes through
    server = Server(folder / "postgres", settings=THROWAWAY)
    try:
        with server:
            yield server
    finally:
        shutil.rmtree(server.data_dir, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)
