"""gunicorn's threaded worker, with the pixel answered where its connections are polled.

A request costs gunicorn 300 µs of CPU, nearly all of it for handing it to a thread and back and
for WSGI. The pixel needs none of that: whoever may ask for it waits in a poll of its own, and the
plain form is answered there at once, for a tenth. Everything else goes gunicorn's own way, and its
parser is given what has been read. A thread gets a connection when a whole head is there, so that
clients who send theirs in drips hold no thread.
"""

from __future__ import annotations

import gc
import resource
import select
import socket
import struct
import time
from collections import OrderedDict
from datetime import datetime
from errno import EAGAIN, ECONNABORTED, EMFILE, ENFILE
from functools import cached_property
from selectors import EVENT_READ
from typing import NamedTuple

from gunicorn.http2 import negotiation
from gunicorn.workers.gthread import TConn, ThreadWorker

from campaign_app.lib import clock
from campaign_app.public.pixel import Pixel

LARGEST_HEAD = 64 * 1024
READ = 4096
"""Bytes taken from a connection at once: more than a plain request has."""
HEAD_SECONDS = 10.0
"""How long a client may take for the head of a request."""
STALL_SECONDS = 60
"""How long a thread waits for the next bytes of a body, or for a reader who takes none."""
BUSY_SECONDS = 0.1
BREATHER_SECONDS = 0.002
"""Between two rounds of answers: slower, but never so slow that a missing database stops us."""
END = b"\r\n\r\n"


class Connection(TConn):  # type: ignore[misc]  # gunicorn has no types
    """`head` has been read, but not been answered yet."""

    head = b""

    @cached_property
    def peer(self) -> str:
        """The address of whoever connected; empty for a unix socket's."""
        return self.client[0] if isinstance(self.client, tuple) else ""

    def init(self) -> None:
        """Begin to parse with what has been read already."""
        super().init()
        if self.head:
            self.parser.unreader.unread(self.head)
            self.head = b""


class Now(NamedTuple):
    """What holds for everybody who is answered between two polls."""

    at: datetime
    answers: tuple[bytes, bytes]
    """That which closes the connection, and that which keeps it."""
    kept_until: float


class PixelWorker(ThreadWorker):  # type: ignore[misc]
    """Needs an application with a `Pixel` in its `extensions["pixel"]`."""

    waiting: OrderedDict[int, Connection]
    """Whoever has no whole request under way, by file number; the longest idle comes first."""
    _poll: select.epoll
    _pixel: Pixel
    _was_busy = False

    def init_process(self) -> None:
        """Set the limits that every connection inherits, and as many as the host allows."""
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        stall = struct.pack("ll", STALL_SECONDS, 0)
        for listener in self.sockets:
            for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
                listener.sock.setsockopt(socket.SOL_SOCKET, option, stall)
        super().init_process()

    def load_wsgi(self) -> None:
        """Load the application, and what answers for it here."""
        super().load_wsgi()
        self._pixel = self.wsgi.extensions["pixel"]
        gc.freeze()  # it lives as long as we do: looking for garbage in it took a fifth of our time

    def run(self) -> None:
        """Serve until told to stop."""
        self.poll_waiting()
        super().run()

    def poll_waiting(self) -> None:
        """Let those who wait for nothing but pixels be polled together, as one of gunicorn's."""
        self.waiting, self._poll = OrderedDict(), select.epoll()
        self.poller.register(self._poll, EVENT_READ, self._serve_waiting)

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """As long as there is always something to do, look after the rest only now and then."""
        until = time.monotonic() + BUSY_SECONDS
        super().wait_for_and_dispatch_events(timeout)
        while self._was_busy and self.alive and time.monotonic() < until:
            self._was_busy = False
            if self._pixel.is_behind:  # leave the core to those who write the hits down
                time.sleep(BREATHER_SECONDS)
            super().wait_for_and_dispatch_events(0)

    def accept(self, listener: socket.socket) -> None:
        """Take a connection in; when there are too many, the longest idle one goes for it."""
        if self.nr_conns >= self.worker_connections - 1:
            self._drop_oldest()
        try:
            client, address = listener.accept()
        except OSError as error:
            if error.errno in (EMFILE, ENFILE):
                self._drop_oldest()
            elif error.errno not in (EAGAIN, ECONNABORTED):
                raise
            return
        self.nr_conns += 1
        conn = Connection(self.cfg, client, address, listener.getsockname())
        if self.cfg.is_ssl or negotiation.prior_knowledge_allowed(self.cfg, address):
            self.enqueue_req(conn)  # their first bytes are not a request's
        else:
            self._wait_for(conn, HEAD_SECONDS)

    def on_client_socket_readable(self, conn: Connection, client: socket.socket) -> None:
        """Look at what comes over a connection that gunicorn has kept."""
        if client.fileno() < 0:  # dropped for a newcomer in this very round, whose events are known
            return
        if self.cfg.is_ssl:
            super().on_client_socket_readable(conn, client)
            return
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self._wait_for(conn, HEAD_SECONDS)

    def murder_pending(self) -> None:
        """Close those who have waited for too long."""
        super().murder_pending()
        now = time.monotonic()
        while self.waiting:
            oldest = next(iter(self.waiting.values()))
            if oldest.timeout > now:
                break
            self._drop(oldest)

    def _serve_waiting(self, poll: select.epoll) -> None:
        """Answer whoever has asked for a pixel, and only that."""
        now, take = self._now(), self._pixel.take
        for number, _ in poll.poll(0):
            conn = self.waiting[number]
            try:
                head = conn.sock.recv(READ)
                keeps = None if conn.head else take(head, peer=conn.peer, at=now.at)
                if keeps is None:
                    self._consider(conn, head, now)
                else:
                    self._reply(conn, now, keeps=keeps)
            except OSError:  # it is gone, or takes no answers
                self._drop(conn)

    def _now(self) -> Now:
        at = clock.now()
        return Now(at, self._pixel.answers(at), time.monotonic() + self.cfg.keepalive)

    def _reply(self, conn: Connection, now: Now, *, keeps: bool) -> bool:
        """Whether the connection is still there afterwards. Raises OSError."""
        self._was_busy = True
        keeps = keeps and self.alive
        words = now.answers[keeps]
        if conn.sock.send(words) < len(words) or not keeps:
            self._drop(conn)
            return False
        self._renew(conn, now.kept_until)
        return True

    def _consider(self, conn: Connection, data: bytes, now: Now) -> None:
        """Take in what is not one plain request for a pixel. Raises OSError."""
        if not data:
            self._drop(conn)
            return
        if not conn.head:
            self._renew(conn, time.monotonic() + HEAD_SECONDS)
        conn.head += data
        while END in conn.head:
            size = conn.head.index(END) + len(END)
            keeps = self._pixel.take(conn.head[:size], peer=conn.peer, at=now.at)
            if keeps is None:
                self._hand_over(conn)
                return
            conn.head = conn.head[size:]
            if not self._reply(conn, now, keeps=keeps):
                return
        if len(conn.head) >= LARGEST_HEAD:
            self._hand_over(conn)

    def _wait_for(self, conn: Connection, seconds: float) -> None:
        conn.timeout = time.monotonic() + seconds
        self.waiting[conn.sock.fileno()] = conn
        self._poll.register(conn.sock, select.EPOLLIN)

    def _renew(self, conn: Connection, until: float) -> None:
        """Let it wait for longer; at most once a second, for that is exact enough."""
        if abs(until - conn.timeout) > 1:
            conn.timeout = until
            self.waiting.move_to_end(conn.sock.fileno())

    def _hand_over(self, conn: Connection) -> None:
        """Let a thread serve it, gunicorn's way."""
        self._forget(conn)
        conn.data_ready = True
        self.enqueue_req(conn)

    def _drop(self, conn: Connection) -> None:
        self._forget(conn)
        self.nr_conns -= 1
        conn.close()

    def _forget(self, conn: Connection) -> None:
        del self.waiting[conn.sock.fileno()]
        self._poll.unregister(conn.sock)

    def _drop_oldest(self) -> None:
        if self.waiting:
            self._drop(next(iter(self.waiting.values())))
        elif self.keepalived_conns:
            conn = self.keepalived_conns.popleft()
            self.poller.unregister(conn.sock)
            self.nr_conns -= 1
            conn.close()

    def _cap_keepalive(self, deadline: float) -> None:
        """When the worker stops: those who asked for pixels alone wait no longer than the rest."""
        super()._cap_keepalive(deadline)
        for conn in self.waiting.values():
            conn.timeout = min(conn.timeout, deadline)
