"""Templates: what a marketer can write, what is said about slips, what cannot be done with them."""

from __future__ import annotations

import html
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign_app.lib import liquid
from campaign_app.lib.errors import Invalid
from campaign_app.lib.liquid import Escape

ANNA = {"name": "Anna Schmidt", "city": "Köln", "age": "17", "tags": "a,b", "Shoe size": "38"}


def render(text: str, values: dict[str, str] = ANNA, escape: Escape = Escape.NONE) -> str:
    return liquid.compile(text, escape=escape).render(values)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("Hi {{ name }}!", "Hi Anna Schmidt!"),
        ("{{name}} {{ attributes.city }}", "Anna Schmidt Köln"),
        ('{{ attributes["Shoe size"] }}', "38"),
        ('Hi {{ nick | default: "friend" }}', "Hi friend"),
        ("Hi {{ nick | default:'you' }}", "Hi you"),
        ("[{{ nothing }}]", "[]"),
        ("a } b { c {d} %}", "a } b { c {d} %}"),
    ],
)
def test_plain_merge_fields_take_the_quick_way(template, text):
    assert liquid.compile(template).is_plain
    assert render(template) == text


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ name | upcase }}", "ANNA SCHMIDT"),
        ("{% if city == 'Köln' %}Alaaf{% else %}Hi{% endif %} {{ name }}", "Alaaf Anna Schmidt"),
        ("{% if attributes.city %}{{ attributes.city }}{% endif %}", "Köln"),
        ("{% assign t = tags | split: ',' %}{% for i in t %}<{{ i }}>{% endfor %}", "<a><b>"),
        ("{% for i in (1..3) %}{{ i }}{% endfor %}", "123"),
        ("{%- if true -%} x {%- endif -%} y", "xy"),
        ("{{ nick | default: name | upcase }}", "ANNA SCHMIDT"),
        ("{% comment %}{% if %}{% endcomment %}x", "x"),
        ("{{ name | replace: 'Anna', 'Ann' | append: '!' }}", "Ann Schmidt!"),
        ("{{ 'now' | date: '%Y' | size }}", "4"),
        ("{{ tags | split: ',' | last }}{{ name | slice: 0, 2 }}{{ age | plus: 1 }}", "bAn18"),
        ("{% assign x = (1..100000000) %}{{ x | slice: 0, 3 | join: '-' }}", "1-2-3"),
        ("{% unless vip %}no{% endunless %}{% case city %}{% when 'Köln' %}k{% endcase %}", "nok"),
    ],
)
def test_logic_works(template, text):
    assert not liquid.compile(template).is_plain
    assert render(template) == text


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("Hi\n{{ name", "Line 2: a merge field or tag is opened but not closed"),
        ("{{ first name }}", r"has a space in its name. Write {{ first_name }}"),
        ("a\nb\n{{ name | }}", "Line 3: {{ name | }} cannot be read"),
        ("{{ }}", "Write a merge field like"),
        ("\n{% if a %}x", "Line 2: {% if a %} is never closed. Add {% endif %}"),
        ("{% endif %}", "closes nothing"),
        ("{% include 'x' %}", "there is no tag"),
        ("{% raw %}{{ x }}{% endraw %}", "cannot be used here"),
        ("x\n{{ name | upcasee }}", 'Line 2: there is no filter "upcasee". Did you mean "upcase"?'),
        ("{{ '" + "x" * 1000 + "' }}", "longer than 1000 characters"),
        ("{% if a %}" * 50 + "{% endif %}" * 50, "nesting"),
        ("{{ " + "a[" * 300 + "]" * 300 + " }}", "cannot be read"),
    ],
)
def test_a_slip_is_told_in_the_users_words(template, told):
    with pytest.raises(Invalid) as problem:
        liquid.compile(template)
    assert told in problem.value.message


def test_fields_are_the_recipients_values_it_uses():
    template = "{{ name }}{{ attributes.city }}{% assign x = age %}{% if vip %}{{ x }}{% endif %}"
    assert liquid.compile(template).fields == {"name", "city", "age", "vip"}
    assert liquid.compile("{{ a }}{{ attributes['b c'] }}").fields == {"a", "b c"}


def test_only_what_shows_in_any_case_always_shows():
    template = liquid.compile("{{ name }}{% if vip %}{{ city }}{% endif %}")
    assert template.always_shows("name")
    assert not template.always_shows("city")


@pytest.mark.parametrize(
    "template",
    [
        "{{ x }}",
        "{{ x | strip }}",
        "{% if x %}{{ x }}{% endif %}",
        '{{ missing | default: "<b>\'&" }}',
        '{{ "<b>\'&" | append: "" }}',
        "{{ x | escape }}",
        "{{ x | escape_once | upcase | downcase }}",
    ],
)
def test_in_html_values_and_literals_are_escaped_once(template):
    assert render(template, {"x": "<b>'&"}, Escape.HTML) == "&lt;b&gt;&#x27;&amp;"


def test_in_an_address_values_are_percent_encoded():
    url = "https://x.example/{{ city }}?q={{ note | upcase }}"
    values = {"city": "Köln/Süd", "note": "a&b"}
    assert render(url, values, Escape.URL) == "https://x.example/K%C3%B6ln%2FS%C3%BCd?q=A%26B"


def test_liquid_written_with_entities_is_understood():
    template = "{% if age &gt; &quot;16&quot; %}yes{% endif %}{{&nbsp;name }} &amp;"
    assert render(template, {"age": "17", "name": "A"}, Escape.HTML) == "yesA &amp;"


def test_an_entity_cannot_end_the_liquid_early():
    with pytest.raises(Invalid, match="more simply"):
        liquid.compile("{{ x &#125;&#125;<script>&#123;&#123; y }}", escape=Escape.HTML)


BOMBS = [
    "{% for i in (1..100000000) %}x{% endfor %}",
    "{% for i in (1..1000) %}{% for j in (1..1000) %}x{% endfor %}{% endfor %}",
    "{% for i in (1..1000) %}" + "x" * 10_000 + "{% endfor %}",
    "{% assign x = 'ab' %}" + "{% assign x = x | append: x %}" * 40 + "{{ x }}",
    "{% assign x = 'aaaaaaaaaa' %}" + "{% assign x = x | replace: 'a', x %}" * 9 + "{{ x }}",
    "{% assign x = 9 %}{% for i in (1..99) %}{% assign x = x | times: x %}{% endfor %}{{ x }}",
    "{% for i in (1..1000) %}" + "{{ 'abc' | upcase | size }}" * 2000 + "{% endfor %}",
    "{% assign a = 1 %}" + "{% for i in (1..1000) %}{% endfor %}" * 3000,
]


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_stopped(bomb):
    template = liquid.compile(bomb)
    begun = time.thread_time()
    with pytest.raises(Invalid, match="does too much"):
        template.render({})
    assert time.thread_time() - begun < 8  # a quarter of a second, and what runs at that moment


@pytest.mark.parametrize("text", ["{{" * 100_000, "{%" * 100_000, "{{" + " " * 50_000 + "}}"])
def test_many_braces_are_refused_at_sight(text):
    begun = time.thread_time()
    with pytest.raises(Invalid):
        liquid.compile(text, escape=Escape.HTML)
    assert time.thread_time() - begun < 10


def test_logic_that_fails_on_a_recipient_says_so():
    template = liquid.compile("{{ 10 | divided_by: age }}")
    assert template.render({"age": "5"}) == "2"
    with pytest.raises(Invalid, match="cannot be filled in"):
        template.render({"age": "0"})


def test_templates_are_shared_between_threads():
    template = liquid.compile("{% for i in (1..50) %}{{ name }}{% endfor %}")
    people = [{"name": f"<{number}>"} for number in range(200)]
    with ThreadPoolExecutor(8) as pool:
        texts = list(pool.map(template.render, people))
    assert texts == [person["name"] * 50 for person in people]


PIECES = st.lists(
    st.sampled_from(
        (
            *("text\n", " ", "{{ a }}", "{{ b | default: 'x<' }}", "{{ c | upcase }}"),
            *(
                "{% if a %}{{ a }}{% else %}-{% endif %}",
                "{% for i in (1..2) %}{{ i }}{% endfor %}",
            ),
        )
    ),
    max_size=8,
)


@given(pieces=PIECES, a=st.text(max_size=5), b=st.text(max_size=5))
def test_the_quick_way_gives_what_liquid_gives(pieces, a, b):
    values = {"a": a.replace("\r", ""), "b": b.replace("\r", "")}
    quick, whole = "".join(pieces), "{% assign _ = 1 %}" + "".join(pieces)
    assert render(quick, values, Escape.HTML) == render(whole, values, Escape.HTML)
    assert html.unescape(render(quick, values, Escape.HTML)) == render(quick, values)
