"""Which encoding a file is in."""

from __future__ import annotations

from pathlib import Path

import pytest

from campaign_app.imports.detect import Kind, kind_of
from campaign_app.imports.encodings import encoding_of, likely_encoding_of
from tests.imports import files


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8", "utf-16", "utf-16-le", "utf-16-be"])
def test_unicode_is_found_with_and_without_a_mark(tmp_path, encoding):
    path = files.written(tmp_path, "E-Mail;Name\nm@x.de;Müller\n".encode(encoding))
    assert encoding_of(path) == {"utf-8-sig": "utf-8", "utf-16": "utf-16-le"}.get(
        encoding, encoding
    )


@pytest.mark.parametrize("text", ["Żaneta;Łódź", "Анна;Москва", "田中;東京"])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_unicode_without_a_mark_holds_bytes_that_look_like_no_text(tmp_path, encoding, text):
    path = files.written(tmp_path, f"email;name\na@x.com;{text}\n".encode(encoding))
    assert (kind_of(path), encoding_of(path)) == (Kind.TEXT, encoding)


def test_japanese_that_looks_like_ascii_is_known(tmp_path):
    path = files.written(tmp_path, "メール,名前\na@x.com,田中花子\n".encode("iso2022_jp"))
    assert encoding_of(path) == "iso2022_jp"


def test_the_first_accent_may_stand_in_the_last_row(tmp_path):
    plain = b"a@x.com;Anna\n" * 200_000
    assert encoding_of(files.written(tmp_path, plain)) == "utf-8"
    assert (
        encoding_of(files.written(tmp_path, plain + "z@x.com;Jörg\n".encode("cp1252"))) == "cp1252"
    )
    assert encoding_of(files.written(tmp_path, plain + "z@x.com;Jörg\n".encode())) == "utf-8"


def test_the_only_accents_may_end_the_file(tmp_path):
    path = tmp_path / "list.csv"
    path.write_bytes("email,company\nana@example.com,Zespół".encode("cp1250"))
    assert encoding_of(path) == "cp1250"


PLAIN = b"someone@example.com;Jan;Utrecht\n" * 300_000
"""9 MB: more than is read while somebody waits."""


def long_list(folder: Path, *, at: float, lines: bytes) -> Path:
    """A long list of plain rows, with others somewhere in it; 1 is its end."""
    place = round(at * 300_000) * 32
    return files.written(folder, PLAIN[:place] + lines + PLAIN[place:])


@pytest.mark.parametrize("encoding", ["cp1252", "cp1250", "utf-8"])
@pytest.mark.parametrize("at", [0, 1])
def test_a_long_list_is_known_by_its_ends(tmp_path, at, encoding):
    name = {"cp1250": "Łukasz;Świętosław"}.get(encoding, "Jörg;François")
    path = long_list(tmp_path, at=at, lines=f"z@x.com;{name}".encode(encoding))
    assert (likely_encoding_of(path), encoding_of(path)) == (encoding, encoding)


def test_what_lies_between_is_found_when_there_is_time(tmp_path):
    path = long_list(tmp_path, at=0.5, lines="z@x.com;Jörg;François\n".encode("cp1252"))
    assert (likely_encoding_of(path), encoding_of(path)) == ("utf-8", "cp1252")


def test_pieces_cut_no_letter_in_two(tmp_path):
    for encoding in ("utf-8", "euc_jp", "cp932"):
        path = files.written(tmp_path, "山田太郎;東京都\n".encode(encoding) * 600_000)
        assert likely_encoding_of(path) == encoding


def test_two_files_joined_are_read_as_each_was_meant(tmp_path):
    row = "a@x.com;Jörg;François\n"
    for first, second in (("utf-8", "cp1252"), ("cp1252", "utf-8")):
        path = files.written(tmp_path, row.encode(first) * 9 + row.encode(second) * 99)
        assert {tuple(cells) for cells in files.read(path)} == {("a@x.com", "Jörg", "François")}


def test_marks_of_lost_letters_are_unicode(tmp_path):
    path = files.written(tmp_path, "email;name\na@x.com;J\ufffdrg\nb@x.com;Zo\ufffd\n")
    assert encoding_of(path) == "utf-8"
