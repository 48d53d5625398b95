"""A server that only recites: for answers no real server should give."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from types import TracebackType


class CannedServer:
    """Waits for each `(expected, answer)` in turn: when `expected` has come in, says `answer`.

    After the last step it hangs up, unless `stay` is set. `received` is all that came in.
    """

    def __init__(self, *steps: tuple[bytes, bytes], stay: bool = False) -> None:
        self.steps = steps
        self.stay = stay
        self.received = b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.tls = ""
        self._thread = threading.Thread(target=self._recite, daemon=True)
        self._over = threading.Event()

    def __enter__(self) -> CannedServer:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._listener.close()
        self._thread.join(60)

    def _recite(self) -> None:
        with suppress(OSError):  # the test is over
            connection, _ = self._listener.accept()
            with connection:
                self._recite_to(connection)

    def _recite_to(self, connection: socket.socket) -> None:
        seen = 0
        for expected, answer in self.steps:
            while expected not in self.received[seen:]:
                chunk = connection.recv(65536)
                if not chunk:
                    return
                self.received += chunk
            seen = len(self.received)
            connection.sendall(answer)
        if self.stay:
            self._over.wait(60)
            connection.settimeout(0.1)
            try:
                self.received += connection.recv(65536)
            except TimeoutError:
                return
