"""Composing: what every campaign mail carries, and what no mail may carry."""

from __future__ import annotations

import time
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

from campaign_app.lib.errors import Invalid
from campaign_app.lib.signing import Signer
from campaign_app.sending.compose import (
    Addressee,
    Source,
    compile_campaign,
    compose_one,
    links_in,
    preview,
)

DATE = "Sun, 22 Nov 2026 07:00:00 +0000"
PAGE = """<h1>Hi {{ first_name | default: "friend" }}</h1>
<p><a href="https://shop.example/?a=1&amp;c={{ city }}">Shop</a></p>"""
SOURCE = Source(18, 3, "Hello {{ name }}", PAGE, "", "Döner & Co", "news@shop.example")
ANNA = Addressee(42, "anna@x.example", "Anna Schmidt", {"city": "Köln"}, "k3y")


def compose(source: Source = SOURCE, addressee: Addressee = ANNA, **options) -> EmailMessage:
    links = {url: number for number, url in enumerate(links_in(source.html), start=1)}
    options = {
        "links": links,
        "public_url": "https://c.example/",
        "sign": lambda n: f"T{n}",
    } | options
    mail = compile_campaign(source, **options).render(addressee, date=DATE)
    return message_from_bytes(mail, policy=policy.default)


def bodies(message: EmailMessage) -> tuple[str, str]:
    text, page = (part.get_content().replace("\r\n", "\n") for part in message.iter_parts())
    return text, page


def test_the_headers_are_those_receivers_demand():
    message = compose(replace(SOURCE, reply_to="help@shop.example", mark_subject=True))
    assert {name: value for name, value in message.items() if name != "Content-Type"} == {
        "From": "Döner & Co <news@shop.example>",
        "Reply-To": "help@shop.example",
        "To": "Anna Schmidt <anna@x.example>",
        "Subject": "Hello Anna Schmidt [CID:18]",
        "Date": DATE,
        "Message-ID": "<c18.m42.k3y@shop.example>",
        "List-Unsubscribe": "<https://c.example/u/T42>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "List-Id": "<w3.shop.example>",
        "Feedback-ID": "c18:w3:campaign:carillon",
        "Precedence": "bulk",
        "Auto-Submitted": "no",
        "X-Carillon-Campaign": "18",
        "MIME-Version": "1.0",
    }


def test_text_comes_first_then_html():
    message = compose()
    assert message.get_content_type() == "multipart/alternative"
    kinds = [part.get_content_type() for part in message.iter_parts()]
    assert kinds == ["text/plain", "text/html"]


def test_the_text_is_made_of_the_html():
    text, _ = bodies(compose())
    assert text.startswith("Hi Anna\n\n[Shop](https://shop.example/?a=1&c=Köln)\n")
    text, _ = bodies(compose(replace(SOURCE, text="Dear {{ name }}")))
    assert text.startswith("Dear Anna Schmidt\n")


def test_html_is_made_of_a_text_alone():
    _, page = bodies(compose(replace(SOURCE, html="", text="Hi {{ name }}\n<you>\n\nBye")))
    assert "<p>Hi Anna Schmidt<br>\n&lt;you&gt;</p>\n<p>Bye</p>" in page


def test_the_same_message_has_the_same_id_and_others_another():
    assert compose()["Message-ID"] == compose()["Message-ID"]
    other = compose(addressee=ANNA._replace(message_id=43))
    assert other["Message-ID"] == "<c18.m43.k3y@shop.example>"


def test_links_and_pixel_carry_the_token():
    _, page = bodies(compose())
    assert 'href="https://c.example/c/T42.1"' in page
    assert '<img src="https://c.example/o/T42.gif" width="1" height="1" alt=""' in page
    assert page.rstrip().endswith("</body>\n</html>")


def test_untracked_links_stay_as_they_are():
    _, page = bodies(compose(tracked=False))
    assert 'href="https://shop.example/?a=1&amp;c=Köln"' in page
    assert "/o/" not in page


def test_the_way_out_is_added_where_the_author_left_it_out():
    text, page = bodies(compose(replace(SOURCE, footer="Shop & Co, Berlin")))
    assert text.endswith("\n--\nShop & Co, Berlin\nUnsubscribe: https://c.example/u/T42\n")
    assert "Shop &amp; Co, Berlin<br>" in page
    assert page.count('<a href="https://c.example/u/T42"') == 1


def test_the_authors_own_way_out_is_enough():
    html = PAGE + '<a href="{{ unsubscribe_url }}">Bye</a>'
    text, page = bodies(compose(replace(SOURCE, html=html)))
    assert text.count("https://c.example/u/T42") == page.count("https://c.example/u/T42") == 1


@pytest.mark.parametrize("vip", ["yes", ""])
def test_a_way_out_that_logic_hides_is_added(vip):
    html = PAGE + '{% if vip %}<a href="{{ unsubscribe_url }}">Bye</a>{% endif %}'
    anna = ANNA._replace(attributes={"vip": vip})
    text, page = bodies(compose(replace(SOURCE, html=html), anna))
    assert text.count("https://c.example/u/T42") == page.count("https://c.example/u/T42") == 1


def test_logic_is_filled_in_per_recipient():
    html = "{% if city == 'Köln' %}<p>Alaaf {{ name | upcase }}</p>{% endif %}"
    subject = "{% if city == 'Köln' %}Alaaf!{% endif %} %"
    message = compose(replace(SOURCE, html=html, subject=subject))
    assert "<p>Alaaf ANNA SCHMIDT</p>" in bodies(message)[1]
    assert message["Subject"] == "Alaaf! %"


def test_html_in_a_value_is_text():
    anna = ANNA._replace(name="<b>Anna</b>")
    text, page = bodies(compose(addressee=anna))
    assert "Hi <b>Anna</b>" in text
    assert "Hi &lt;b&gt;Anna&lt;/b&gt;" in page


def test_a_recipients_data_cannot_replace_carillons():
    mine = {
        "unsubscribe_url": "https://evil.example",
        "_carillon_token": "x",
        "email": "b@x.example",
    }
    source = replace(SOURCE, html="<p>{{ email }} {{ unsubscribe_url }}</p>")
    _, page = bodies(compose(source, ANNA._replace(attributes=mine)))
    assert "anna@x.example https://c.example/u/T42" in page
    assert "/o/T42.gif" in page


@pytest.mark.parametrize("value", ["a\r\nBcc: b@x.example", "a\nb", "a\r\rb", "a\x00b", "a\u2028b"])
def test_no_value_begins_a_header(value):
    message = compose(addressee=ANNA._replace(name=value))
    assert "Bcc" not in message
    assert len(message.items()) == len(compose().items())
    assert not message.defects


@pytest.mark.parametrize(
    "change",
    [
        {"from_name": "A\r\nBcc: b@x.example"},
        {"from_email": "a@x.example\nX: y"},
        {"reply_to": "a@x.example\r\nX: y"},
        {"from_email": "not an address"},
        {"html": "{% if %}"},
        {"subject": "{{ name"},
    ],
)
def test_a_campaign_that_cannot_be_written_is_refused(change):
    with pytest.raises(Invalid):
        compose(replace(SOURCE, **change))


@pytest.mark.parametrize(
    "email", ["", "anna", "a@x.example, b@x.example", "a@x.example\r\nX: y", "ü@x"]
)
def test_a_mail_without_a_proper_address_is_refused(email):
    with pytest.raises(Invalid):
        compose(addressee=ANNA._replace(email=email))


def test_logic_that_fails_fails_that_mail_only():
    source = replace(SOURCE, html="{{ 10 | divided_by: n }}")
    with pytest.raises(Invalid):
        compose(source, ANNA._replace(attributes={"n": "0"}))
    assert "5" in bodies(compose(source, ANNA._replace(attributes={"n": "2"})))[1]


def test_a_long_subject_is_folded():
    message = compose(replace(SOURCE, subject="Neuigkeiten für {{ name }} " * 20))
    assert message["Subject"] == ("Neuigkeiten für Anna Schmidt " * 20).strip()


def test_a_test_mail_is_not_tracked():
    data = compose_one(SOURCE, ANNA, public_url="https://c.example", sign=str, date=DATE.encode())
    text, page = bodies(message_from_bytes(data, policy=policy.default))
    assert "/c/" not in page
    assert "/o/" not in page
    assert "https://c.example/u/42" in text


def test_a_preview_is_what_the_recipient_reads():
    seen = preview(SOURCE, ANNA)
    assert seen.subject == "Hello Anna Schmidt"
    assert "<h1>Hi Anna</h1>" in seen.html
    assert seen.text.startswith("Hi Anna\n")


def test_a_preview_holds_nothing_active():
    source = replace(SOURCE, html='<a href="{{ site }}">x</a><script>alert(1)</script>')
    seen = preview(source, ANNA._replace(attributes={"site": "javascript:alert(1)"}))
    assert "javascript:" not in seen.html
    assert "script" not in seen.html


def test_a_mail_takes_a_fraction_of_a_millisecond():
    html = PAGE + "<p>Lorem ipsum dolor sit amet.</p>" * 150 + "<p>{{ name }}, {{ city }}</p>"
    compiled = compile_campaign(
        replace(SOURCE, html=html), links={}, public_url="https://c.example", sign=Signer("s").sign
    )
    people = [ANNA._replace(message_id=number, name=f"Ann{number}") for number in range(1000)]
    begun = time.thread_time()
    sizes = [len(compiled.render(person, date=DATE)) for person in people]
    assert time.thread_time() - begun < 0.3
    assert min(sizes) > 10_000
