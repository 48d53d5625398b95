"""`bin/run`: set up and start everything, say where it is, stop it cleanly.

The order is PostgreSQL, Redis, migrations, the demo workspace, then the Procfile's processes and
the mail catcher under supervisor; it stops the other way round.
"""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import deque
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import psycopg2

from local_stack import children, postgres, redis, settings, state, supervise
from local_stack.errors import StartError
from local_stack.state import State

ROOT = Path(__file__).resolve().parent.parent
DEMO_EMAIL = "demo@carillon.example"
START_SECONDS = 180
REVIVALS_A_MINUTE = 3


class Stopped(BaseException):
    """Ctrl-C, SIGTERM or the end of the terminal: not an error."""


class Stack:
    """Everything that `bin/run` starts. `cleanup` learns how to stop each part before it starts."""

    def __init__(self, cleanup: ExitStack) -> None:
        self._cleanup = cleanup
        self._state = State(Path(os.environ.get("STATE_DIR") or ROOT / "var"))
        cleanup.callback(self._state.close)
        self._supervisor = supervise.Supervisor(
            self._state.folder, self._state.logs, directory=ROOT, as_root=os.geteuid() == 0
        )
        self._supervisor.evict()
        self._port = settings.web_port(os.environ)
        self._settings = settings.build(os.environ, self._state, port=self._port)
        self._environment = {**os.environ, **self._settings}
        self._embedded: dict[str, postgres.Server | redis.Server] = {}
        self._revivals: deque[float] = deque(maxlen=REVIVALS_A_MINUTE)
        self.password = self._state.remember("demo_password", state.new_password)

    def start(self) -> None:
        """Start all of it and wait until it is ready. Raises StartError."""
        self._start_servers()
        data = self._state.folder / "postgres"
        if data.is_symlink():
            say(f"(its user cannot enter {data.parent}: the data is in {data.resolve()})")
        self._state.publish(self._settings)
        if not _is_current(self._settings["DATABASE_URL"]):
            say("Bringing the database up to date…")
            self._set_up("db", "upgrade")
        self._make_demo()
        say("Starting the web server and the workers…")
        self._cleanup.callback(self._supervisor.stop)
        self._supervisor.start(self._programs(), self._environment)
        for path in ("/healthz", "/readyz"):
            self._wait_for(path)

    def announce(self) -> None:
        """Tell the newcomer where everything is."""
        url = self._settings["PUBLIC_URL"]
        say("")
        say(f"Carillon is running:  {url}")
        say(f"Log in as             {DEMO_EMAIL}  with the password  {self.password}")
        say(f"Mail it sends         {url}/dev/mailbox/")
        say(f"Logs                  {self._state.logs}")
        say("Ctrl-C stops everything.")

    def watch(self) -> None:
        """Keep the embedded servers alive until somebody stops us. Raises StartError."""
        while self._supervisor.is_alive():
            for name, server in self._embedded.items():
                if not server.is_alive():
                    self._revive(name, server)
            time.sleep(0.5)
        log = self._state.logs / "supervisord.log"
        raise StartError(f"supervisord ended unexpectedly:\n{children.tail(log)}")

    def flask(self, *arguments: str) -> int:
        """Run a Flask command in the stack's environment and give its status."""
        return subprocess.run(
            self._flask(*arguments), cwd=ROOT, env=self._environment, check=False
        ).returncode

    def _start_servers(self) -> None:
        wanted: list[tuple[str, str, postgres.Server | redis.Server]] = [
            ("PostgreSQL", "DATABASE_URL", self._postgres()),
            ("Redis", "REDIS_URL", redis.Server(self._state.folder / "redis")),
        ]
        for name, variable, server in wanted:
            if self._environment.get(variable):
                continue
            say(f"Starting {name}…")
            server.log = self._state.logs / server.log.name
            self._cleanup.callback(server.stop)
            server.start()
            self._embedded[name] = server
            self._settings[variable] = self._environment[variable] = server.url

    def _postgres(self) -> postgres.Server:
        """With room for every pool: 16 connections for each sending process, 120 for the others."""
        sending = settings.sending_processes(os.environ)
        connections = max(200, 120 + 16 * sending)
        return postgres.Server(
            self._state.folder / "postgres",
            settings=postgres.DURABLE | {"max_connections": str(connections)},
        )

    def _revive(self, name: str, server: postgres.Server | redis.Server) -> None:
        """Start a server that died again, but not for ever."""
        now = time.monotonic()
        if len(self._revivals) == REVIVALS_A_MINUTE and now - self._revivals[0] < 60:
            raise StartError(f"{name} keeps ending:\n{children.tail(server.log)}")
        self._revivals.append(now)
        say(f"{name} ended unexpectedly: starting it again.")
        server.start()

    def _programs(self) -> list[supervise.Program]:
        """The mail catcher first, so that it stops last: nobody loses the mail under way."""
        catcher = f"{shlex.quote(sys.executable)} -m local_stack.smtp"
        sending = settings.sending_processes(os.environ)
        return [
            supervise.Program("mailbox", catcher, priority=1),
            *supervise.read_procfile(ROOT / "Procfile", sending=sending),
        ]

    def _make_demo(self) -> None:
        """Once for each STATE_DIR, so that what its user deletes stays deleted."""
        done = self._state.folder / "demo_made"
        if not done.exists():
            say("Making the demo workspace…")
            self._set_up("demo", "create", "--email", DEMO_EMAIL, "--password", self.password)
            done.touch()

    def _set_up(self, *arguments: str) -> None:
        """Run a Flask command silently; raise StartError with its words if it fails."""
        made = subprocess.run(
            self._flask(*arguments),
            cwd=ROOT,
            env=self._environment,
            check=False,
            capture_output=True,
            text=True,
        )
        log = self._state.logs / "setup.log"
        log.write_text(made.stdout + made.stderr)
        if made.returncode != 0:
            command = " ".join(arguments[:2])
            raise StartError(f"`flask {command}` failed:\n{children.tail(log, lines=30)}")

    def _flask(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "flask", "--app", "wsgi", *arguments]

    def _wait_for(self, path: str) -> None:
        url = f"http://{settings.reachable(self._settings['HOST'])}:{self._port}{path}"
        deadline = time.monotonic() + START_SECONDS
        while not _answers(url):
            if time.monotonic() > deadline or not self._supervisor.is_alive():
                log = self._state.logs / "web-0.log"
                raise StartError(f"{path} does not answer:\n{children.tail(log, lines=30)}")
            time.sleep(0.1)


def say(line: str) -> None:
    """Print now, also into a pipe; a terminal that has gone must not keep us from stopping."""
    with suppress(OSError):
        print(line, flush=True)


def main() -> int:
    """Run until stopped, or with --send-demo until the demo campaign has been sent."""
    parser = argparse.ArgumentParser(prog="bin/run", description=__doc__)
    parser.add_argument(
        "--send-demo", action="store_true", help="send the demo campaign, print the totals, stop"
    )
    send_demo = parser.parse_args().send_demo
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    try:
        with ExitStack() as cleanup:
            return _serve(cleanup, send_demo=send_demo)
    except StartError as error:
        print(error, file=sys.stderr)
        return 1
    except Stopped:
        return 0


def _serve(cleanup: ExitStack, *, send_demo: bool) -> int:
    stack = Stack(cleanup)
    try:
        stack.start()
        if send_demo:
            return stack.flask("demo", "send")
        stack.announce()
        stack.watch()
    finally:
        say("Stopping…")
    return 0


def _stop(number: int, frame: object) -> None:
    """Stop once: a second Ctrl-C must not cut the clean stop short."""
    del number, frame
    for heard in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(heard, signal.SIG_IGN)
    raise Stopped


def _is_current(database_url: str) -> bool:
    """Whether the newest migration has run: asking Alembic would take two seconds of imports."""
    files = (ROOT / "migrations" / "versions").glob("[0-9]*.py")
    newest = max(file.name.partition("_")[0] for file in files)
    try:
        with closing(psycopg2.connect(database_url)) as database, database.cursor() as cursor:
            cursor.execute("SELECT version_num FROM alembic_version")
            return cursor.fetchall() == [(newest,)]
    except psycopg2.Error:  # an empty database, or an address only SQLAlchemy understands
        return False


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310  # our own http URL
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


if __name__ == "__main__":
    sys.exit(main())
