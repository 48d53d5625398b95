"""The Procfile's web server from outside: pixels and pages over one port, and slow clients."""

from __future__ import annotations

import http.client
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace

import psutil
import pytest
from flask import Flask
from sqlalchemy import text

from campaign_app import create_app
from campaign_app.extensions import db
from config import Config
from local_stack import children, postgres
from tests import databases, factories
from tests.stack.workers import Workers

pytestmark = pytest.mark.stack
HOST = "127.0.0.1"
FIELDS = "Host: x\r\nUser-Agent: Mozilla/5.0 (X11) Firefox/140.0\r\n"
THREADS = 8
OPENS = text("SELECT sum(times) FROM open_events WHERE message_id = :message")


@dataclass
class Web:
    """A running web server with one process, beside an application on the same database."""

    processes: Workers
    port: int
    app: Flask

    def start(self) -> None:
        self.processes.start("web", HOST=HOST, PORT=str(self.port), WEB_WORKERS="1")
        log = self.processes.folder / "web.log"
        children.wait_until(self._listens, self.processes.running["web"], log=log)

    def stop(self) -> None:
        """Tell it to stop, and wait until it has; the next test finds it started again."""
        self.processes.kill("web", signal.SIGTERM)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((HOST, self.port)) == 0

    def connect(self) -> socket.socket:
        return socket.create_connection((HOST, self.port), timeout=60)

    def cpu_seconds(self) -> float:
        master = psutil.Process(self.processes.running["web"].pid)
        times = [process.cpu_times() for process in (master, *master.children(recursive=True))]
        return sum(one.user + one.system for one in times)


@dataclass
class Mail:
    """A mail that was sent an hour ago."""

    number: int
    token: str

    def load(self, *, version: str = "1.1", more: str = "") -> bytes:
        """The bytes of a request for its pixel."""
        return f"GET /o/{self.token}.gif HTTP/{version}\r\n{FIELDS}{more}\r\n".encode()

    def opens(self, expected: int, *, within: float = 60) -> int:
        """How often it was opened; waits so many seconds for what is expected."""
        deadline = time.monotonic() + within
        while True:
            count = db.session.execute(OPENS, {"message": self.number}).scalar() or 0
            db.session.rollback()
            if count >= expected or time.monotonic() > deadline:
                return count
            time.sleep(0.05)


@pytest.fixture(scope="module")
def web(
    config: Config, postgres_server: postgres.Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Web]:
    folder = tmp_path_factory.mktemp("web")
    url = databases.copy(postgres_server, "pixel_worker")
    own = replace(config, database_url=url, state_dir=str(folder))
    app, processes = create_app(own), Workers(own, folder)
    with app.app_context():
        try:
            yield Web(processes, children.free_port(), app)
        finally:
            processes.stop()
            db.engine.dispose()


@pytest.fixture
def mail(web: Web) -> Mail:
    if "web" not in web.processes.running:
        web.start()
    workspace = factories.workspace()
    number = factories.message(factories.campaign(workspace), factories.recipient(workspace)).id
    return Mail(number, web.app.extensions["signer"].sign(number))


def answer(connection: socket.socket) -> http.client.HTTPResponse:
    response = http.client.HTTPResponse(connection)
    response.begin()
    response.body = response.read()
    return response


def test_pixels_and_pages_take_turns_on_one_connection(web: Web, mail: Mail):
    with web.connect() as connection:
        for path in ("pixel", "/healthz", "pixel", "/healthz", "pixel"):
            is_pixel = path == "pixel"
            request = mail.load() if is_pixel else f"GET {path} HTTP/1.1\r\n{FIELDS}\r\n".encode()
            connection.sendall(request)
            response = answer(connection)
            assert response.status == 200
            assert response.body.startswith(b"GIF89a") is is_pixel
    assert mail.opens(3) == 3


def test_two_requests_sent_at_once_get_two_answers(web: Web, mail: Mail):
    with web.connect() as connection:
        connection.sendall(mail.load() + mail.load(more="Connection: close\r\n"))
        data = b"".join(iter(lambda: connection.recv(65536), b""))
    assert data.count(b"HTTP/1.1 200 OK") == 2
    assert mail.opens(2) == 2


@pytest.mark.parametrize("is_page_first", [False, True])
def test_a_page_and_a_pixel_sent_at_once_get_two_answers(
    web: Web, mail: Mail, *, is_page_first: bool
):
    page = "POST /healthz HTTP/1.1\r\nContent-Length: 4\r\n{}\r\nbody"
    with web.connect() as connection:
        if is_page_first:
            connection.sendall(page.format("").encode() + mail.load(more="Connection: close\r\n"))
        else:
            connection.sendall(mail.load() + page.format("Connection: close\r\n").encode())
        data = b"".join(iter(lambda: connection.recv(65536), b""))
    assert data.count(b"HTTP/1.1 ") == 2
    assert data.count(b"GIF89a") == mail.opens(1) == 1


@pytest.mark.parametrize("request_line", ["HEAD /o/{}.gif", "GET /o/{}.gif?mail=7"])
def test_unusual_requests_for_it_are_counted_as_well(web: Web, mail: Mail, request_line: str):
    with web.connect() as connection:
        line = request_line.format(mail.token)
        connection.sendall(f"{line} HTTP/1.1\r\n{FIELDS}Connection: close\r\n\r\n".encode())
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 OK")
    assert mail.opens(1) == 1


def test_an_old_client_gets_its_answer_and_the_end(web: Web, mail: Mail):
    with web.connect() as connection:
        connection.sendall(mail.load(version="1.0"))
        data = b"".join(iter(lambda: connection.recv(65536), b""))
    assert b"Connection: close" in data


def test_heads_in_drips_hold_no_thread_and_are_answered_in_the_end(web: Web, mail: Mail):
    with ExitStack() as stack:
        slow = [stack.enter_context(web.connect()) for _ in range(THREADS * 3)]
        for connection in slow:
            connection.sendall(mail.load()[:40])
        with web.connect() as other:
            other.settimeout(8)  # the others are shown the door after ten seconds
            other.sendall(f"GET /healthz HTTP/1.1\r\n{FIELDS}\r\n".encode())
            assert answer(other).status == 200
        for connection in slow:
            connection.sendall(mail.load()[40:])
            assert answer(connection).body.startswith(b"GIF89a")
    assert mail.opens(len(slow)) == len(slow)


def test_whoever_never_ends_a_head_is_shown_the_door(web: Web, mail: Mail):
    with web.connect() as connection:
        connection.sendall(mail.load()[:-2])
        with suppress(ConnectionResetError):
            assert connection.recv(100) == b""  # after ten seconds


def test_clients_that_leave_in_the_middle_do_no_harm(web: Web, mail: Mail):
    for part in (b"", mail.load()[:3], mail.load()[:-1], mail.load()):
        with web.connect() as connection:
            connection.sendall(part)
    before = web.cpu_seconds()
    time.sleep(1)
    assert web.cpu_seconds() - before < 0.5, "A worker spins on a connection that is gone."
    with web.connect() as connection:
        connection.sendall(mail.load())
        assert answer(connection).status == 200


def test_a_load_is_in_the_database_within_seconds(web: Web, mail: Mail):
    with web.connect() as connection:
        connection.sendall(mail.load())
        answer(connection)
        assert mail.opens(1, within=20) == 1


def test_the_last_loads_are_written_when_the_server_is_told_to_stop(web: Web, mail: Mail):
    with web.connect() as connection:
        for _ in range(50):
            connection.sendall(mail.load())
            assert answer(connection).status == 200
        web.stop()
    assert mail.opens(50, within=0) == 50
