"""From an empty account to the first click: all of it through the browser, all of it real."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
from openpyxl import Workbook
from playwright.sync_api import Page, expect
from sqlalchemy import text

from campaign_app.extensions import db
from tests.browser import mails, pages
from tests.browser.conftest import Enter
from tests.browser.site import Site
from tests.browser.watch import Watch
from tests.smtp_sink import SmtpSink
from tests.stack.workers import workers

READER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
"""A person's program: a headless browser's own name is counted as a scanner's."""
ROWS = [
    ("Who", "Mail", "City"),
    ("Ana Marković", "ana@example.com", "Zagreb"),
    ("Bram de Vries", "bram@example.com", "Utrecht"),
    ("Chidi Okafor", "chidi@example.com", "Lagos"),
    ("Dora Kos", "not-an-address", "Split"),
    ("", "emma@example.com", "Graz"),
]
GREETINGS = {
    "ana@example.com": "Dear Ana, see our",
    "bram@example.com": "Dear Bram, see our",
    "chidi@example.com": "Dear Chidi, see our",
    "emma@example.com": "Dear friend, see our",
}
ENGAGEMENT = "Opens and clicks over time"


@pytest.fixture
def sink(site: Site, tmp_path: Path) -> Iterator[SmtpSink]:
    """The mail server that takes everything, and the workers that bring it."""
    with SmtpSink() as sink, workers(site.config, tmp_path):
        yield sink


@pytest.mark.browser
@pytest.mark.stack
def test_a_newcomer_sends_a_campaign_and_watches_it(
    site: Site, sink: SmtpSink, enter: Enter, watch: Watch, tmp_path: Path
):
    author, reader = enter(), enter(user_agent=READER)
    pages.sign_up(author, name="Ana Marković", email="ana@newcomer.example")
    pages.add_sender(author, port=sink.port)
    expect(pages.try_sender(author)).to_have_text("250 2.0.0 Ok: queued")
    uploads_a_list(author, _workbook(tmp_path))
    writes_a_campaign(author, link=f"{site.url}/signup?from=mail")
    sends_it(author)
    received = mails_are_complete(sink)
    _let_an_hour_pass(site)
    opens_and_clicks_appear(author, reader, received["bram@example.com"])
    unsubscribing_appears(author, reader, received["bram@example.com"])
    assert pages.is_same_document(author), "The live page was loaded anew"
    author.goto("/recipients/?q=bram")
    expect(author.locator("td.states")).to_have_text("Unsubscribed")
    assert not watch.found


def uploads_a_list(author: Page, file: Path) -> None:
    pages.upload(author, file)
    expect(author.get_by_text("Chidi Okafor")).to_be_visible()
    pages.match_columns(author, Who="Name", City="New attribute…")
    author.get_by_label("A new group").fill("Customers")
    pages.check_file(author)
    pages.start_import(author)
    expect(pages.figure(author, "New")).to_have_text("4")
    expect(pages.figure(author, "Rejected")).to_have_text("1")
    rejected = pages.download(author, "Download all").splitlines()
    assert len(rejected) == 2
    assert rejected[1].startswith("5,Mail,not-an-address,")


def writes_a_campaign(author: Page, *, link: str) -> None:
    pages.new_campaign(author, name="Autumn", subject="News for {{ city }}", group="Customers")
    pages.write(author, before="Dear ", field="First name", after=", see our ")
    pages.write_link(author, url=link, text="sale")
    preview = pages.save_and_review(author)
    expect(preview).to_contain_text("Dear Ana, see our sale")
    expect(author.locator(".sum dd")).to_have_text(["4", "4"])  # chosen, and left of them


def sends_it(author: Page) -> None:
    pages.send_now(author)
    expect(author.locator(".page-title .status")).to_have_text("Completed")
    expect(pages.figure(author, "Sent")).to_have_text("4")
    expect(author.locator("#log tbody tr")).to_have_count(4)
    pages.see_sum(author, "Sent, failed and pending", "", 4)


def mails_are_complete(sink: SmtpSink) -> dict[str, EmailMessage]:
    received = mails.by_recipient(sink.accepted)
    assert not sink.accepted_twice()
    assert received.keys() - GREETINGS.keys() == {"ana@newcomer.example"}  # the sender's test
    for address, greeting in GREETINGS.items():
        mail = received[address]
        assert greeting in mails.html(mail)
        assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert mail["List-Unsubscribe"].startswith("<http")
        assert mails.PIXEL.search(mails.html(mail))
    assert received["bram@example.com"]["Subject"] == "News for Utrecht"
    return received


def opens_and_clicks_appear(author: Page, reader: Page, mail: EmailMessage) -> None:
    author.locator("#log").hover()
    reader.set_content(mails.html(mail))  # its pixel is loaded, as in a mail program
    expect(pages.figure(author, "Unique opens")).to_have_text("1")
    pages.see_sum(author, ENGAGEMENT, "Opens", 1)
    opened = author.locator("#log td[data-label=Opened] time")
    assert opened.count() == 0, "The log moved under the pointer"
    author.locator("h1").hover()
    expect(opened).to_have_count(1)
    reader.get_by_role("link", name="sale").click()
    expect(reader).to_have_url(re.compile("/signup\\?from=mail$"))
    expect(pages.figure(author, "Unique clicks")).to_have_text("1")
    pages.see_sum(author, ENGAGEMENT, "Clicks", 1)
    expect(author.locator("#links .ranking-value")).to_have_text("1")


def unsubscribing_appears(author: Page, reader: Page, mail: EmailMessage) -> None:
    reader.set_content(mails.html(mail))
    reader.get_by_role("link", name="Unsubscribe").click()
    expect(reader.get_by_text("b•••@example.com")).to_be_visible()
    reader.get_by_role("button", name="Unsubscribe me").click()
    expect(reader.get_by_role("heading", name="You are unsubscribed")).to_be_visible()
    expect(pages.figure(author, "Unsubscribed")).to_have_text("1")


def _workbook(folder: Path) -> Path:
    book = Workbook()
    for row in ROWS:
        book.active.append(row)
    path = folder / "people.xlsx"
    book.save(path)
    return path


def _let_an_hour_pass(site: Site) -> None:
    """Whoever opens a mail within seconds of its sending counts as a machine."""
    with site.app.app_context():
        db.session.execute(text("UPDATE messages SET sent_at = sent_at - interval '1 hour'"))
        db.session.commit()
