"""The HTML of campaigns and templates: made safe, kept usable in mail, turned into text."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field

import inscriptis  # type: ignore[import-untyped]  # has no annotations to read
import nh3
from inscriptis.model.config import ParserConfig  # type: ignore[import-untyped]

from campaign_app.lib import css
from campaign_app.lib.html_masks import TAG, Masks

# fmt: off
_TAGS = {
    "a", "abbr", "address", "area", "article", "aside", "b", "bdi", "bdo", "big", "blockquote",
    "br", "caption", "center", "cite", "code", "col", "colgroup", "dd", "del", "dfn", "div", "dl",
    "dt", "em", "figcaption", "figure", "font", "footer", "h1", "h2", "h3", "h4", "h5", "h6",
    "header", "hr", "i", "img", "ins", "kbd", "li", "main", "map", "mark", "nav", "ol", "p",
    "pre", "q", "s", "samp", "section", "small", "span", "strike", "strong", "sub", "sup",
    "table", "tbody", "td", "tfoot", "th", "thead", "time", "tr", "tt", "u", "ul", "var", "wbr",
}
# fmt: on
_ATTRIBUTES = {
    "*": {
        *("align", "bgcolor", "border", "class", "dir", "height", "id", "lang", "role", "style"),
        *("title", "valign", "width", "xmlns", "xmlns:o", "xmlns:v"),
    },
    "a": {"href", "name", "target"},
    "area": {"alt", "coords", "href", "shape", "target"},
    "map": {"name"},
    "img": {"alt", "hspace", "src", "usemap", "vspace"},
    "table": {"background", "cellpadding", "cellspacing", "summary"},
    "td": {"abbr", "background", "colspan", "headers", "nowrap", "rowspan", "scope"},
    "th": {"abbr", "background", "colspan", "headers", "nowrap", "rowspan", "scope"},
    "font": {"color", "face", "size"},
    "hr": {"color", "noshade", "size"},
    "ol": {"start", "type"},
    "ul": {"type"},
    "li": {"type", "value"},
    "col": {"span"},
    "colgroup": {"span"},
    "time": {"datetime"},
}
_IMAGE = re.compile(r"data:image/(?:png|gif|jpe?g|webp);base64,", re.IGNORECASE)
_REMOTE = re.compile(r"https?:|cid:", re.IGNORECASE)
_OUTLOOK = re.compile(r"<!--\s*\[if\s[^\]]*\]>.*-->|<!--\s*<!\[endif\]-->", re.DOTALL)
_META = re.compile(
    r"""<meta\s+name=["']?(?P<name>color-scheme|supported-color-schemes|format-detection
    |x-apple-disable-message-reformatting)["']?(?:\s+content=["'](?P<content>[\w\s=,-]*)["'])?\s*/?>""",
    re.IGNORECASE | re.VERBOSE,
)
_ACTIVE = re.compile(
    r"<\s*/?\s*(?:script|iframe|object|embed|form|input|link|base|meta|svg)\b|\bon\w+\s*=|script\s*:",
    re.IGNORECASE,
)


def _attribute(tag: str, name: str, value: str) -> str | None:
    """Data URLs only as pictures: elsewhere they can hold a whole page."""
    if name == "background":
        return value if _REMOTE.match(value) else None
    if name in {"href", "src"} and value.strip().lower().startswith("data:"):
        return value if tag == "img" and _IMAGE.match(value) else None
    return value


_CLEANER = nh3.Cleaner(
    tags=_TAGS,
    attributes=_ATTRIBUTES,
    attribute_filter=_attribute,
    strip_comments=False,
    link_rel=None,
    generic_attribute_prefixes={"aria-"},
    url_schemes={"http", "https", "mailto", "tel", "sms", "cid", "data"},
    filter_style_properties=set(css.PROPERTIES),
)

# As in a browser, whatever is none of these ends a head that was never closed. "": a comment.
_HEAD = {"", "html", "head", "body", "title", "style", "script", "meta", "link", "base", "noscript"}

_PASSES = 5
"""Parsing what was parsed can still change it, which is how scripts slip past sanitisers."""


@dataclass(slots=True)
class _Page:
    """What is taken out of the HTML before the sanitiser, which knows fragments only."""

    is_document: bool = False
    title: str = ""
    styles: list[str] = field(default_factory=list)
    root: str = ""
    body: str = ""
    head: list[str] = field(default_factory=list)
    content: list[str] = field(default_factory=list)


def sanitise(source: str) -> str:
    """HTML that is safe to show and to send, with everything mail needs kept.

    Tables, inline styles (an allow-list of properties), pictures (http, https, cid, data),
    `<style>` with its media queries, and Outlook's conditional comments stay; scripts, event
    handlers, forms, frames and script URLs go. A whole document stays one: its title, its style
    sheets and the attributes of `<html>` and `<body>` are carried over. Liquid stays in text and
    in attribute values; a quote or `<` within it is written so that the HTML is well formed
    (`lib.liquid.compile` with `Escape.HTML` reads both). As the name or in place of an attribute
    it is removed: what it puts out there could be an event handler. Idempotent.
    """
    for _ in range(_PASSES):
        cleaned = _sanitise_once(source)
        if cleaned == source:
            break
        source = cleaned
    return source


def _sanitise_once(source: str) -> str:
    masks = Masks(source.replace("\x00", ""))
    page = _take_apart(masks.text)
    body = _clean_fragment(masks, "".join(page.content))
    sheet = css.clean("\n".join(page.styles))
    style = f"<style>\n{sheet}\n</style>\n" if sheet else ""
    if not page.is_document:
        return masks.restore(f"{style}{body.strip()}")
    return masks.restore(_put_together(masks, page, style, body))


def _take_apart(text: str) -> _Page:
    page = _Page()
    done, in_head = 0, False
    for tag in TAG.finditer(text):
        between = text[done : tag.start()]
        in_head = in_head and not between.strip() and _tag_name(tag[0]) in _HEAD
        if not in_head:
            page.content.append(between)
        done = tag.end()
        in_head = _sort(page, tag, in_head=in_head)
    page.content.append(text[done:])
    return page


def _sort(page: _Page, tag: re.Match[str], *, in_head: bool) -> bool:
    """Put one tag or comment where it belongs; whether the next is (still) in the head."""
    whole, raw = tag[0], (tag["raw"] or "").lower()
    name = _tag_name(whole)
    if raw == "style":
        page.styles.append(tag["inner"])
    elif raw == "title":
        page.title = page.title or html.unescape(tag["inner"]).strip()
    elif name in {"html", "head", "body"}:
        page.is_document = True
        return _frame(page, name, whole)
    elif whole.startswith("<!--"):
        (page.head if in_head else page.content).append(whole)
    elif not in_head and raw != "script":
        page.content.append(whole)
    elif meta := _META.match(whole):
        page.head.append(f'<meta name="{meta["name"].lower()}" content="{meta["content"] or ""}">')
    return in_head


def _tag_name(tag: str) -> str:
    match = re.match(r"<(/?[a-z][a-z0-9]*)", tag, re.IGNORECASE)
    return match[1].lower().lstrip("/") if match else ""


def _frame(page: _Page, name: str, tag: str) -> bool:
    opens = not tag.startswith("</")
    attributes = re.sub(r"^<\w+|/?>$", "", tag) if opens else ""
    if name == "html":
        page.root = page.root or attributes
    if name == "body":
        page.body = page.body or attributes
    return opens and name == "head"


def _clean_fragment(masks: Masks, fragment: str) -> str:
    cleaned = _CLEANER.clean(masks.as_comments(fragment))
    if "<tbody" not in fragment.lower():
        # The parser puts one in, after a {% for %} that belongs to the rows.
        cleaned = masks.into_tbody(cleaned)
    return TAG.sub(
        lambda tag: _comment(masks, tag[0]) if tag[0].startswith("<!--") else tag[0], cleaned
    )


def _comment(masks: Masks, comment: str) -> str:
    """Comments stand for Liquid or speak to Outlook, which runs no script; others go."""
    if masks.is_word(comment):
        return comment
    return comment if _OUTLOOK.fullmatch(comment) and not _ACTIVE.search(comment) else ""


def _attributes_of(raw: str) -> str:
    match = re.match(r"<div(.*?)></div>", _CLEANER.clean(f"<div{raw}></div>"), re.DOTALL)
    return match[1] if match else ""


def _put_together(masks: Masks, page: _Page, style: str, body: str) -> str:
    kept = (_comment(masks, item) if item.startswith("<!--") else item for item in page.head)
    head = "".join(f"{item}\n" for item in kept if item)
    return (
        f"<!DOCTYPE html>\n<html{_attributes_of(page.root)}>\n<head>\n"
        '<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(page.title, quote=False)}</title>\n{head}{style}</head>\n"
        f"<body{_attributes_of(page.body)}>\n{body.strip()}\n</body>\n</html>\n"
    )


def document(fragment: str) -> str:
    """The HTML as a whole document, which mail clients treat best; unchanged if it is one."""
    page = _take_apart(fragment)
    if page.is_document:
        return fragment
    style = "".join(f"<style>\n{sheet.strip()}\n</style>\n" for sheet in page.styles)
    return (
        '<!DOCTYPE html>\n<html>\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"{style}</head>\n<body>\n{''.join(page.content)}\n</body>\n</html>\n"
    )


def _without_comments(tag: re.Match[str]) -> str:
    return "" if tag[0].startswith("<!--") else tag[0]


_TEXT = ParserConfig(display_links=True, display_images=True, deduplicate_captions=True)


def to_text(source: str) -> str:
    """The HTML as plain text, links written as `[label](address)`, Liquid left as it is."""
    masks = Masks(source)
    body = TAG.sub(_without_comments, masks.into_cells(masks.text))
    if not body.strip():
        return ""
    lines = inscriptis.get_text(body, _TEXT).splitlines()
    text = "\n".join(re.sub(r"(?<=\S)[ \xa0]{3,}", "  ", line).strip() for line in lines)
    text = re.sub(r"\[\s*\]\(([^()\s]*)\)", r"\1", text)  # a link around a picture without words
    return masks.restore_plain(re.sub(r"\n{3,}", "\n\n", text).strip())
