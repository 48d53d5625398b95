"""From a name to a logged-in connection: resolve, connect, greet, encrypt, authenticate."""

from __future__ import annotations

import base64
import errno
import os
import select
import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from time import monotonic

from campaign_app.lib.hosts import HostRefused, Target, resolve
from campaign_app.sending.handover import Account, Phase, Reply, Stop, Timeouts, TransportError
from campaign_app.sending.wire import SLICE, Wire, WireError


@cache
def system_trust() -> ssl.SSLContext:
    """The TLS settings used unless others are given: the system's authorities, TLS 1.2 or newer."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


@dataclass
class Greeting:
    """The opening of one connection. `extensions` is what the last EHLO offered, in upper case."""

    account: Account
    timeouts: Timeouts
    should_stop: Stop
    tls_context: ssl.SSLContext | None = None
    extensions: Mapping[str, str] = field(default_factory=dict)
    phase: Phase = Phase.CONNECT

    def open(self) -> Wire:
        """A connection ready for its first MAIL. Raises TransportError, and leaves nothing open."""
        account = self.account
        if account.username and account.security == "none" and not account.allow_private:
            message = "The password would travel unencrypted. Choose STARTTLS or TLS."
            raise self._failure(message, needs_change=True)
        wire = Wire(self._connect(), self.should_stop)
        try:
            self._greet(wire)
            self._log_in(wire)
        except (WireError, OSError) as error:
            wire.close()
            raise self._failure(str(error)) from error
        except BaseException:
            wire.close()
            raise
        return wire

    def _connect(self) -> socket.socket:
        account = self.account
        try:
            targets = resolve(account.host, account.port, allow_private=account.allow_private)
        except HostRefused as error:
            raise self._failure(error.message, needs_change=not error.retryable) from error
        patience = self.timeouts.connect / len(targets)
        problem = ""
        for target in targets:
            try:
                return _dial(target, monotonic() + patience, self.should_stop)
            except OSError as error:
                problem = error.strerror or str(error)
        raise self._failure(f"No connection to {account.host}:{account.port}: {problem}.")

    def _greet(self, wire: Wire) -> None:
        if self.account.security == "tls":
            self._encrypt(wire)
        self._expect(wire, 220)
        self._hello(wire)
        if self.account.security == "starttls":
            if "STARTTLS" not in self.extensions:  # never fall back to plain text silently
                message = "The server offers no STARTTLS on this port. Choose TLS, or another port."
                raise self._failure(message, needs_change=True)
            self._ask(wire, b"STARTTLS", 220)
            self._encrypt(wire)
            self._hello(wire)

    def _encrypt(self, wire: Wire) -> None:
        context = self.tls_context or system_trust()
        wire.start_tls(context, self.account.host, self.timeouts.connect)

    def _hello(self, wire: Wire) -> None:
        name = self.account.helo.encode("ascii", "replace")
        wire.send(b"EHLO " + name + b"\r\n", seconds=self.timeouts.command)
        raw = self._read(wire)
        if raw[:3] in (b"500", b"502", b"504"):  # a server older than RFC 1869
            self._ask(wire, b"HELO " + name, 250)
            self.extensions = {}
        elif raw[:3] == b"250":
            self.extensions = _extensions(raw)
        else:
            raise self._refused(raw)

    def _log_in(self, wire: Wire) -> None:
        account = self.account
        if not account.username:
            return
        self.phase = Phase.AUTH
        offered = self.extensions.get("AUTH", "").upper().split()
        if "PLAIN" in offered:
            secret = f"\0{account.username}\0{account.password}".encode()
            self._ask(wire, b"AUTH PLAIN " + base64.b64encode(secret), 235)
        elif "LOGIN" in offered:
            self._ask(wire, b"AUTH LOGIN", 334)
            self._ask(wire, base64.b64encode(account.username.encode()), 334)
            self._ask(wire, base64.b64encode(account.password.encode()), 235)
        else:
            message = "The server offers no log-in by user name and password on this port."
            raise self._failure(message, needs_change=True)

    def _ask(self, wire: Wire, line: bytes, wanted: int) -> None:
        wire.send(line + b"\r\n", seconds=self.timeouts.command)
        self._expect(wire, wanted)

    def _expect(self, wire: Wire, wanted: int) -> None:
        raw = self._read(wire)
        if int(raw[:3]) != wanted:
            raise self._refused(raw)

    def _read(self, wire: Wire) -> bytes:
        return wire.reply(self.timeouts.command, after_stop=self.timeouts.stop_command)

    def _refused(self, raw: bytes) -> TransportError:
        reply = Reply.parse(raw)
        secret = self.account.password
        if secret and secret in reply.text:  # a server that echoes what it was told
            reply = Reply(reply.code, reply.text.replace(secret, "•••"))
        return TransportError(f"The server said: {reply}", phase=self.phase, reply=reply)

    def _failure(self, message: str, *, needs_change: bool = False) -> TransportError:
        return TransportError(message, phase=self.phase, needs_change=needs_change)


def _dial(target: Target, deadline: float, should_stop: Stop) -> socket.socket:
    """A socket connected to exactly this address. Raises OSError (TimeoutError) at the deadline."""
    family, address = target
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        state = sock.connect_ex(address)
        if state == errno.EINPROGRESS:
            state = _await_connection(sock, deadline, should_stop)
    except BaseException:
        sock.close()
        raise
    if state:
        sock.close()
        raise OSError(state, os.strerror(state))
    return sock


def _await_connection(sock: socket.socket, deadline: float, should_stop: Stop) -> int:
    """The error number the attempt ended with; 0 is success."""
    poll = select.poll()
    poll.register(sock, select.POLLOUT)
    while not poll.poll(SLICE * 1000):
        if monotonic() > deadline or should_stop():
            return errno.ETIMEDOUT
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


def _extensions(raw: bytes) -> dict[str, str]:
    """EHLO keywords and their parameters; the old form `AUTH=LOGIN` counts as `AUTH LOGIN`."""
    offered: dict[str, str] = {}
    for line in raw.decode("ascii", "replace").splitlines()[1:]:
        keyword, _, parameters = line[4:].replace("=", " ", 1).strip().partition(" ")
        keyword = keyword.upper()
        offered[keyword] = f"{offered.get(keyword, '')} {parameters}".strip()
    return offered


def say_goodbye(wire: Wire, timeouts: Timeouts) -> None:
    """QUIT, wait briefly for the answer, close. Never raises."""
    with suppress(WireError, OSError):
        wire.send(b"QUIT\r\n", seconds=timeouts.goodbye)
        wire.reply(timeouts.goodbye, after_stop=SLICE)
    wire.close()
