"""A bare client that pipelines: one round trip a mail, the same bytes each time, and no ledger.

What nothing that talks SMTP over these connections can beat, written in Python: the yardstick where
smtp-source, which waits for every single reply and knows no TLS, is none. It says what it did as
JSON.
"""

from __future__ import annotations

import argparse
import json
import socket
import ssl
import time

ENVELOPE = b"MAIL FROM:<news@example.com>\r\nRCPT TO:<person@example.com>\r\nDATA\r\n"


class Connection:
    """One SMTP connection whose first envelope is on its way."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext | None) -> None:
        sock = socket.create_connection((host, port), 60)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock = context.wrap_socket(sock, server_hostname=host) if context else sock
        self.wait_for(b"220 ")
        self._sock.sendall(b"EHLO bench.example\r\n")
        self.wait_for(b"250 ")
        self._sock.sendall(ENVELOPE)

    def send(self, body: bytes, following: bytes = ENVELOPE) -> None:
        """Once the server wants the body: the body, and the next envelope with it."""
        self.wait_for(b"354 ")
        self._sock.sendall(body + following)

    def wait_for(self, code: bytes) -> None:
        """Read until a line begins with `code`, which ends the answers asked for."""
        received = b"\n"
        while b"\n" + code not in received or not received.endswith(b"\n"):
            chunk = self._sock.recv(4096)
            if not chunk:
                raise SystemExit("The server closed the connection.")
            received += chunk

    def close(self) -> None:
        """End it; the last envelope gets no body."""
        self._sock.close()


def send_all(connections: list[Connection], *, mails: int, size: int) -> None:
    """Send, by turns over all connections; the last mail of each is waited for."""
    line = b"x" * 76 + b"\r\n"
    body = b"Subject: News\r\n\r\n" + line * max(1, size // len(line)) + b".\r\n"
    for number in range(mails):
        connections[number % len(connections)].send(body)
    for one in connections:
        one.wait_for(b"354 ")


def main() -> None:
    """Send, and say in how many seconds, wall-clock and CPU."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--mails", type=int, required=True)
    parser.add_argument("--size", type=int, required=True)
    parser.add_argument("--connections", type=int, required=True)
    parser.add_argument("--trust", help="speak TLS, and trust the authority in this file")
    options = parser.parse_args()
    context = ssl.create_default_context(cafile=options.trust) if options.trust else None
    connections = [
        Connection(options.host, options.port, context) for _ in range(options.connections)
    ]
    began, used = time.monotonic(), time.process_time()
    send_all(connections, mails=options.mails, size=options.size)
    seconds, cpu = time.monotonic() - began, time.process_time() - used
    for one in connections:
        one.close()
    print(json.dumps({"mails": options.mails, "seconds": seconds, "cpu": cpu}))


if __name__ == "__main__":
    main()
