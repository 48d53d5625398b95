"""The HTML of mails: nothing active gets in, nothing a marketer needs gets lost."""

from __future__ import annotations

import re
import time
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaign_app.lib import html as markup
from campaign_app.lib import liquid
from campaign_app.lib.errors import Invalid

DOCUMENT = """<!doctype html>
<html lang="de"><head><meta http-equiv="refresh" content="0;url=https://x.example">
<title>Frühling &amp; Co</title>
<style>@import url(https://x.example/a.css); .big { color: red }</style>
<style>@media (max-width: 600px) { .big { width: 100% !important } }</style>
<!--[if mso]><xml><o:PixelsPerInch>96</o:PixelsPerInch></xml><![endif]-->
</head><body bgcolor="#fafafa" style="margin:0" onload="alert(1)">
<!-- a note --><!--[if mso]><table><tr><td><![endif]-->
<p class="big">Hello {{ name }}</p>
<!--[if mso]></td></tr></table><![endif]--></body></html>"""


@pytest.mark.parametrize(
    "html",
    [
        '<p style="color:red">x</p>',
        '<img src="https://x.example/a.png" alt="A" width="600">',
        '<img src="cid:logo"><img src="data:image/png;base64,AAAA">',
        '<a href="https://x.example/?a=1&amp;b=2" target="_blank">x</a>',
        '<a href="mailto:a@x.example">y</a><a href="tel:+4930123">z</a>',
        '<table role="presentation" cellpadding="0" bgcolor="#fff"></table>',
        '<td background="https://x.example/b.png">',
        '<p style="line-height:1.5;mso-line-height-rule:exactly">x</p>',
        "<!--[if mso]><table><tr><td><![endif]--><p>x</p><!--[if mso]></table><![endif]-->",
        '<h1>Hi {{ name | default: "you" }}</h1><p>{% if a %}x{% endif %}</p>',
        "<a href=\"https://x.example/?n={{ name | default: 'b' }}\">x</a>",
        '<a href="{{ website }}">y</a>',
        "<table><tbody>{% for i in l %}<tr><td>{{ i }}</td></tr>{% endfor %}</tbody></table>",
    ],
)
def test_what_mail_needs_stays_as_it_is(html):
    if html.startswith("<td"):
        html = f"<table><tbody><tr>{html}</td></tr></tbody></table>"
    assert markup.sanitise(html) == html


@pytest.mark.parametrize(
    ("html", "left"),
    [
        ('<p onclick="x()">a</p><script>alert(1)</script>', "<p>a</p>"),
        ('<a href="javascript:alert(1)">a</a>', "<a>a</a>"),
        ('<a href="data:text/html,x">a</a>', "<a>a</a>"),
        ('<img src="data:image/svg+xml;base64,AA" onerror="x">', "<img>"),
        ("<iframe src=x></iframe><object></object>b<form><input>c</form>", "bc"),
        ('<p style="position:fixed;color:red;behavior:url(x)">a</p>', '<p style="color:red">a</p>'),
        ("<svg><script>x</script></svg><b>a</b>", "<b>a</b>"),
        ("<!-- note --><p>a</p><!--[if mso]><script>x</script><![endif]-->", "<p>a</p>"),
        ("<p {{ x }} class='a'>a</p>", '<p class="a">a</p>'),
        ('<td background="javascript:x">', ""),
        ("<style>a{b:expression(x)}</style>", "<style>\na{b:/**/x)}\n</style>"),
    ],
)
def test_what_is_active_goes(html, left):
    assert markup.sanitise(html).strip() == left


def test_a_whole_document_stays_one():
    clean = markup.sanitise(DOCUMENT)
    assert clean.startswith('<!DOCTYPE html>\n<html lang="de">\n<head>\n<meta charset="utf-8">')
    assert "<title>Frühling &amp; Co</title>" in clean
    assert '<body bgcolor="#fafafa" style="margin:0">' in clean
    assert "@media (max-width: 600px) { .big { width: 100% !important } }" in clean
    assert clean.index("PixelsPerInch") < clean.index("</head>") < clean.index("<table>")
    assert not re.search("onload|@import|refresh|a note", clean)


def test_a_document_keeps_what_mail_clients_look_for():
    head = '<meta name="color-scheme" content="light dark"><!--[if !mso]><!-->'
    page = f'<html xmlns:v="urn:schemas-microsoft-com:vml"><head>{head}</head><body>x</body></html>'
    clean = markup.sanitise(page)
    assert '<html xmlns:v="urn:schemas-microsoft-com:vml">' in clean
    assert '<meta name="color-scheme" content="light dark">\n<!--[if !mso]><!-->' in clean


def test_a_head_that_is_never_closed_swallows_nothing():
    page = "<html><head><title>T</title><link href='x'><p>Hello</p><p>you</p>"
    assert "<body>\n<p>Hello</p><p>you</p>\n</body>" in markup.sanitise(page)
    assert "<body>\nHello\n</body>" in markup.sanitise("<head><title>T</title>Hello")


def test_liquid_in_html_is_written_well_formed():
    clean = markup.sanitise(
        '<a href="https://x.example/{{ x | default: "b" }}">a</a>{% if a < 3 %}'
    )
    assert clean == ("<a href=\"https://x.example/{{ x | default: 'b' }}\">a</a>{% if a &lt; 3 %}")
    both = markup.sanitise("""<a title="{{ x | default: "it's" }}">a</a>""")
    assert both == """<a title="{{ x | default: &quot;it's&quot; }}">a</a>"""


def test_loops_stay_inside_their_table():
    rows = "<table>{% for i in l %}<tr><td>{{ i }}</td></tr>{% endfor %}</table>"
    assert markup.sanitise(rows) == (
        "<table><tbody>{% for i in l %}<tr><td>{{ i }}</td></tr>{% endfor %}</tbody></table>"
    )


def test_a_fragment_becomes_a_document_with_its_styles_in_the_head():
    page = markup.document("<style>\np{}\n</style>\n<p>x</p>")
    assert page.index("<head>") < page.index("p{}") < page.index("</head>") < page.index("<p>x")
    assert markup.document(page) == page


ACTIVE = {"script", "iframe", "form", "object", "embed", "svg", "math", "base", "link", "textarea"}
ACTIVE_URL = re.compile(r"\s*(javascript|data:text)", re.IGNORECASE)


class Reader(HTMLParser):
    """Notes whatever a mail client might run."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.active: list[object] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        if tag in ACTIVE:
            self.active.append(tag)
        for name, value in attrs:
            if name.startswith("on") or ACTIVE_URL.match(value or ""):
                self.active.append((name, value))


SOUP = (
    *(
        "<p>",
        "</p>",
        "<table>",
        "<tr>",
        "<td>",
        "</td>",
        "</table>",
        "<tbody>",
        "<script>",
        "<svg>",
    ),
    *(
        "</script>",
        "<style>",
        "</style>",
        "<!--",
        "-->",
        "<!-->",
        "--!>",
        "<!--[if mso]>",
        "<html>",
    ),
    *(
        "<![endif]-->",
        "{% if a > 1 %}",
        "{% endif %}",
        "{% for i in l %}",
        "{% endfor %}",
        "{{",
        "}}",
    ),
    *(
        '{{ x | default: "b" }}',
        "{{ '\"' }}",
        '{{ "<script>" }}',
        "&#125;&#125;",
        "{{ x }}",
        "<head>",
    ),
    *('<a href="https://x/?{{ y | default: "q" }}">', "<img src=x onerror=alert(1)>", "</head>"),
    *(
        '<a href="javascript:alert(1)">',
        "<body onload=x>",
        "<title>",
        "</title>",
        "<math>",
        "<mtext>",
    ),
    *(
        "text",
        "&lt;",
        "&amp;",
        '"',
        "'",
        "<",
        ">",
        "=",
        "</",
        "<svg/onload=x>",
        "<b title='",
        "<font>",
    ),
    *(
        "<plaintext>",
        "<td {{ x }}>",
        "lqx0z",
        "<!--lqx0z-->",
        "expression(",
        "\\",
        "<template>",
        "\n",
    ),
)
SOUPS = st.lists(st.one_of(st.sampled_from(SOUP), st.text(max_size=4)), max_size=25).map("".join)


@settings(max_examples=300, deadline=None)
@given(SOUPS)
def test_any_soup_is_clean_at_once_and_stays_so(soup):
    clean = markup.sanitise(soup)
    assert markup.sanitise(clean) == clean
    assert not Reader(clean).active
    markup.to_text(clean)


@settings(max_examples=300, deadline=None)
@given(SOUPS)
def test_filling_in_brings_nothing_active_back(soup):
    clean = markup.sanitise(soup)
    try:
        template = liquid.compile(clean, escape=liquid.Escape.HTML)
    except Invalid:
        return
    filled = template.render({"x": "<b onclick=1>", "y": "'\"><script>"})
    assert not Reader(filled).active


@pytest.mark.parametrize(
    "html", ["{{" * 30_000, "<!--" * 30_000, "<style>" * 9_000, "<a ='" * 20_000, "{{ a }}" * 5_000]
)
def test_hostile_html_takes_no_time(html):
    begun = time.thread_time()
    markup.sanitise(html)
    markup.to_text(html)
    assert time.thread_time() - begun < 10


TEXTS = [
    ("", ""),
    ("<p>One</p><p>Two<br>Three</p>", "One\n\nTwo\nThree"),
    ('<h1>Hi {{ name | default: "you" }}</h1>', 'Hi {{ name | default: "you" }}'),
    ('<a href="https://x.example/?b={{ c }}">Shop</a>', "[Shop](https://x.example/?b={{ c }})"),
    (
        '<a href="https://x.example/{{ c }}"><img src="a.png" alt=""></a>',
        "https://x.example/{{ c }}",
    ),
    ("<ul><li>a</li><li>b</li></ul>", "* a\n* b"),
    ("<style>p{}</style><!-- n --><p>x</p><div style='display:none'>hidden</div>", "x"),
    ('<img src="https://x.example/a.png" alt="Our shop">', "[Our shop]"),
    ("<p>{% if age &gt; 17 %}x{% endif %}</p>", "{% if age > 17 %}x{% endif %}"),
    (
        "<table>{% for i in l %}<tr><td>{{ i }}</td></tr>{% endfor %}</table>",
        "{% for i in l %}{{ i }}\n{% endfor %}",
    ),
]


@pytest.mark.parametrize(("html", "text"), TEXTS)
def test_text_is_made_of_it(html, text):
    assert markup.to_text(html) == text
