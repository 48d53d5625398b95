"""The worker's connections, its rounds driven by hand: full houses, rude clients, a stop."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import ExitStack
from selectors import DefaultSelector

import pytest
from gunicorn import glogging
from gunicorn.config import Config

from campaign_app.lib.signing import Signer
from campaign_app.public.pixel import Pixel
from campaign_app.public.pixel_worker import PixelWorker
from campaign_app.tracking.buffer import Buffer

LOAD = b"GET /o/forged.gif HTTP/1.1\r\nHost: x\r\n\r\n"
MOST = 4


class Worker(PixelWorker):
    """One that listens, and whose rounds the test makes."""

    def __init__(self, listener: socket.socket) -> None:
        config = Config()
        config.set("worker_connections", MOST)
        super().__init__(1, 0, [listener], None, 30, config, glogging.Logger(config))
        self.poller = DefaultSelector()
        hits = Buffer(lambda hits: None)
        self._pixel = Pixel(signer=Signer("secret"), hits=hits, hops=0)
        self.poll_waiting()
        self.set_accept_enabled(enabled=True)

    def keep_all(self) -> None:
        """Keep every connection the way gunicorn does after it has served a page."""
        served: Future[bool] = Future()
        served.set_result(True)
        for conn in list(self.waiting.values()):
            self._forget(conn)
            conn.init()
            self.finish_request(conn, served)

    def turn(self, rounds: int = 4) -> None:
        for _ in range(rounds):
            self.wait_for_and_dispatch_events(0.05)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


@pytest.fixture
def worker(listener: socket.socket) -> Iterator[Worker]:
    made = Worker(listener)
    yield made
    for connection in (*made.waiting.values(), *made.keepalived_conns):
        connection.close()
    made.poller.close()
    made.tmp.close()


def connect(stack: ExitStack, listener: socket.socket) -> socket.socket:
    return stack.enter_context(socket.create_connection(listener.getsockname(), timeout=5))


@pytest.mark.parametrize("is_kept", [False, True], ids=["pixels alone", "after a page"])
def test_a_newcomer_takes_the_place_of_one_who_speaks_at_that_moment(
    worker: Worker, listener: socket.socket, *, is_kept: bool
):
    with ExitStack() as stack:
        crowd = [connect(stack, listener) for _ in range(MOST - 1)]
        worker.turn()
        if is_kept:
            worker.keep_all()
        newcomer = connect(stack, listener)
        for one in crowd:
            one.sendall(LOAD)
        worker.turn()
        newcomer.sendall(LOAD)
        worker.turn()
        assert newcomer.recv(1000).startswith(b"HTTP/1.1 200 OK")
        assert worker.nr_conns == len(worker.waiting) == MOST - 1


def test_a_client_that_reads_no_answers_is_dropped(worker: Worker, listener: socket.socket):
    with ExitStack() as stack:
        rude = connect(stack, listener)
        worker.turn()
        next(iter(worker.waiting.values())).sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        rude.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        for _ in range(100):
            rude.sendall(LOAD * 50)
            worker.turn()
            if not worker.waiting:
                break
        assert worker.nr_conns == 0


def test_a_stopping_worker_says_that_it_closes_the_connection(
    worker: Worker, listener: socket.socket
):
    with ExitStack() as stack:
        client = connect(stack, listener)
        worker.turn()
        worker.alive = False
        client.sendall(LOAD)
        worker.turn()
        assert b"\r\nConnection: close\r\n" in client.recv(1000)
        assert worker.nr_conns == 0
