"""The frame around every page: theme, keyboard, phone; and what remains without scripts."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser import furniture, pages
from tests.browser.conftest import Enter
from tests.browser.site import Site
from tests.browser.watch import Watch

pytestmark = pytest.mark.browser

PHONE = {"width": 390, "height": 844}
ACTIONS = {
    "/campaigns/": "New campaign",
    "/recipients/": "Add somebody",
    "/imports/": "Upload",
    "/senders/": "New sender",
}


@pytest.fixture(scope="session")
def ana(site: Site) -> str:
    """The address of somebody who has something on every page."""
    return furniture.account(site, email="ana@acme.example")


def test_the_theme_is_chosen_and_remembered(ana: str, enter: Enter, watch: Watch):
    page = enter(color_scheme="light")
    pages.log_in(page, ana)
    light = pages.brightness(page)
    pages.choose_theme(page, "Dark")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    assert pages.brightness(page) < 0.3 * light
    page.goto("/campaigns/")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    pages.choose_theme(page, "Like my system")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "light")
    page.emulate_media(color_scheme="dark")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    assert not watch.found


def test_everything_can_be_reached_by_keyboard(ana: str, enter: Enter, watch: Watch):
    page = enter()
    page.goto("/login")
    page.keyboard.type(ana)
    page.keyboard.press("Tab")
    page.keyboard.type(pages.PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Dashboard")
    for path, action in ACTIONS.items():
        page.goto(path)
        page.keyboard.press("Tab")
        expect(page.get_by_text("Skip to the content")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("#main")).to_be_focused()
        assert pages.tab_to(page, action), f"Tab never reaches “{action}” on {path}"
    assert not watch.found


def test_a_question_is_answered_by_keyboard(ana: str, enter: Enter, watch: Watch):
    page = enter()
    pages.log_in(page, ana)
    pages.open_draft(page, furniture.DRAFT)
    page.get_by_role("button", name="Send now").press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("to 1 person now?")
    expect(page.get_by_role("button", name="Go back")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.get_by_role("button", name="Send now")).to_be_focused()
    assert not watch.found


def test_nothing_is_sent_unasked_while_scripts_are_on_their_way(ana: str, enter: Enter):
    page, asked = enter(), []
    pages.log_in(page, ana)
    page.route("**/static/js/app.js", lambda route: route.abort())
    page.on("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
    pages.open_draft(page, furniture.DRAFT)
    page.get_by_role("button", name="Send now").click()
    assert asked == [f"Send “{furniture.DRAFT}” to 1 person now?"]
    page.reload()
    expect(page.locator(".page-title .status")).to_have_text("Draft")


def test_every_page_fits_a_phone_in_the_dark(ana: str, enter: Enter, watch: Watch):
    page = enter(viewport=PHONE, has_touch=True, color_scheme="dark")
    pages.log_in(page, ana)
    too_wide = {
        path: width for path in pages.walk(page) if (width := pages.width(page)) > PHONE["width"]
    }
    assert not too_wide, f"Let these fit into {PHONE['width']} pixels: {too_wide}"
    assert not watch.found


def test_the_menu_opens_on_a_phone(ana: str, enter: Enter, watch: Watch):
    page = enter(viewport=PHONE, has_touch=True)
    pages.log_in(page, ana)
    page.get_by_role("button", name="Open the menu").tap()
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Senders").tap()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Senders")
    assert not watch.found


@pytest.mark.parametrize(
    "noun", ["campaigns", "templates", "recipients", "groups", "senders", "reports"]
)
def test_lists_are_read_without_scripts(ana: str, enter: Enter, watch: Watch, noun: str):
    page = enter(java_script_enabled=False)
    pages.log_in(page, ana)
    page.goto(f"/{noun}/")
    found = page.get_by_role("main").get_by_text(furniture.LONG)
    expect(found.locator("visible=true").first).to_be_visible()
    assert not watch.found
