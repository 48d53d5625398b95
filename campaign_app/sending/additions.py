"""What Carillon adds to a campaign's text and HTML: the visible unsubscribe link, the pixel."""

from __future__ import annotations

import html
import re

_STYLE = (
    "margin:24px 0 0;padding:12px;font:12px/1.5 Arial,sans-serif;color:#767676;text-align:center"
)
_BODY_END = re.compile(r"</body\s*>", re.IGNORECASE)


def add_to_text(text: str, footer: str, url: str) -> str:
    """The text with the footer and the way out at its end."""
    above = f"{footer}\n" if footer else ""
    return f"{text.rstrip()}\n\n--\n{above}Unsubscribe: {url}\n"


def add_to_html(page: str, footer: str, url: str) -> str:
    """The page with the footer and the unsubscribe link at the end of its body."""
    above = html.escape(footer).replace("\n", "<br>") + "<br>" if footer else ""
    link = f'<a href="{url}" style="color:#767676">Unsubscribe</a>'
    return before_body_end(page, f'<p style="{_STYLE}">{above}{link}</p>\n')


def before_body_end(page: str, addition: str) -> str:
    """The page with something as the last of its body."""
    ends = [match.start() for match in _BODY_END.finditer(page)]
    at = ends[-1] if ends else len(page)
    return page[:at] + addition + page[at:]
