"""A large file through the real web process: memory, a restart in mid-way, a slow neighbour."""

from __future__ import annotations

import hashlib
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pytest
import requests
from flask import Flask

from campaign_app.extensions import db
from campaign_app.services import tokens
from config import Config
from local_stack import children
from tests import factories
from tests.stack.workers import Workers

MEBIBYTE = 1024**2
SIZE = 300 * MEBIBYTE
HEAD = b"email,name\nana@example.com,Ana\n"
BLOCK = b"\n" * MEBIBYTE


@dataclass
class Web:
    """The Procfile's web process with one worker, and a token for its API."""

    processes: Workers
    url: str
    session: requests.Session
    campaign: int

    def start(self) -> None:
        port = self.url.rpartition(":")[2]
        self.processes.start("web", HOST="127.0.0.1", PORT=port, WEB_WORKERS="1")
        log = self.processes.folder / "web.log"
        children.wait_until(self._answers, self.processes.running["web"], log=log)

    def api(self, path: str, **body: object) -> dict:
        url = f"{self.url}/api/v1/campaigns/{self.campaign}/{path}"
        answer = self.session.post(url, json=body, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def memory(self) -> int:
        """Bytes of its own that the worker holds, the page cache left out."""
        (worker,) = psutil.Process(self.processes.running["web"].pid).children()
        return worker.memory_full_info().uss

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/healthz", timeout=5).ok
        except requests.RequestException:
            return False


@pytest.fixture
def web(live_app: Flask, tmp_path: Path) -> Iterator[Web]:
    own: Config = live_app.extensions["carillon_config"]
    url = f"http://127.0.0.1:{children.free_port()}"
    own = replace(own, public_url=url, state_dir=str(tmp_path / "state"))
    member = factories.membership()
    _, token = tokens.create(member.workspace, user=member.user, name="Shop")
    db.session.commit()
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {token}"
    campaign = factories.campaign(member.workspace).id
    db.session.remove()  # PostgreSQL ends a transaction that idles for a minute
    web = Web(Workers(own, tmp_path), url, session, campaign)
    web.start()
    with session:
        yield web
    web.processes.stop()


def part(number: int, size: int) -> bytes:
    """That part of a file of a header, a person, and very many empty lines."""
    length = min(size, SIZE - (number - 1) * size)
    whole = BLOCK * (length // MEBIBYTE + 1)
    return (HEAD + whole if number == 1 else whole)[:length]


@contextmanager
def watched(web: Web, peak: list[int]) -> Iterator[None]:
    """Note the most memory that the worker holds while the block lasts."""
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.05):
            peak.append(web.memory())

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def put(url: str, number: int, size: int) -> dict[str, object]:
    data = part(number, size)
    answer = requests.put(url, data=data, timeout=60)
    assert answer.status_code == 200, answer.text
    assert answer.headers["ETag"].strip('"') == hashlib.md5(data).hexdigest()
    return {"number": number, "etag": answer.headers["ETag"]}


@pytest.mark.stack
def test_300_megabytes_take_little_memory_and_outlive_the_server(web: Web):
    begun = web.api("upload/init", filename="people.csv", size=SIZE)
    size, urls, peak = begun["part_size"], begun["urls"], []
    before = web.memory()
    with watched(web, peak):
        parts = [put(url, n, size) for n, url in enumerate(urls[:20], start=1)]
    web.processes.kill("web", signal.SIGTERM)
    web.start()
    with watched(web, peak):
        parts += [put(url, n, size) for n, url in enumerate(urls[20:], start=21)]
        done = web.api("upload/complete", upload_id=begun["upload_id"], parts=parts)
    (kept,) = Path(web.processes.config.state_dir).glob("uploads/" + "?" * 32)
    assert kept.stat().st_size == SIZE
    assert done["import_id"]
    assert max(peak) - before < 50 * MEBIBYTE, f"{before:,} → {max(peak):,}"


@contextmanager
def crawling(urls: list[str], length: int) -> Iterator[None]:
    """Somebody sends one byte to each of these addresses, and then no more."""
    lines = []
    for url in urls:
        address, _, path = url.removeprefix("http://").partition("/")
        host, _, port = address.partition(":")
        line = socket.create_connection((host, int(port)))
        head = f"PUT /{path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n\r\n"
        line.sendall(head.encode() + b"x")
        lines.append(line)
    yield
    for line in lines:
        line.close()


@pytest.mark.stack
def test_pages_answer_while_parts_crawl(web: Web):
    begun = web.api("upload/init", filename="people.csv", size=SIZE)
    with crawling(begun["urls"][:12], begun["part_size"]):
        answers = [requests.get(f"{web.url}/login", timeout=20).status_code for _ in range(20)]
    assert answers == [200] * 20
