"""The five steps of an import in a browser, with a worker behind them; and its undo."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from campaign_app.extensions import db
from campaign_app.services import people
from tests import factories
from tests.browser import pages
from tests.browser.conftest import Enter
from tests.browser.site import Site
from tests.browser.watch import Watch
from tests.stack.workers import Workers

pytestmark = [pytest.mark.browser, pytest.mark.stack]

LIST = """Mail,Who,Town,Shoe size
ana@example.com,Ana Marković,Zagreb,38
bo@example.com,Bo Larsen,Lund,
cy@example.com,Cy Young,Cork,44
ana@example.com,,Split,
dee,Dee,Oslo,40
"""
STEPS = "Steps of the import"


@pytest.fixture(scope="module")
def processes(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    processes = Workers(site.config, tmp_path_factory.mktemp("jobs"))
    yield processes
    processes.stop()


@pytest.fixture
def jobs(processes: Workers) -> None:
    """The worker that imports is there."""
    if "jobs" not in processes.running:
        processes.start("jobs")


@pytest.fixture
def idle(processes: Workers) -> Workers:
    """The worker that imports is not there yet."""
    if "jobs" in processes.running:
        processes.kill("jobs", signal.SIGTERM)
    return processes


@pytest.fixture
def author(site: Site, enter: Enter, request: pytest.FixtureRequest) -> Page:
    """Somebody who knows Bo of Malmö already."""
    email = f"{request.node.name[:40].replace('[', '-').strip(']')}@imports.example"
    with site.app.app_context():
        place = people.sign_up(name="Ana", email=email, password=pages.PASSWORD).workspace
        db.session.commit()
        factories.recipient(place, email="bo@example.com", name="", attributes={"town": "Malmö"})
        db.session.remove()
    page = enter(**getattr(request, "param", {}))
    pages.log_in(page, email)
    return page


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    path.write_text(LIST)
    return path


def step(page: Page) -> str:
    """The step that the bar marks as the present one."""
    return page.get_by_label(STEPS).locator("[aria-current=step]").inner_text()


def test_all_five_steps_and_back_again(author: Page, file: Path, jobs: None, watch: Watch):
    assert_columns_come_back_as_they_were(author, file)
    assert_the_check_tells_everything(author)
    pages.start_import(author)
    assert step(author) == "Import"
    for label, number in {"New": "2", "Updated": "1", "Listed twice": "1", "Rejected": "1"}.items():
        expect(pages.figure(author, label)).to_have_text(number)
    author.get_by_role("link", name="Write them a campaign").click()
    expect(author.get_by_role("checkbox", name="Fair")).to_be_checked()
    assert_it_is_undone(author)
    assert all("422" in one for one in watch.found), watch.found  # the refusal that was asked for


def assert_columns_come_back_as_they_were(page: Page, file: Path) -> None:
    pages.upload(page, file)
    assert step(page) == "Columns"
    size = page.get_by_label("Merge field of Shoe size")
    size.fill("shoe")
    page.get_by_label("Who becomes").select_option(label="Name")
    pages.match_columns(page, Town="town")
    page.get_by_label("A new group").fill("Fair")
    page.get_by_label("Tag everybody with").fill("Autumn, 2026")
    page.get_by_label(STEPS).get_by_role("button", name="Columns").click()
    pages.arrive(page, "Match the columns")
    expect(size).to_have_value("shoe")
    page.reload()
    pages.match_columns(page)
    expect(page.get_by_label("Fair")).to_be_checked()
    expect(page.get_by_label("Tag everybody with")).to_have_value("2026, autumn")


def assert_the_check_tells_everything(page: Page) -> None:
    page.get_by_role("button", name="Check the file").click()
    expect(page.get_by_text("Confirm that these people agreed")).to_be_visible()
    expect(page.get_by_label("has agreed to get e-mail")).to_be_focused()
    pages.check_file(page)
    assert step(page) == "Check"
    expect(page.get_by_text("5 rows = 2 new + 1 updated + 0 unchanged")).to_be_visible()
    change = page.locator(".import-changes tr").filter(has_text="town")
    expect(change.locator("del")).to_have_text("Malmö")
    expect(change.locator("ins")).to_have_text("Lund")
    rejected = pages.download(page, "Download all").splitlines()
    assert rejected[1].startswith("6,Mail,dee,")
    page.get_by_role("link", name="Imports").first.click()
    page.get_by_role("link", name="Go on").click()
    pages.arrive(page, "What will happen")


def assert_it_is_undone(page: Page) -> None:
    page.goto("/imports/")
    page.get_by_role("link", name="Undo").click()
    expect(page.get_by_text("Removes 2 people who are new with this import")).to_be_visible()
    expect(page.get_by_text("Restores 1 person to what was known")).to_be_visible()
    page.get_by_role("button", name="Undo the import").click()
    expect(page.locator(".page-title .status")).to_have_text("Undone")
    expect(pages.figure(page, "Removed")).to_have_text("2")
    expect(pages.figure(page, "Restored")).to_have_text("1")
    page.goto("/recipients/")
    expect(page.get_by_text("bo@example.com")).to_be_visible()
    expect(page.get_by_text("cy@example.com")).to_have_count(0)


def test_a_check_waits_for_a_worker_and_can_be_stopped(
    author: Page, file: Path, idle: Workers, watch: Watch
):
    pages.upload(author, file)
    pages.match_columns(author, Who="Name")
    author.get_by_label("has agreed to get e-mail").check()
    author.get_by_role("button", name="Check the file").click()
    expect(author.get_by_text("Waiting for a worker")).to_be_visible()
    author.get_by_role("button", name="Stop and change the options").click()
    pages.arrive(author, "Choose what happens")
    author.get_by_role("button", name="Check the file").click()
    expect(author.get_by_text("Waiting for a worker")).to_be_visible()
    idle.start("jobs")
    expect(author.get_by_role("button", name="Start the import")).to_be_visible()
    expect(author).to_have_url(re.compile(r"/imports/\d+/check$"))
    assert not watch.found


def test_a_list_with_the_same_header_goes_straight_to_the_options(
    author: Page, file: Path, jobs: None, watch: Watch
):
    pages.upload(author, file)
    pages.match_columns(author, Who="Name", Town="Leave out")
    pages.check_file(author)
    pages.start_import(author)
    author.goto("/imports/new")
    author.locator("input[type=file]").set_input_files(file)
    pages.arrive(author, "Choose what happens")
    expect(author.get_by_text("exactly those of your last import")).to_be_visible()
    expect(author.get_by_text("1 left out")).to_be_visible()
    assert not watch.found


@pytest.mark.parametrize("author", [{"java_script_enabled": False}], indirect=True)
def test_without_scripts_every_step_works(author: Page, file: Path, jobs: None, watch: Watch):
    author.goto("/imports/new")
    author.locator("input[type=file]").set_input_files(file)
    author.get_by_role("button", name="Upload").click()
    author.get_by_role("button", name="Continue to the options").click()
    author.get_by_label("has agreed to get e-mail").check()
    author.get_by_role("button", name="Check the file").click()
    reload_until(author, "Start the import")
    author.get_by_role("button", name="Start the import").click()
    reload_until(author, "Undo", role="link")
    author.get_by_role("link", name="Undo").click()
    author.get_by_role("link", name="Count how many").click()
    expect(author.get_by_text("Removes 2 people")).to_be_visible()
    assert not watch.found


def reload_until(page: Page, name: str, *, role: str = "button") -> None:
    """What a person without scripts does while something is under way."""
    for _ in range(240):
        if page.get_by_role(role, name=name).count():
            return
        page.wait_for_timeout(500)
        page.reload()
    expect(page.get_by_role(role, name=name)).to_be_visible()


def test_every_step_can_be_done_by_keyboard(author: Page, file: Path, jobs: None, watch: Watch):
    pages.upload(author, file)
    for button, heading in (
        ("Continue to the options", "Choose what happens"),
        ("Check the file", "What will happen"),
        ("Start the import", "people.csv"),
    ):
        if button == "Check the file":
            author.get_by_label("has agreed to get e-mail").press("Space")
        author.locator("#main").focus()
        assert pages.tab_to(author, button, presses=40), f"Tab never reaches “{button}”"
        author.keyboard.press("Enter")
        pages.arrive(author, heading)
    expect(author.locator(".page-title .status")).to_have_text("Imported")
    assert not watch.found
