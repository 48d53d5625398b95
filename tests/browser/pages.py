"""What a person does on Carillon's pages, step by step; each step waits until it has been done."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

PASSWORD = "harbour lantern velvet 27"


def arrive(page: Page, heading: str) -> None:
    """Wait for the page with this heading, its scripts included."""
    expect(page.get_by_role("heading", level=1)).to_contain_text(heading)
    page.wait_for_load_state()


def sign_up(page: Page, *, name: str, email: str) -> None:
    """Make an account; its owner arrives at the dashboard."""
    page.goto("/signup")
    page.get_by_label("Your name").fill(name)
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Time zone").select_option("Europe/Zagreb")
    page.get_by_role("button", name="Create the account").click()
    arrive(page, "Dashboard")


def log_in(page: Page, email: str) -> None:
    """Enter with PASSWORD."""
    page.goto("/login")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    arrive(page, "Dashboard")


def add_sender(page: Page, *, port: int) -> None:
    """Add a mail server on this machine that takes everything at full speed."""
    page.get_by_role("link", name="Senders").first.click()
    page.get_by_role("link", name="Add").first.click()
    page.get_by_label("Name", exact=True).fill("House account")
    page.get_by_label("Server").fill("127.0.0.1")
    page.get_by_label("Port").fill(str(port))
    page.get_by_label("Encryption").select_option("none")
    page.get_by_label("From name").fill("Acme News")
    page.get_by_label("From address").fill("news@example.com")
    page.locator("[name=delay_seconds]").fill("0")
    page.get_by_role("button", name="Add the sender").click()
    arrive(page, "House account")


def try_sender(page: Page) -> Locator:
    """Send a test mail from the sender's page; gives the place of the server's literal words."""
    page.get_by_role("button", name="Send a test").click()
    return page.locator("#test-result .font-monospace")


def upload(page: Page, file: Path) -> None:
    """Upload a list; the page then shows its columns."""
    page.get_by_role("link", name="Imports").first.click()
    page.get_by_role("link", name="Upload").first.click()
    page.locator("input[type=file]").set_input_files(file)
    arrive(page, "Match the columns")


def match_columns(page: Page, **becomes: str) -> None:
    """Choose what columns become, by their headers; the page then shows the options."""
    for header, target in becomes.items():
        page.get_by_label(f"{header} becomes").select_option(label=target)
    page.get_by_role("button", name="Continue to the options").click()
    arrive(page, "Choose what happens")


def check_file(page: Page) -> None:
    """Confirm the permission and let the file be checked; the page then shows what will happen."""
    page.get_by_label("has agreed to get e-mail").check()
    page.get_by_role("button", name="Check the file").click()
    arrive(page, "What will happen")


def start_import(page: Page) -> None:
    """Import what was checked, and stay until it has ended."""
    page.get_by_role("button", name="Start the import").click()
    expect(page.locator(".page-title .status")).to_have_text("Imported")


def figure(page: Page, label: str) -> Locator:
    """The number on the tile with this label."""
    tile = page.locator(".stat").filter(has=page.get_by_text(label, exact=True))
    return tile.locator(".stat-number")


def download(page: Page, link: str) -> str:
    """What a link lets one save."""
    with page.expect_download() as started:
        page.get_by_role("link", name=link).click()
    return started.value.path().read_text("utf-8-sig")


def new_campaign(page: Page, *, name: str, subject: str, group: str) -> None:
    """Open the editor, name the campaign and choose its sender and its audience."""
    page.get_by_role("link", name="Campaigns").first.click()
    page.get_by_role("link", name="Write the first campaign").click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Sender").select_option("House account")
    page.get_by_label("Subject").fill(subject)
    page.get_by_role("checkbox", name=group).check()


def write(page: Page, *, before: str, field: str, after: str) -> None:
    """Type into the editor: text, a merge field from its menu, text."""
    page.frame_locator(".tox-edit-area__iframe").locator("body").click()
    page.keyboard.type(before)
    page.locator(".tox-tbtn", has_text="Merge field").click()
    page.locator(".tox-collection__item", has_text=field).click()
    page.keyboard.type(after)


def write_link(page: Page, *, url: str, text: str) -> None:
    """Put a link where the editor's caret is."""
    page.locator(".tox-tbtn[aria-label*='link' i]").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("URL").fill(url)
    dialog.get_by_label("Text to display").fill(text)
    dialog.get_by_role("button", name="Save").click()


def save_and_review(page: Page) -> Locator:
    """Save the campaign and go to the last look; gives the page's frame of the preview."""
    page.get_by_role("button", name="Save and review").click()
    expect(page.get_by_role("heading", name="Ready to send")).to_be_visible()
    page.wait_for_load_state()
    return page.frame_locator(".preview-frame").locator("body")


def open_draft(page: Page, name: str) -> None:
    """Go to the last look at a draft."""
    page.goto("/campaigns/")
    page.get_by_role("link", name=name).click()
    arrive(page, name)


def send_now(page: Page) -> None:
    """Press Send and say yes; the live page comes up, marked so that a reload is noticed."""
    page.get_by_role("button", name="Send now").click()
    page.get_by_role("button", name="Send to").click()
    expect(page.get_by_text("Delivery log")).to_be_visible()
    page.evaluate("window.sameDocument = true")


def is_same_document(page: Page) -> bool:
    """Whether the page has not been loaded anew since the campaign was sent."""
    return page.evaluate("window.sameDocument === true")


def see_sum(page: Page, chart: str, series: str, total: int) -> None:
    """Wait until what Chart.js draws of a series ("": its only one) adds up to `total`."""
    page.wait_for_function(
        """([label, series, total]) => {
            const canvas = document.querySelector(`canvas[aria-label="${label}"]`);
            const drawn = window.Chart?.getChart(canvas)?.data.datasets ?? [];
            const values = drawn.find((one) => (one.label ?? "") === series)?.data ?? [];
            return values.reduce((sum, value) => sum + value, 0) === total;
        }""",
        arg=[chart, series, total],
    )


def choose_theme(page: Page, name: str) -> None:
    """Choose Light, Dark or Like my system from the menu in the top bar."""
    page.get_by_role("button", name="Theme").click()
    page.get_by_role("button", name=name).click()


def brightness(page: Page) -> float:
    """How bright the page's ground is, 0 to 255; any notation of colours is resolved."""
    return page.evaluate(
        """() => {
            const pen = document.createElement("canvas").getContext("2d");
            pen.fillStyle = getComputedStyle(document.body).backgroundColor;
            pen.fillRect(0, 0, 1, 1);
            const [red, green, blue] = pen.getImageData(0, 0, 1, 1).data;
            return (red + green + blue) / 3;
        }"""
    )


def tab_to(page: Page, name: str, *, presses: int = 25) -> bool:
    """Press Tab until something that begins with `name` has the focus."""
    for _ in range(presses):
        page.keyboard.press("Tab")
        text = page.evaluate("document.activeElement.innerText ?? ''")
        if text.strip().startswith(name):
            return True
    return False


def width(page: Page) -> int:
    """How many pixels the page needs across."""
    return page.evaluate("document.scrollingElement.scrollWidth")


def walk(page: Page) -> Iterator[str]:
    """Visit every page that links lead to from here on, one of each kind; gives each path."""
    seen, waiting = {"/"}, ["/"]
    while waiting:
        path = waiting.pop(0)
        page.goto(path)
        if page.locator("textarea[data-editor]").count():
            expect(page.locator(".tox-edit-area__iframe")).to_be_visible()
        yield path
        links = page.locator("a[href^='/']:not([download]):not([target])")
        for found in links.evaluate_all("links => links.map((link) => link.pathname)"):
            kind = re.sub(r"\d+", "1", found)
            if kind not in seen:
                seen.add(kind)
                waiting.append(found)
