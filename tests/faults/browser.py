"""A person in front of the pages while something behind them is broken."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from http.client import HTTPResponse
from http.cookiejar import CookieJar
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, OpenerDirector, build_opener

_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `seconds` is how long it took."""

    status: int
    text: str
    seconds: float


@dataclass
class Browser:
    """A session with the web process that listens on `port`."""

    port: int
    slowest: float = 0.0
    """Seconds of the slowest answer."""
    _opener: OpenerDirector = field(
        default_factory=lambda: build_opener(HTTPCookieProcessor(CookieJar()))
    )

    def is_served(self) -> bool:
        """Whether anybody answers."""
        try:
            return self.get("/healthz").status == 200
        except URLError:
            return False

    def get(self, path: str) -> Answer:
        """Open a page."""
        return self._ask(path, None)

    def post(self, path: str, **fields: str) -> Answer:
        """Send a page's form, with its token."""
        token = _TOKEN.search(self.get(path).text)
        assert token is not None, f"no form at {path}"
        return self._ask(path, urlencode({"csrf_token": token[1], **fields}).encode())

    def sign_up(self) -> None:
        """Become the owner of a new workspace."""
        values = {"name": "Alice", "email": "alice@example.com", "password": "a quiet harbour"}
        assert "/logout" in self.post("/signup", time_zone="UTC", **values).text

    def _ask(self, path: str, data: bytes | None) -> Answer:
        began = time.monotonic()
        try:
            answer: HTTPResponse | HTTPError = self._opener.open(
                f"http://127.0.0.1:{self.port}{path}", data, timeout=30
            )
        except HTTPError as error:
            answer = error
        with answer:
            text = answer.read().decode()
        took = time.monotonic() - began
        self.slowest = max(self.slowest, took)
        return Answer(answer.status or 0, text, took)
