"""gunicorn's threaded worker, with the pixel answered where its connections are polled.

A request costs gunicorn 300 µs of CPU, nearly all of it for handing it to a thread and back and
for WSGI. The pixel needs none of that: its request is looked at in the socket, and when it has the
plain form the answer goes out at once, for a tenth. Everything else stays in the socket and goes
gunicorn's own way. A thread gets a connection when a whole head is there, so that clients who
send theirs in drips hold no thread.
"""

from __future__ import annotations

import resource
import socket
import struct
import time
from collections import deque
from errno import EAGAIN, ECONNABORTED, EMFILE, ENFILE
from functools import partial
from selectors import EVENT_READ

from gunicorn.workers.gthread import TConn, ThreadWorker

from campaign_app.public.pixel import Pixel

LARGEST_HEAD = 64 * 1024
HEAD_SECONDS = 10.0
"""How long a client may take for the head of a request."""
STALL_SECONDS = 60
"""How long a thread waits for the next bytes of a body, or for a reader who takes none."""
BUSY_SECONDS = 0.1
BREATHER_SECONDS = 0.002
"""Between two rounds of answers: slower, but never so slow that a missing database stops us."""
END = b"\r\n\r\n"


class Connection(TConn):  # type: ignore[misc]  # gunicorn has no types
    """`awaited`: how many bytes must be there before it is worth looking again."""

    awaited = 1

    @property
    def peer(self) -> str:
        """The address of whoever connected; empty for a unix socket's."""
        return self.client[0] if isinstance(self.client, tuple) else ""

    def look(self) -> bytes:
        """What has arrived, left where it is; nothing when the client is gone. Raises OSError."""
        head: bytes = self.sock.recv(LARGEST_HEAD, socket.MSG_PEEK)
        return head if len(head) >= self.awaited else b""

    def takes(self, words: bytes) -> bool:
        """Send all of it at once; False to a client that reads no answers. Raises OSError."""
        try:
            sent: int = self.sock.send(words)
        except BlockingIOError:
            return False
        return sent == len(words)

    @property
    def is_closed(self) -> bool:
        """Whether this side has closed it."""
        closed: bool = self.sock.fileno() < 0
        return closed

    def await_more_than(self, size: int) -> None:
        """Stay silent until more than `size` bytes are there: partial heads must not spin."""
        if self.awaited != size + 1:
            self.awaited = size + 1
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, self.awaited)


class PixelWorker(ThreadWorker):  # type: ignore[misc]
    """Needs an application with a `Pixel` in its `extensions["pixel"]`."""

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
        connection = Connection(self.cfg, client, address, listener.getsockname())
        if self.cfg.is_ssl:
            self.enqueue_req(connection)
            return
        connection.timeout = time.monotonic() + HEAD_SECONDS
        self.pending_conns.append(connection)
        readable = partial(self.on_pending_socket_readable, connection)
        self.poller.register(client, EVENT_READ, readable)

    def on_pending_socket_readable(self, conn: Connection, client: socket.socket) -> None:
        """Serve a connection that has asked for nothing but pixels yet."""
        if not self._is_served(conn, self.pending_conns):
            super().on_pending_socket_readable(conn, client)

    def on_client_socket_readable(self, conn: Connection, client: socket.socket) -> None:
        """Serve a connection that gunicorn has kept."""
        if self.cfg.is_ssl or not self._is_served(conn, self.keepalived_conns):
            super().on_client_socket_readable(conn, client)

    def _is_served(self, conn: Connection, line: deque[Connection]) -> bool:
        """Whether nothing is left to do: the pixel went out, or the head must still come in."""
        if conn.is_closed:  # dropped for a newcomer in this very round, whose events are fetched
            return True
        try:
            head = conn.look()
            size = head.find(END) + len(END)
            if not head:
                self._drop(conn, line)
            elif size < len(END) and len(head) < LARGEST_HEAD:
                self._wait_for_rest(conn, line, len(head))
            else:
                conn.await_more_than(0)  # a thread that reads must not wait for so many either
                return self._is_answered(conn, line, head[:size])
        except BlockingIOError:
            return True
        except OSError:
            self._drop(conn, line)
        return True

    def _is_answered(self, conn: Connection, line: deque[Connection], head: bytes) -> bool:
        answer = self._pixel.answer(head, peer=conn.peer, may_keep=self.alive)
        if answer is None:
            return False
        self._was_busy = True
        words, keeps = answer
        conn.sock.recv(len(head))
        if conn.takes(words) and keeps:
            self._renew(conn, line, self.cfg.keepalive)
        else:
            self._drop(conn, line)
        return True

    def _wait_for_rest(self, conn: Connection, line: deque[Connection], size: int) -> None:
        if conn.awaited == 1 and line is self.keepalived_conns:
            self._renew(conn, line, HEAD_SECONDS)
        conn.await_more_than(size)

    def _renew(self, conn: Connection, line: deque[Connection], seconds: float) -> None:
        """Let it wait from now on; at most once a second, for the line is long."""
        until = time.monotonic() + seconds
        if abs(until - conn.timeout) > 1:
            conn.timeout = until
            line.remove(conn)
            line.append(conn)

    def _drop(self, conn: Connection, line: deque[Connection]) -> None:
        line.remove(conn)
        self.poller.unregister(conn.sock)
        self.nr_conns -= 1
        conn.close()

    def _drop_oldest(self) -> None:
        for line in (self.keepalived_conns, self.pending_conns):
            if line:
                self._drop(line[0], line)
                return

    def _cap_keepalive(self, deadline: float) -> None:
        """When the worker stops: those who asked for pixels alone wait no longer than the rest."""
        super()._cap_keepalive(deadline)
        for conn in self.pending_conns:
            conn.timeout = min(conn.timeout, deadline)
