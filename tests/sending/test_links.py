"""Links: which are followed through Carillon, and that nothing else is touched."""

from __future__ import annotations

import pytest

from campaign_app.lib.html import sanitise
from campaign_app.sending.links import links_in, redirect


@pytest.mark.parametrize(
    ("html", "found"),
    [
        ('<a href="https://x.example/a">a</a>', ["https://x.example/a"]),
        ("<a href='http://x.example/a'>a</a>", ["http://x.example/a"]),
        ("<A HREF=https://x.example/a>a</A>", ["https://x.example/a"]),
        ('<a href="https://x.example/?a=1&amp;b=2">a</a>', ["https://x.example/?a=1&b=2"]),
        ('<area href="https://x.example/">', ["https://x.example/"]),
        ('<a href="https://x.example/{{ id }}">a</a>', ["https://x.example/{{ id }}"]),
        (
            """<a href="https://x.example/?n={{ n | default: "b" }}">a</a>""",
            ['https://x.example/?n={{ n | default: "b" }}'],
        ),
        ('<a href="mailto:a@x.example">a</a><a href="#top">b</a><a name="top">c</a>', []),
        ('<a href="{{ unsubscribe_url }}">a</a>', []),
        ('<a href="https://x.example/?back={{ unsubscribe_url }}">a</a>', []),
        ('<a href="{{ website }}">a</a><a href="https://{{ host }}/a">b</a>', []),
        ('<a href="https://x.example{{ rest }}">a</a>', []),
        ('{% for p in l %}<a href="https://x.example/{{ p }}">a</a>{% endfor %}', []),
        ('<a href="https://x.example/{% if a %}">a</a>{% endif %}', []),
        ('<img src="https://x.example/a.png"><link href="https://x.example/a.css">', []),
        ('<!-- <a href="https://x.example/">a</a> --><p title="<a href=\'https://y\'>">b</p>', []),
    ],
)
def test_links_are_found(html, found):
    assert links_in(html) == found


def test_each_is_listed_once_in_order():
    html = "".join(f'<a href="https://x.example/{n}">a</a>' for n in (2, 1, 2, 3, 1))
    assert links_in(html) == [f"https://x.example/{n}" for n in (2, 1, 3)]


def test_sanitising_changes_no_link():
    link = """<a href="https://x.example/?n={{ n | default: 'b' }}&m=1">a</a>"""
    html = f"<table>{{% if a > 1 %}}<tr><td>{link}</td></tr>{{% endif %}}</table>"
    assert links_in(html)
    assert links_in(sanitise(html)) == links_in(html)


def test_only_the_address_is_replaced():
    html = (
        '<a class="x" href="https://x.example/?a=1&amp;b={{ c }}" title="y">{{ c }}</a><a href="#">'
    )
    link = links_in(html)[0]
    assert redirect(html, {link: "https://c.example/c/T.1"}) == (
        '<a class="x" href="https://c.example/c/T.1" title="y">{{ c }}</a><a href="#">'
    )


def test_an_address_without_a_number_is_left_alone():
    html = '<a href="https://x.example/">a</a>'
    assert redirect(html, {}) == html
