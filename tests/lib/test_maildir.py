from email.message import EmailMessage
from pathlib import Path

import pytest

from campaign_app.lib import maildir
from campaign_app.lib.errors import NotFound
from local_stack.smtp import Maildir


def deliver(folder: Path, *subjects: str) -> None:
    """Keep messages as the mail catcher does."""
    for subject in subjects:
        Maildir(folder).add(b"Delivered-To: reader@example.test\r\n" + compose(subject))


def compose(subject: str) -> bytes:
    message = EmailMessage()
    message["Subject"], message["From"] = subject, "Carillon <hello@sender.test>"
    message.set_content("Plain words")
    message.add_alternative("<p>Fine words</p>", subtype="html")
    return message.as_bytes()


def test_the_newest_message_comes_first(tmp_path: Path) -> None:
    deliver(tmp_path, "first", "second", "third")
    page = maildir.page(tmp_path, number=1, size=2)
    assert [letter.subject for letter in page.items] == ["third", "second"]
    assert (page.total, page.pages) == (3, 2)


def test_a_page_past_the_end_is_empty(tmp_path: Path) -> None:
    deliver(tmp_path, "only")
    assert list(maildir.page(tmp_path, number=2).items) == []


def test_a_mailbox_that_never_got_mail_is_empty(tmp_path: Path) -> None:
    assert maildir.page(tmp_path / "missing").total == 0


def test_a_message_is_taken_apart(tmp_path: Path) -> None:
    deliver(tmp_path, "Grüße")
    letter = maildir.read(tmp_path, maildir.page(tmp_path).items[0].key)
    assert letter.summary.subject == "Grüße"
    assert letter.summary.recipient == "reader@example.test"
    assert (letter.text or "").strip() == "Plain words"
    assert (letter.html or "").strip() == "<p>Fine words</p>"
    assert ("From", "Carillon <hello@sender.test>") in letter.headers


def test_raw_utf8_and_an_unknown_charset_are_readable(tmp_path: Path) -> None:
    raw = 'Subject: é\r\nContent-Type: text/plain; charset="x-none"\r\n\r\nä'.encode()
    Maildir(tmp_path).add(raw)
    letter = maildir.read(tmp_path, maildir.page(tmp_path).items[0].key)
    assert ("Subject", "é") in letter.headers
    assert letter.text == "ä"


@pytest.mark.parametrize("key", ["../../secret_key", "0", "00000000000000000001.P1Q1.carillon"])
def test_a_name_that_is_no_message_is_not_found(tmp_path: Path, key: str) -> None:
    with pytest.raises(NotFound):
        maildir.read(tmp_path, key)


def test_clearing_throws_everything_away(tmp_path: Path) -> None:
    deliver(tmp_path, "one", "two")
    assert maildir.clear(tmp_path) == 2
    assert maildir.page(tmp_path).total == 0
