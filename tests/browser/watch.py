"""What a person would not see: errors in the console, broken requests, calls to third parties."""

from __future__ import annotations

from dataclasses import dataclass, field

from playwright.sync_api import ConsoleMessage, Error, Page, Request, Response

LEFT = "net::ERR_ABORTED"
"""The page went away while it was asking, or the answer became a download."""


@dataclass
class Watch:
    """What went wrong on the pages it follows; a broken policy (CSP) is a console error."""

    site: str
    found: list[str] = field(default_factory=list)

    def follow(self, page: Page) -> None:
        """Listen to a page from now on."""
        page.on("console", self._console)
        page.on("pageerror", self._page_error)
        page.on("request", self._request)
        page.on("requestfailed", self._failed)
        page.on("response", self._response)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.found.append(f"console {message.type}: {message.text} {message.location}")

    def _page_error(self, error: Error) -> None:
        self.found.append(f"script: {error.message}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self.site, "data:", "blob:", "about:")):
            self.found.append(f"third party: {request.url}")

    def _failed(self, request: Request) -> None:
        if request.failure != LEFT:
            self.found.append(f"{request.failure}: {request.method} {request.url}")

    def _response(self, response: Response) -> None:
        if response.status >= 400:
            self.found.append(f"{response.status}: {response.request.method} {response.url}")
