"""The links of a campaign's HTML: which are followed through Carillon, and the rewriting."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping

from campaign_app.lib import liquid
from campaign_app.lib.errors import Invalid
from campaign_app.lib.html_masks import TAG, Masks

_ATTRIBUTE = re.compile(
    r"""(?<=[\s"'/])(?P<name>[^\s=>/"']++)\s*=\s*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>[^\s>]+))"""
)
_HOST = re.compile(r"https?://(?P<host>[^/?#\s]+)", re.IGNORECASE)
_LOCAL_NAMES = re.compile(r"\{%-?\s*(?:for|assign)\s+([\w-]+)")


def links_in(source: str) -> list[str]:
    """The addresses to be redirected, in order and each once, as a browser would read them.

    An address may hold Liquid in its path or query: it is a template, filled in at the click.
    Left out are those whose scheme or host comes from data, the unsubscribe link, mail addresses
    and anchors, and those that need a variable of the template which the click will not know.
    """
    found: dict[str, None] = {}

    def note(url: str) -> None:
        found.setdefault(url)

    _each_link(source, note)
    return list(found)


def redirect(source: str, targets: Mapping[str, str]) -> str:
    """The HTML with each address in `targets` replaced by its target: HTML, may be Liquid."""
    return _each_link(source, targets.get)


def _each_link(source: str, replace: Callable[[str], str | None]) -> str:
    masks = Masks(source)
    own_names = set(_LOCAL_NAMES.findall(source))

    def in_tag(tag: re.Match[str]) -> str:
        if not re.match(r"<(?:a|area)\s", tag[0], re.IGNORECASE):
            return tag[0]
        return _ATTRIBUTE.sub(in_attribute, tag[0])

    def in_attribute(match: re.Match[str]) -> str:
        if match["name"].lower() != "href":
            return match[0]
        written = match["double"] or match["single"] or match["bare"] or ""
        url = masks.restore_plain(html.unescape(written)).strip()
        target = replace(url) if _is_followed(url, own_names) else None
        return match[0] if target is None else f'href="{target}"'

    return masks.restore(TAG.sub(in_tag, masks.text))


def _is_followed(url: str, own_names: set[str]) -> bool:
    match = _HOST.match(url)
    if match is None or "{{" in match["host"] or "{%" in match["host"]:
        return False
    if "{{" not in url and "{%" not in url:
        return True
    try:
        fields = liquid.compile(url, escape=liquid.Escape.URL).fields
    except Invalid:  # a block that ends elsewhere, or none: the click could not fill it in
        return False
    return "unsubscribe_url" not in fields and not fields & own_names
