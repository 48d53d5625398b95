"""Bringing in a list with a browser: in parts, paused, broken off, gone on with; and pasted."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import CDPSession, Page, Route, expect

from tests.browser import pages
from tests.browser.conftest import Enter
from tests.browser.site import Site
from tests.browser.watch import Watch

MEBIBYTE = 1024**2
PERSON = "person{n}@example.com,Person {n},Utrecht\n"
SLOW_BYTES = 3 * MEBIBYTE
"""A second: what chromium is told the line takes, so that there is time to look at a large file."""
EVERYTHING = "**/*"


@pytest.fixture
def author(site: Site, enter: Enter, request: pytest.FixtureRequest) -> Page:
    """Somebody new, at the page that takes lists."""
    page = enter()
    pages.sign_up(page, name="Ana", email=f"{request.node.name}@uploads.example")
    page.goto("/imports/new")
    pages.arrive(page, "Bring in a list")
    return page


def big(folder: Path, mebibytes: int = 40) -> Path:
    """A list of people, so large."""
    path, lines = folder / "people.csv", "".join(PERSON.format(n=n) for n in range(10_000))
    with path.open("w") as file:
        file.write("email,name,city\n")
        while file.tell() < mebibytes * MEBIBYTE:
            file.write(lines)
    return path


def throttle(page: Page, *, bytes_a_second: int) -> CDPSession:
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    line(session, bytes_a_second=bytes_a_second)
    return session


def line(session: CDPSession, *, bytes_a_second: int, offline: bool = False) -> None:
    rules = {"offline": offline, "latency": 0, "downloadThroughput": -1}
    rules["uploadThroughput"] = bytes_a_second
    session.send("Network.emulateNetworkConditions", rules)


def let_through(page: Page, parts: int) -> None:
    """So many more parts may leave; the others wait until all may."""
    free = iter(range(parts))

    def decide(route: Route) -> None:
        if route.request.method != "PUT" or next(free, None) is not None:
            route.continue_()

    page.unroute(EVERYTHING)
    page.route(EVERYTHING, decide)


def choose(page: Page, file: Path) -> None:
    page.locator("input[type=file]").set_input_files(file)


def count_parts(page: Page) -> list[str]:
    """The parts that are sent from now on, by their addresses."""
    sent: list[str] = []
    page.on("request", lambda one: sent.append(one.url) if one.method == "PUT" else None)
    return sent


@pytest.mark.browser
def test_a_large_file_arrives_with_progress(author: Page, watch: Watch, tmp_path: Path):
    session = throttle(author, bytes_a_second=SLOW_BYTES)
    parts = count_parts(author)
    choose(author, big(tmp_path))
    expect(author.locator("[data-upload-text]")).to_contain_text("MB/s")
    expect(author.locator("[data-upload-text]")).to_contain_text("left")
    line(session, bytes_a_second=-1)
    pages.arrive(author, "Match the columns")
    expect(author.get_by_text("person1@example.com").first).to_be_visible()
    assert len(parts) == 6
    assert not watch.found


@pytest.mark.browser
def test_it_goes_on_after_a_pause_and_after_a_reload(author: Page, tmp_path: Path):
    file, parts = big(tmp_path), count_parts(author)
    let_through(author, 2)
    choose(author, file)
    expect(author.locator("[data-upload-percent]")).to_contain_text(re.compile(r"[2-9]\d"))
    author.get_by_role("button", name="Pause").click()
    expect(author.locator("[data-upload-text]")).to_contain_text("Paused")
    let_through(author, 1)
    with author.expect_event("requestfinished", lambda one: one.method == "PUT"):
        author.get_by_role("button", name="Go on").click()
    author.reload()
    expect(author.locator("[data-upload-resume]")).to_contain_text("people.csv")
    author.unroute(EVERYTHING)
    parts.clear()
    choose(author, file)
    pages.arrive(author, "Match the columns")
    assert len(parts) < 6


@pytest.mark.browser
def test_it_survives_a_lost_connection(author: Page, tmp_path: Path):
    session = throttle(author, bytes_a_second=SLOW_BYTES)
    choose(author, big(tmp_path))
    expect(author.locator("[data-upload-text]")).to_contain_text("MB/s")
    line(session, bytes_a_second=0, offline=True)
    expect(author.locator("[data-upload-hint]")).to_contain_text("goes on by itself")
    line(session, bytes_a_second=-1)
    pages.arrive(author, "Match the columns")


@pytest.mark.browser
def test_what_is_no_list_is_refused_in_words(author: Page, tmp_path: Path):
    path = tmp_path / "letter.pdf"
    path.write_bytes(b"%PDF-1.7 a letter")
    choose(author, path)
    expect(author.get_by_role("alert")).to_contain_text("This is a PDF.")
    author.reload()
    expect(author.locator("[data-upload-resume]")).to_be_hidden()


@pytest.mark.browser
def test_an_upload_is_cancelled_and_forgotten(author: Page, site: Site, tmp_path: Path):
    throttle(author, bytes_a_second=SLOW_BYTES)
    choose(author, big(tmp_path))
    expect(author.locator("[data-upload-text]")).to_contain_text("MB/s")
    author.get_by_role("button", name="Cancel").click()
    expect(author.get_by_text("Drop your file here")).to_be_visible()
    expect(author.locator("[data-upload-resume]")).to_be_hidden()
    assert not list((site.folder / "uploads" / "parts").iterdir())


@pytest.mark.browser
def test_a_few_lines_are_pasted(author: Page, watch: Watch):
    author.get_by_text("Or paste a few lines").click()
    author.get_by_label("One person per line").fill("ana@example.com\nBo <bo@example.com>")
    author.get_by_role("button", name="Continue").click()
    pages.arrive(author, "Match the columns")
    expect(author.get_by_text("bo@example.com")).to_be_visible()
    assert not watch.found


@pytest.mark.browser
def test_without_scripts_the_form_sends_it(site: Site, enter: Enter, tmp_path: Path):
    page = enter(java_script_enabled=False)
    pages.sign_up(page, name="Ana", email="plain@uploads.example")
    page.goto("/imports/new")
    choose(page, big(tmp_path, mebibytes=1))
    page.get_by_role("button", name="Upload").click()
    pages.arrive(page, "Match the columns")
