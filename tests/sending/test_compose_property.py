"""Composed mails against the standard library: what one writes, the other must read the same."""

from __future__ import annotations

import html
import re
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import parseaddr

from hypothesis import given, settings
from hypothesis import strategies as st

from campaign_app.lib.liquid import Field
from campaign_app.sending import mime
from campaign_app.sending.compose import Addressee, Source, compile_campaign

SETTINGS = settings(max_examples=60, deadline=None)
NASTY = st.sampled_from(
    (
        *(".", "..", "\n.\n", "\r\n..", "=", "=\r\n", "=?utf-8?q?x?=", "--=_carillon_18", "%"),
        *(" \n", "\t\n", "  ", "\r", "\n\n", "é", "😀", "ß" * 80, "x" * 200, ". " * 60, "%b%%"),
        *("." * 90, "a" * 75, "=" * 76, "a" * 74 + " \n", "\u2028", "\x0b", "\x85", "\xa0"),
        *("Bcc: a@b.c\r\n", '"', "<", "&amp;", "'", "\\", ",", "(x)"),
    )
)
TEXT = st.lists(
    st.one_of(NASTY, st.text(st.characters(exclude_categories=["Cs"]), max_size=90)), max_size=8
).map(lambda parts: "".join(parts).strip("\r"))  # or two pieces could make one CRLF
LITERAL = TEXT.filter(lambda text: "{" not in text and "}" not in text)
FIELD = st.builds(Field, st.sampled_from(["name", "city", "note", "missing"]))
PIECES = st.lists(st.one_of(LITERAL, FIELD), max_size=7)
VALUES = st.fixed_dictionaries({"city": TEXT, "note": TEXT})


def written(pieces: list[str | Field]) -> str:
    return "".join(p if isinstance(p, str) else f"{{{{ {p.name} }}}}" for p in pieces)


def filled(pieces: list[str | Field], values: dict[str, str], escape=str) -> str:
    return "".join(p if isinstance(p, str) else escape(values.get(p.name, "")) for p in pieces)


def compose(subject: str, text: str, page: str, name: str, attributes: dict[str, str]) -> bytes:
    source = Source(18, 3, subject, page, text, "Dö, ner", "news@shop.example")
    compiled = compile_campaign(
        source, links={}, public_url="https://c.example", sign=str, tracked=False
    )
    person = Addressee(7, "anna@x.example", name, attributes, "k3y")
    return compiled.render(person, date="Sun, 22 Nov 2026 07:00:00 +0000")


def reference(text: str, page: str) -> bytes:
    message = EmailMessage(policy=policy.SMTP)
    message.set_content(text, cte="quoted-printable")
    message.add_alternative(page, subtype="html", cte="quoted-printable")
    return message.as_bytes()


def read(mail: bytes) -> list[str]:
    message = BytesParser(policy=policy.default).parsebytes(mail)
    assert not message.defects
    assert message.get_content_type() == "multipart/alternative"
    return [
        re.sub(r"\r\n?", "\n", part.get_content()).rstrip("\n") for part in message.iter_parts()
    ]


def subject_of(mail: bytes) -> str:
    return str(BytesParser(policy=policy.default).parsebytes(mail)["Subject"])


def people(mail: bytes, header: str) -> tuple[str, str]:
    # Python 3.11's address parser puts a space between two encoded words; the older one does not.
    folded = message_from_bytes(mail)[header]
    name, address = parseaddr(re.sub(r"\r?\n", "", folded))
    return str(make_header(decode_header(name))), address


def with_way_out(pieces: list[str | Field]) -> list[str | Field]:
    return ["<html>", *pieces, "\n", Field("unsubscribe_url")]


@SETTINGS
@given(text=PIECES, page=PIECES, name=TEXT, values=VALUES)
def test_a_mail_reads_like_the_standard_librarys(text, page, name, values):
    text, page = with_way_out(text), with_way_out(page)
    composed = compose("Hello", written(text), written(page), name, values)
    values |= {"name": name, "unsubscribe_url": "https://c.example/u/7"}
    expected = reference(filled(text, values), filled(page, values, html.escape))
    assert read(composed) == read(expected)


# Not against EmailMessage: Python 3.11 loses blanks between encoded words when it folds.
@SETTINGS
@given(subject=PIECES, name=TEXT, values=VALUES)
def test_subject_and_names_read_as_they_were_meant(subject, name, values):
    mail = compose(written(subject), "text", "<p>page</p>", name, values)
    assert subject_of(mail) == mime.one_line(filled(subject, values | {"name": name}))
    assert people(mail, "To") == (mime.one_line(name), "anna@x.example")
    assert people(mail, "From") == ("Dö, ner", "news@shop.example")


@SETTINGS
@given(subject=PIECES, text=PIECES, page=PIECES, name=TEXT, values=VALUES)
def test_every_line_is_fit_for_the_wire(subject, text, page, name, values):
    mail = compose(written(subject), written(text), written(page), name, values)
    assert mail.endswith(b"--\r\n")
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", mail)
    head, _, body = mail.partition(b"\r\n\r\n")
    for line in mail.split(b"\r\n"):
        assert len(line) <= 76 or line.startswith(b"List-Unsubscribe:")
        assert not line.startswith(b".")
    assert not re.search(rb"^[ \t]*$", head, re.MULTILINE)
    assert body.isascii()
    assert head.isascii()


@SETTINGS
@given(pieces=PIECES, name=TEXT, values=VALUES)
def test_logic_makes_no_difference_to_what_is_read(pieces, name, values):
    plain = written(with_way_out(pieces))
    logical = "{% if true %}" + plain + "{% endif %}"
    one, other = (compose(body, body, body, name, values) for body in (plain, logical))
    assert read(one) == read(other)
    assert subject_of(one) == subject_of(other)
