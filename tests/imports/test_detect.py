"""What a file really is, and what its owner is told when it is no list."""

from __future__ import annotations

import pytest

from campaign_app.imports import limits
from campaign_app.imports.detect import Kind, kind_of
from campaign_app.lib.errors import Invalid
from tests.imports import files


@pytest.mark.parametrize(
    "content",
    [
        b"email\na@x.com\n",
        "\ufeffemail\n".encode(),
        "email\r\na@x.com".encode("utf-16"),
        "email\tname\r\na@x.com\tАнна Иванова\r\nb@x.com\t李伟".encode("utf-16"),  # noqa: RUF001
        b"a@x.com",
    ],
)
def test_text_is_text_in_any_encoding(tmp_path, content):
    assert kind_of(files.written(tmp_path, content)) is Kind.TEXT


def test_a_workbook_is_known_by_its_parts(tmp_path):
    content = files.workbook({"People": [["email"], ["a@x.com"]]})
    assert kind_of(files.written(tmp_path, content)) is Kind.EXCEL


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b" \r\n\n", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"<div><table><tr><td>email</td></tr></table></div>", "web page"),
        (b'<?xml version="1.0"?><people><p>a@x.com</p></people>', "XML file"),
        (b'[\n {"email": "a@x.com"}]', "JSON file"),
        (files.zipped({"list.csv": "email\n"}), ".zip archive"),
        (files.zipped({"word/document.xml": "x"}), "Word document"),
        (files.zipped({"content.xml": "x"}), "OpenDocument"),
        (b"PK\x03\x04 and then rubbish", "damaged"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "old Excel file"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), "password"),
        (b"%PDF-1.7", "PDF"),
        (b"\x89PNG\r\n\x1a\n", "picture"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"<html><table><tr><td>a@x.com", "web page"),
        (b'[{"email": "a@x.com"}]', "JSON"),
        (b"BEGIN:VCARD\nEMAIL:a@x.com", "address card"),
        (bytes(range(256)) * 20, "not a table"),
    ],
)
def test_everything_else_is_refused_with_a_remedy(tmp_path, content, words):
    with pytest.raises(Invalid, match=words) as refused:
        kind_of(files.written(tmp_path, content))
    assert refused.value.field == "file"


def test_a_bomb_is_refused_by_its_directory_alone(tmp_path):
    bomb = files.zipped({"xl/workbook.xml": "0" * 20_000_000})
    with pytest.raises(Invalid, match="too large"):
        kind_of(files.written(tmp_path, bomb))
    assert len(bomb) * limits.EXCEL_MAX_RATIO < 20_000_000
