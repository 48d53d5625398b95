"""The CSS that may stand in a campaign: which properties, and how a style sheet is cleaned."""

from __future__ import annotations

import re

# fmt: off
PROPERTIES = frozenset((
    "align-items", "background", "background-color", "background-image", "background-position",
    "background-repeat", "background-size", "border", "border-bottom", "border-bottom-color",
    "border-bottom-left-radius", "border-bottom-right-radius", "border-bottom-style",
    "border-bottom-width", "border-collapse", "border-color", "border-left", "border-left-color",
    "border-left-style", "border-left-width", "border-radius", "border-right",
    "border-right-color", "border-right-style", "border-right-width", "border-spacing",
    "border-style", "border-top", "border-top-color", "border-top-left-radius",
    "border-top-right-radius", "border-top-style", "border-top-width", "border-width",
    "box-shadow", "box-sizing", "caption-side", "clear", "color", "color-scheme", "direction",
    "display", "empty-cells", "flex", "flex-direction", "flex-wrap", "float", "font",
    "font-family", "font-size", "font-style", "font-variant", "font-weight", "gap", "height",
    "hyphens", "justify-content", "letter-spacing", "line-break", "line-height", "list-style",
    "list-style-position", "list-style-type", "margin", "margin-bottom", "margin-left",
    "margin-right", "margin-top", "max-height", "max-width", "min-height", "min-width",
    "mso-border-alt", "mso-cellspacing", "mso-font-width", "mso-height-rule", "mso-hide",
    "mso-line-height-alt", "mso-line-height-rule", "mso-margin-bottom-alt", "mso-margin-top-alt",
    "mso-padding-alt", "mso-padding-bottom-alt", "mso-padding-top-alt", "mso-style-priority",
    "mso-table-lspace", "mso-table-rspace", "mso-text-raise", "object-fit", "object-position",
    "opacity", "outline", "overflow", "overflow-wrap", "overflow-x", "overflow-y", "padding",
    "padding-bottom", "padding-left", "padding-right", "padding-top", "table-layout",
    "text-align", "text-align-last", "text-decoration", "text-decoration-color",
    "text-decoration-line", "text-decoration-style", "text-indent", "text-overflow",
    "text-shadow", "text-size-adjust", "text-transform", "unicode-bidi", "vertical-align",
    "visibility", "white-space", "width", "word-break", "word-spacing", "word-wrap",
    "-ms-interpolation-mode", "-ms-text-size-adjust", "-webkit-font-smoothing",
    "-webkit-text-size-adjust",
))
# fmt: on
"""Inline styles keep these only: no `position`, which can lay one thing over another."""

_IMPORT = re.compile(r"@(?:import|charset|namespace)\b[^;{}]*;?", re.IGNORECASE)
_ACTIVE = re.compile(
    r"expression\s*\(|behaviou?r\s*:|-moz-binding|(?:java|vb|live)script\s*:|data\s*:\s*text",
    re.IGNORECASE,
)
_ESCAPE = re.compile(r"\\(?:([0-9a-f]{1,6})\s?|(?=[a-z]))", re.IGNORECASE)
_PASSES = 20
"""A sheet that needs more was written to get past us, and is dropped."""

_CONFINED = frozenset("\\\"'<>{};@/*")


def clean(sheet: str) -> str:
    """A style sheet without imports, scripts or a way out of its `<style>` element.

    Media queries and class rules stay as written: they are why marketers want a style sheet.
    Escapes (`\\201C`) are written as the characters they mean, since they can spell anything.
    """
    # Taking something away can put its neighbours together to the same word again.
    for _ in range(_PASSES):
        cleaner = _once(sheet)
        if cleaner == sheet:
            return sheet.strip()
        sheet = cleaner
    return ""


def _once(sheet: str) -> str:
    readable = _ESCAPE.sub(_unescaped, sheet)
    confined = re.sub(r"<!--|-->|[<\x00]", "", readable)
    return _ACTIVE.sub("/**/", _IMPORT.sub("", confined))


def _unescaped(match: re.Match[str]) -> str:
    number = int(match[1] or "0", 16)
    if number < 0x20 or number > 0x10FFFF or 0xD800 <= number <= 0xDFFF:
        return ""
    char = chr(number)
    return "" if char in _CONFINED else char
