"""A real Chromium in front of a real web server; a failing test leaves a picture of the page."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Error, Page, expect, sync_playwright

from config import Config
from local_stack import postgres
from tests.browser.site import Site
from tests.browser.site import site as serve
from tests.browser.watch import Watch

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
PATIENCE = 60_000
"""Milliseconds: a busy machine may take its time, a broken page takes for ever."""

Enter = Callable[..., Page]


@pytest.fixture(scope="session")
def binary() -> str:
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(f"NO BROWSER TEST RAN: there is no {' and no '.join(NAMES)} on this machine")
    return found


@pytest.fixture(scope="module")
def chromium(binary: str) -> Iterator[Browser]:
    """Closed with the module: while playwright runs, no other event loop can on this thread."""
    flags = [*FLAGS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary, args=flags)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def site(
    binary: str,
    config: Config,
    app: Flask,
    postgres_server: postgres.Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    """One for all: every test signs up for an account of its own."""
    with serve(config, postgres_server, tmp_path_factory.mktemp("site")) as running:
        yield running


@pytest.fixture
def watch(site: Site) -> Watch:
    return Watch(site.url)


@pytest.fixture
def enter(chromium: Browser, site: Site, watch: Watch, tmp_path: Path) -> Iterator[Enter]:
    """Open a window of somebody's own browser: `enter(color_scheme="dark")`."""
    contexts: list[BrowserContext] = []

    def enter(**options: object) -> Page:
        context = chromium.new_context(base_url=site.url, locale="en-GB", **options)
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        context.on("page", watch.follow)
        return context.new_page()

    yield enter
    for context in contexts:
        context.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Say in a failure's report where the pages' pictures are, and what the console said."""
    report = yield
    values = getattr(item, "funcargs", {})
    if report.when == "call" and report.failed and "watch" in values and "chromium" in values:
        pictures = _pictures(values["chromium"], values["tmp_path"])
        report.sections.append(("What the browser saw", "\n".join(pictures)))
        report.sections.append(("What went wrong unseen", "\n".join(values["watch"].found)))
    return report


def _pictures(browser: Browser, folder: Path) -> list[str]:
    lines = []
    for number, page in enumerate(page for context in browser.contexts for page in context.pages):
        path = folder / f"page-{number}.png"
        try:
            page.screenshot(path=path, full_page=True, timeout=5_000)
        except Error as error:
            lines.append(f"{page.url}: no picture, {error.message}")
        else:
            lines.append(f"{page.url}: {path}")
    return lines
