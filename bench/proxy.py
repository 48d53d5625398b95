"""A TCP proxy before a mail server: with latency for its answers, or with TLS for its clients.

    python -m bench.proxy --port 2500 --to 2525 --delay-ms 50

What the server says is passed on `delay-ms` later, and all that it said meanwhile with it: a client
that waits for each reply pays for each, and one that pipelines pays once for a group, as over a
long line. What clients say passes at once. One thread; a mail of one round trip costs it two reads
and two writes. It ends when the process that started it does.
"""

from __future__ import annotations

import argparse
import os
import selectors
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

CHUNK = 256 * 1024
STUCK_SECONDS = 30.0
"""After which a peer that takes no data, or no handshake, loses its connection."""
LOOK_SECONDS = 1.0
"""Between two looks at whether the parent still lives."""


class Proxy:
    """Pairs of sockets; `_late` holds what the server said, until its moment has come."""

    def __init__(self, *, target: int, delay: float, context: ssl.SSLContext | None) -> None:
        self._target, self._delay, self._context = target, delay, context
        self._selector = selectors.DefaultSelector()
        self._late: deque[tuple[float, socket.socket, socket.socket, bytes]] = deque()

    def serve(self, port: int) -> None:
        """Pass on, until the parent is gone."""
        listener = socket.create_server(("127.0.0.1", port), backlog=1024)
        self._selector.register(listener, selectors.EVENT_READ, lambda: self._accept(listener))
        parent = os.getppid()
        while os.getppid() == parent:
            for key, _ in self._selector.select(self._patience()):
                key.data()
            self._deliver()

    def _patience(self) -> float:
        return max(0.0, self._late[0][0] - time.monotonic()) if self._late else LOOK_SECONDS

    def _accept(self, listener: socket.socket) -> None:
        client, _ = listener.accept()
        client.settimeout(STUCK_SECONDS)
        try:
            if self._context:
                client = self._context.wrap_socket(client, server_side=True)
            server = socket.create_connection(("127.0.0.1", self._target), STUCK_SECONDS)
        except OSError:
            client.close()
            return
        for one in (client, server):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._watch(client, lambda data: self._pass_on(client, server, data))
        self._watch(server, lambda data: self._hold_back(server, client, data))

    def _watch(self, source: socket.socket, use: Callable[[bytes], None]) -> None:
        def read() -> None:
            if source.fileno() >= 0:  # it may have been closed by an event of this very turn
                use(self._read(source))

        self._selector.register(source, selectors.EVENT_READ, read)

    def _read(self, source: socket.socket) -> bytes:
        """What is there; nothing when the connection is over."""
        try:
            data = source.recv(CHUNK)
            while isinstance(source, ssl.SSLSocket) and source.pending():
                data += source.recv(CHUNK)
        except OSError:
            return b""
        return data

    def _hold_back(self, server: socket.socket, client: socket.socket, data: bytes) -> None:
        if self._delay:
            self._late.append((time.monotonic() + self._delay, server, client, data))
            if not data:
                self._selector.unregister(server)  # or its end would be told again and again
        else:
            self._pass_on(server, client, data)

    def _deliver(self) -> None:
        present = time.monotonic()
        while self._late and self._late[0][0] <= present:
            _, server, client, data = self._late.popleft()
            self._pass_on(server, client, data)

    def _pass_on(self, source: socket.socket, destination: socket.socket, data: bytes) -> None:
        try:
            if data:
                destination.sendall(data)
                return
        except OSError:  # closed meanwhile
            pass
        for one in (source, destination):
            with suppress(KeyError, ValueError):
                self._selector.unregister(one)
            one.close()


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--to", type=int, required=True)
    parser.add_argument("--delay-ms", type=float, default=0)
    parser.add_argument("--certificate", default="")
    options = parser.parse_args()
    context = None
    if options.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.certificate)
    proxy = Proxy(target=options.to, delay=options.delay_ms / 1000, context=context)
    proxy.serve(options.port)


if __name__ == "__main__":
    main()
