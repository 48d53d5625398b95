"""Mail programs that load pixels as fast as they get them, in a process of its own.

    python -m bench.mail_programs PORT CONNECTIONS SECONDS FIRST_MESSAGE MESSAGES

Says "ready", waits for a line, loads, and answers with a line of JSON. Each connection is kept
alive and has one request under way, never two (no mail program pipelines). Every load is another
message's until all have been loaded; SECRET_KEY in the environment signs their tokens.
"""

from __future__ import annotations

import json
import os
import select
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import cycle

from campaign_app.lib.signing import Signer

HOST = "127.0.0.1"
REQUEST = (
    "GET /o/{token}.gif HTTP/1.1\r\n"
    "Host: mail.example.com\r\n"
    "User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:{version}.0) Gecko/20100101"
    " Thunderbird/{version}.0\r\n"
    "Accept: image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5\r\n"
    "Accept-Language: en-GB,en;q=0.5\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "Connection: keep-alive\r\n"
    "\r\n"
)
ANSWER_BYTES = 4096
GOOD = b"HTTP/1.1 200 "
VERSIONS = range(60, 150)
PREPARED = 50_000
"""Requests written beforehand: writing them is not what is measured."""


@dataclass(frozen=True)
class Loads:
    """How many answers came, and what they took: seconds, CPU seconds, milliseconds a load."""

    count: int
    seconds: float
    cpu: float
    median: float
    p99: float
    longest: float


class Connection:
    """One connection with one request under way."""

    def __init__(self, port: int, requests: Iterator[bytes]) -> None:
        self._socket = socket.create_connection((HOST, port), timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._requests = requests
        self.number = self._socket.fileno()
        self._came = b""
        self._usual = 0
        self.began = 0.0

    def ask(self) -> None:
        """Send the next request."""
        self.began = time.perf_counter()
        self._socket.send(next(self._requests))

    def hear(self) -> bool:
        """Whether the answer is there as a whole. Raises SystemExit for any but a good one."""
        data = self._socket.recv(ANSWER_BYTES)
        # As long as the first one, as nearly all are: what reads heads would share the cores.
        return (len(data) == self._usual and data.startswith(GOOD)) or self._is_whole(data)

    def _is_whole(self, data: bytes) -> bool:
        self._came += data
        if not self._came.startswith(GOOD):
            raise SystemExit(f"An answer begins with {self._came[:100]!r}.")
        size = _length(self._came)
        if size is None or len(self._came) < size:
            return False
        self._usual, self._came = size, b""
        return True


def _length(answer: bytes) -> int | None:
    """Of the whole answer, in bytes; None while its head is incomplete."""
    head, end, _ = answer.partition(b"\r\n\r\n")
    if not end:
        return None
    lowered = head.lower()
    start = lowered.index(b"content-length:") + len(b"content-length:")
    return len(head) + len(end) + int(lowered[start:].partition(b"\r\n")[0])


def load(port: int, *, connections: int, seconds: float, messages: range) -> Loads:
    """Load pixels for so long; every request that was sent is also answered."""
    requests = cycle(_requests(messages))
    programs = [_connect(port, requests) for _ in range(connections)]
    print("ready", flush=True)
    sys.stdin.readline()
    began, used = time.perf_counter(), time.process_time()
    taken = _load(programs, until=began + seconds)
    return _summary(taken, time.perf_counter() - began, time.process_time() - used)


def _connect(port: int, requests: Iterator[bytes]) -> Connection:
    time.sleep(0.005)  # not all at once: every web process is to have its share of them
    return Connection(port, requests)


def _load(programs: list[Connection], *, until: float) -> list[float]:
    by_number = {program.number: program for program in programs}
    poll = select.epoll()
    for program in programs:
        poll.register(program.number, select.EPOLLIN)
        program.ask()
    taken: list[float] = []
    under_way = len(programs)
    while under_way:
        is_over = time.perf_counter() > until
        for number, _ in poll.poll(10):
            program = by_number[number]
            if not program.hear():
                continue
            taken.append(time.perf_counter() - program.began)
            if is_over:
                under_way -= 1
            else:
                program.ask()
    return taken


def _requests(messages: range) -> list[bytes]:
    signer = Signer(os.environ["SECRET_KEY"])
    return [
        REQUEST.format(token=signer.sign(number), version=version).encode()
        for number, version in zip(messages[:PREPARED], cycle(VERSIONS), strict=False)
    ]


def _summary(taken: list[float], seconds: float, cpu: float) -> Loads:
    taken.sort()
    count = len(taken)
    parts = (taken[count // 2], taken[count * 99 // 100], taken[-1])
    return Loads(count, seconds, cpu, *(part * 1000 for part in parts))


def main() -> None:
    """Load as the arguments say."""
    port, connections, seconds, first, count = map(int, sys.argv[1:])
    messages = range(first, first + count)
    loads = load(port, connections=connections, seconds=seconds, messages=messages)
    print(json.dumps(asdict(loads)))


if __name__ == "__main__":
    main()
