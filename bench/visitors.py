"""Somebody who watches a live page: asks again and again, and notes how long each answer took."""

from __future__ import annotations

import http.client
import os
import re
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context
from dataclasses import dataclass

from flask import Flask
from werkzeug.test import Client

from bench.stack import Stack
from local_stack.children import free_port

Visit = Callable[[str], None]
"""Asks for a path once. Raises SystemExit when the answer is not the page's."""
HOST = "127.0.0.1"
BROWSER = {"User-Agent": "bench"}
"""A session belongs to one."""


@dataclass(frozen=True)
class Timing:
    """How long answers took, in milliseconds."""

    median: float
    p95: float
    longest: float
    cpu: float
    """Of this process, a request: telling only where the server is this process."""


def measure(visit: Visit, path: str, *, times: int) -> Timing:
    """Ask for `path` so often, one after the other, after a few times that do not count."""
    for _ in range(5):
        visit(path)
    used, taken = time.process_time(), []
    for _ in range(times):
        began = time.perf_counter()
        visit(path)
        taken.append((time.perf_counter() - began) * 1000)
    cpu = (time.process_time() - used) * 1000 / times
    return Timing(statistics.median(taken), _percentile(taken, 95), max(taken), cpu)


def log_in(app: Flask, *, email: str, password: str) -> str:
    """Log in through the form; gives the cookie of the session."""
    client = Client(app)
    form = client.get("/login", headers=BROWSER).get_data(as_text=True)
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', form)
    said = {"email": email, "password": password, "csrf_token": token[1] if token else ""}
    answer = client.post("/login", data=said, headers=BROWSER)
    cookie = client.get_cookie(app.config["SESSION_COOKIE_NAME"])
    if answer.status_code != 302 or cookie is None:
        raise SystemExit(f"Logging in was answered with {answer.status_code}.")
    return f"{cookie.key}={cookie.value}"


def inside(app: Flask, cookie: str) -> Visit:
    """Asks the WSGI application in this process: what the server itself needs."""
    client = Client(app, use_cookies=False)

    def visit(path: str) -> None:
        # In a context of its own: a request inside ours would find our session's objects again.
        headers = {**BROWSER, "Cookie": cookie}
        response = Context().run(lambda: client.get(path, headers=headers))
        _check(path, response.status_code, response.get_data())

    return visit


@contextmanager
def outside(stack: Stack, cookie: str) -> Iterator[Visit]:
    """Asks the Procfile's web server over one connection that is kept open, as browsers do."""
    port = free_port()
    stack.start("web", HOST=HOST, PORT=str(port))
    connection = http.client.HTTPConnection(HOST, port, timeout=30)
    _wait_for(connection)

    def visit(path: str) -> None:
        try:
            status, body = _get(connection, path, cookie)
        except http.client.RemoteDisconnected:  # it had been idle for too long
            status, body = _get(connection, path, cookie)
        _check(path, status, body)

    try:
        yield visit
    finally:
        connection.close()


def _get(connection: http.client.HTTPConnection, path: str, cookie: str) -> tuple[int, bytes]:
    connection.request("GET", path, headers={**BROWSER, "Cookie": cookie})
    response = connection.getresponse()
    return response.status, response.read()


def wait_for_server(port: int) -> None:
    """Until something listens there."""
    connection = http.client.HTTPConnection(HOST, port, timeout=30)
    _wait_for(connection)
    connection.close()


def _wait_for(connection: http.client.HTTPConnection) -> None:
    for _ in range(300):
        try:
            connection.connect()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit("The web server does not answer.")


def _check(path: str, status: int, body: bytes) -> None:
    if status != 200 or not body:
        raise SystemExit(f"{path} answered {status}: {os.fsdecode(body[:300])}")


def _percentile(values: list[float], percent: int) -> float:
    return sorted(values)[min(len(values) - 1, len(values) * percent // 100)]
