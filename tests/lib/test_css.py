"""Style sheets: media queries stay, whatever runs or loads a sheet goes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign_app.lib import css


@pytest.mark.parametrize(
    "sheet",
    [
        "@media (max-width: 600px) { .a > td { width: 100% !important } }",
        "@font-face { font-family: X; src: url(https://x.example/x.woff2) }",
        ".sm\\:full { width: 100% }",
    ],
)
def test_a_harmless_sheet_stays_as_it_is(sheet):
    assert css.clean(sheet) == sheet


@pytest.mark.parametrize(
    ("sheet", "left"),
    [
        ("@import url(https://x.example/a.css); p{}", "p{}"),
        ("@im@import x;port y; p{}", "p{}"),
        ("p{width:expression(alert(1))}", "p{width:/**/alert(1))}"),
        ("p{width:expr\\65ssion(1)}", "p{width:/**/1)}"),
        ("p{background:url(java\\73 cript:x)}", "p{background:url(/**/x)}"),
        ("</style><script>x", "/style>script>x"),
        ('q{content:"\\201C"}', 'q{content:"“"}'),
    ],
)
def test_what_is_active_goes(sheet, left):
    assert css.clean(sheet) == left


WORDS = (
    "@im",
    "@import",
    "port x;",
    "expr",
    "\\65",
    "ession(",
    "<!",
    "--",
    "<",
    "\\",
    "3c ",
    "java",
)


@given(st.lists(st.sampled_from((*WORDS, "script:", ";", "{", "}", " ", "a")), max_size=12))
def test_cleaning_twice_changes_nothing_more(words):
    once = css.clean("".join(words))
    assert css.clean(once) == once
    assert "<" not in once
