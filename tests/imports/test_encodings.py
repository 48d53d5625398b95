"""Which encoding a file is in."""
# ruff: noqa: RUF001

from __future__ import annotations

import time

import pytest

from campaign_app.imports.detect import Kind, kind_of
from campaign_app.imports.encodings import CHOICES, code_page_of, encoding_of
from tests.imports import files

NAMES = {
    "cp1252": ["Müller;Jörg\nFrançois;Béla", "André", "José Núñez;Peña", "Søren;Åse", "5 € – “a”"],
    "mac_roman": ["François;Béla\nMüller", "José Núñez;Peña"],
    "cp850": ["Müller;Jörg;Käthe"],
    "cp1250": ["Wałęsa;Łukasz;Świętosław\nŻółć", "Novák;Dvořák;Jiří;Žofie", "Győző;Erzsébet;Szűcs"],
    "iso8859_2": ["Jiří;Dvořák;Žofie;Šťastná", "Świętosław;Wałęsa"],
    "cp1251": [
        "Пушкин;Анна;Вера;Юрий",
        "МОСКВА;АННА;ВЕРА;ЮРИЙ",
        "Иванов;Пётр\nСмирнова;Анна",
        "Шевченко;Олена",
    ],
    "koi8_r": ["Пушкин;Анна;Вера;Юрий", "Иванов;Пётр\nСмирнова;Анна"],
    "cp1253": ["Παπαδάκης;Γιώργος"],
    "cp1254": ["Yılmaz;Şahin;Çağlar\nGökçe;İstanbul"],
    "cp1256": ["محمد;أحمد\nالقاهرة"],
    "cp932": ["山田;太郎\n東京都;鈴木一郎"],
    "gb18030": ["王小明;北京\n李华;上海", "邮箱,姓名\n张伟\n王芳"],
    "cp949": ["이메일,이름\n김철수\n이영희", "김철수;서울\n이영희;부산"],
}


@pytest.mark.parametrize(
    ("encoding", "text"), [(name, text) for name, texts in NAMES.items() for text in texts]
)
def test_short_lists_of_names_reveal_their_code_page(encoding, text):
    assert code_page_of(text.encode(encoding)) == encoding
    assert encoding in CHOICES


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


def test_long_words_do_not_slow_the_guess():
    long_words = ("x" * 5_000 + ";Müller\n").encode("cp1252") * 300
    begun = time.process_time()
    assert code_page_of(long_words) == "cp1252"
    assert time.process_time() - begun < 2


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
