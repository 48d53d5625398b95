from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask

from campaign_app import create_app
from campaign_app.lib import maildir
from config import Config
from local_stack.smtp import Maildir
from tests import factories
from tests.people import Person

LETTER = (
    b"Return-Path: <bounce@sender.test>\r\nDelivered-To: reader@example.test\r\n"
    b"From: Carillon <hello@sender.test>\r\nSubject: Autumn <news>\r\n"
    b"Content-Type: text/html; charset=utf-8\r\n\r\n"
    b'<html><head><title>x</title></head><a href="http://carillon.test/c/1">go</a></html>'
)


@pytest.fixture
def mailbox(tmp_path: Path) -> Maildir:
    return Maildir(tmp_path / "mailbox")


@pytest.fixture
def reader(config: Config, tmp_path: Path, mailbox: Maildir, alice: Person) -> Person:
    """Alice, on a development machine with a mail catcher."""
    app = create_app(replace(config, mailbox_dir=str(tmp_path / "mailbox")))
    app.config["WTF_CSRF_ENABLED"] = False
    return Person.enter(app, factories.membership(name="Reader"))


def only_key(tmp_path: Path) -> str:
    [summary] = maildir.page(tmp_path / "mailbox").items
    return summary.key


def test_an_empty_mailbox_says_what_to_do(reader: Person) -> None:
    page = reader.client.get("/dev/mailbox/")
    assert "No mail yet" in page.text


def test_the_list_shows_who_got_what(reader: Person, mailbox: Maildir) -> None:
    mailbox.add(LETTER)
    page = reader.client.get("/dev/mailbox/")
    assert "reader@example.test" in page.text
    assert "Autumn &lt;news&gt;" in page.text


def test_a_message_shows_its_headers_and_source(
    reader: Person, mailbox: Maildir, tmp_path: Path
) -> None:
    mailbox.add(LETTER)
    page = reader.client.get(f"/dev/mailbox/{only_key(tmp_path)}")
    assert "Delivered-To" in page.text
    source = reader.client.get(f"/dev/mailbox/{only_key(tmp_path)}/source")
    assert source.data == LETTER
    assert source.mimetype == "text/plain"


def test_the_html_runs_no_scripts_and_opens_links_in_a_new_tab(
    reader: Person, mailbox: Maildir, tmp_path: Path
) -> None:
    mailbox.add(LETTER)
    frame = reader.client.get(f"/dev/mailbox/{only_key(tmp_path)}/html")
    assert '<head><base target="_blank">' in frame.text
    policy = frame.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-popups allow-popups-to-escape-sandbox;")
    assert "script-src" not in policy
    assert "default-src 'none'" in policy


def test_the_mailbox_can_be_emptied(reader: Person, mailbox: Maildir) -> None:
    mailbox.add(LETTER)
    page = reader.client.post("/dev/mailbox/clear", follow_redirects=True)
    assert "No mail yet" in page.text


def test_a_name_that_is_no_message_is_404(reader: Person) -> None:
    assert reader.client.get("/dev/mailbox/..%2Fsecret_key").status_code == 404


def test_without_a_mail_catcher_there_is_no_mailbox(alice: Person) -> None:
    assert alice.client.get("/dev/mailbox/").status_code == 404


def test_strangers_have_to_log_in(config: Config, tmp_path: Path, session: None) -> None:
    app: Flask = create_app(replace(config, mailbox_dir=str(tmp_path)))
    answer = app.test_client().get("/dev/mailbox/")
    assert answer.status_code == 302
    assert answer.location.startswith("/login")
