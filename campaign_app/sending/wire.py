"""One SMTP connection's bytes: whole writes whose progress is known, whole replies, deadlines.

It knows the form of a reply and nothing of the conversation. A plain socket blocks in the kernel
with a time-out of a second, which is two system calls a message cheaper than Python's own
time-outs (they poll before every call); TLS needs Python's.
"""

from __future__ import annotations

import re
import socket
import ssl
import struct
from contextlib import suppress
from time import monotonic

from campaign_app.sending.handover import Stop

SLICE = 1.0  # seconds between two looks at the clock and at `should_stop`
TLS_RECORD = 16_384
REPLY_LIMIT = 65_536  # bytes; no honest reply comes near it

_WOULD_BLOCK = (BlockingIOError, TimeoutError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class WireError(Exception):
    """The connection is lost. `handed_over`: how many bytes of the failed write may have left."""

    def __init__(self, message: str, *, handed_over: int = 0) -> None:
        super().__init__(message)
        self.handed_over = handed_over


class Patience:
    """How long to wait: `seconds`, or `after_stop` from when the worker is asked to stop."""

    __slots__ = ("_after_stop", "_deadline", "_should_stop", "_started")

    def __init__(self, seconds: float, after_stop: float, should_stop: Stop) -> None:
        self._started = monotonic()
        self._deadline = self._started + seconds
        self._after_stop = after_stop
        self._should_stop = should_stop

    @property
    def waited(self) -> float:
        """Seconds since the wait began."""
        return monotonic() - self._started

    def is_over(self) -> bool:
        """Whether to give up now; to be asked about once a second."""
        present = monotonic()
        if self._should_stop():
            self._deadline = min(self._deadline, present + self._after_stop)
        return present > self._deadline


class Wire:
    """A connected socket with a read buffer. Raises WireError, and then only `close` is left."""

    def __init__(self, sock: socket.socket, should_stop: Stop) -> None:
        self._sock = sock
        self._should_stop = should_stop
        self._unread = b""
        self.is_tls = False
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(True)
        timeval = struct.pack("@ll", int(SLICE), 0)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeval)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeval)

    @property
    def has_unread(self) -> bool:
        """Whether bytes have been received that no reply has used yet."""
        return bool(self._unread)

    def start_tls(self, context: ssl.SSLContext, host: str, seconds: float) -> None:
        """Encrypt from here on, and check that the certificate is valid for `host`."""
        if self._unread:  # CVE-2011-0411: replies injected before the encryption began
            raise WireError("The server sent more than its answer before the encryption began.")
        self._sock.settimeout(seconds)
        try:
            self._sock = context.wrap_socket(self._sock, server_hostname=host)
        except ssl.SSLCertVerificationError as error:
            words = error.verify_message
            raise WireError(f"The server's certificate is not valid: {words}.") from error
        except (OSError, ValueError) as error:
            raise WireError(f"No encrypted connection: {_words(error)}.") from error
        self._sock.settimeout(SLICE)
        self.is_tls = True

    def send(
        self, head: bytes, tail: bytes = b"", *, seconds: float, after_stop: float = SLICE
    ) -> None:
        """Hand `head` + `tail` to the kernel completely, within `seconds` for each piece.

        When that fails, the error's `handed_over` is exact on a plain connection. On TLS it is an
        upper bound that never counts a byte of `tail` before all of `head` has left.
        """
        if not self.is_tls:
            self._send_all(head + tail, 0, Patience(seconds, after_stop, self._should_stop))
            return
        patience = Patience(seconds, after_stop, self._should_stop)
        for start in range(0, len(head), TLS_RECORD):
            self._send_all(head[start : start + TLS_RECORD], start, patience)
        if tail:
            self._send_all(tail, len(head), patience)

    def _send_all(self, data: bytes, before: int, patience: Patience) -> None:
        sent = 0
        while sent < len(data):
            try:
                sent += self._sock.send(memoryview(data)[sent:] if sent else data)
            except _WOULD_BLOCK:
                if patience.is_over():
                    raise self._cut("The server took no more data", data, before, sent) from None
            except OSError as error:
                message = f"The connection broke: {_words(error)}."
                raise self._cut(message, data, before, sent) from error

    def _cut(self, message: str, data: bytes, before: int, sent: int) -> WireError:
        return WireError(message, handed_over=before + (len(data) if self.is_tls else sent))

    def reply(self, seconds: float, *, after_stop: float) -> bytes:
        """The next whole reply, all its lines, as received.

        Waits `seconds` at most; once `should_stop()` is true, `after_stop` more at most.
        """
        patience: Patience | None = None
        while not (end := _reply_end(self._unread)):
            if len(self._unread) > REPLY_LIMIT:
                raise WireError("The server's answer has no end.")
            patience = patience or Patience(seconds, after_stop, self._should_stop)
            if patience.is_over():
                raise WireError(f"The server did not answer within {patience.waited:.0f} s.")
            self._receive()
        raw, self._unread = self._unread[:end], self._unread[end:]
        return raw

    def take(self, pattern: re.Pattern[bytes]) -> re.Match[bytes] | None:
        """Use up what has arrived, if it is exactly `pattern`; waits a second for it at most.

        One look at the usual answers, where `reply` would take each of them apart.
        """
        if not self._unread:
            self._receive()
        found = pattern.fullmatch(self._unread)
        if found:
            self._unread = b""
        return found

    def overheard(self) -> bytes | None:
        """A whole reply that is there without having been asked for, such as an idle server's 421.

        Never waits. Raises WireError when the server has closed the connection without a word.
        """
        self._sock.settimeout(0)
        try:
            self._receive()
        except WireError:
            if not _reply_end(self._unread):
                raise
        finally:
            self._sock.settimeout(SLICE if self.is_tls else None)
        end = _reply_end(self._unread)
        return self._unread[:end] if end else None

    def close(self) -> None:
        """Close the socket, whatever state it is in."""
        with suppress(OSError):
            self._sock.close()

    def _receive(self) -> None:
        try:
            received = self._sock.recv(4096)
        except _WOULD_BLOCK:
            return
        except OSError as error:
            raise WireError(f"The connection broke: {_words(error)}.") from error
        if not received:
            raise WireError("The server closed the connection.")
        self._unread += received


def _reply_end(unread: bytes) -> int:
    """Where the first whole reply in `unread` ends, 0 if it is not whole yet.

    Raises WireError for what is no SMTP reply (RFC 5321 §4.2), or one whose lines disagree.
    """
    start = 0
    while end := unread.find(b"\n", start) + 1:
        code, mark = unread[start : start + 3], unread[start + 3 : start + 4]
        if not code.isdigit() or code[:1] not in b"2345" or (start and code != unread[:3]):
            raise WireError("The server's answer is not a reply of the mail protocol.")
        if mark in b" \r\n":
            return end
        if mark != b"-":
            raise WireError("The server's answer is not a reply of the mail protocol.")
        start = end
    return 0


def _words(error: Exception) -> str:
    """What an error says to people, without Python's decoration."""
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.replace("_", " ").lower()
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
