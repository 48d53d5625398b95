"""Liquid hidden from HTML parsers, and put back afterwards.

An HTML parser moves `{% for %}` out of a table and cuts an attribute at the quote inside
`{{ x | default: "b" }}`. So each piece of Liquid becomes a word no parser minds, inside tags, or a
comment, between them; comments stay where they are, even between two rows of a table.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable

from campaign_app.lib.liquid_syntax import CHUNK

TAG = re.compile(
    r"""<!--.*?(?:-->|\Z)
      | <(?P<raw>style|title|script)\b[^>]*>(?P<inner>.*?)</(?P=raw)\s*>
      | </?[a-z](?:[^>=]|=\s*(?:"[^"]*(?:"|\Z)|'[^']*(?:'|\Z))?)*+(?:>|\Z)
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
"""A comment, a raw text element or a tag. Always matches once begun, so a scan is linear."""


class Masks:
    """The Liquid taken out of one text."""

    def __init__(self, text: str) -> None:
        self._chunks: list[str] = []
        self._word = "lqx"
        while self._word in text.lower():
            self._word += "x"
        self._pattern = re.compile(rf"<!--{self._word}(\d+)z-->|{self._word}(\d+)z", re.IGNORECASE)
        self.text = CHUNK.sub(self._hide, text)
        """The text with a word in place of each piece of Liquid."""

    def _hide(self, match: re.Match[str]) -> str:
        self._chunks.append(html.unescape(match[0]).replace("\xa0", " "))
        return f"{self._word}{len(self._chunks) - 1}z"

    def is_word(self, comment: str) -> bool:
        """Whether a comment stands for a piece of Liquid."""
        return self._pattern.fullmatch(comment) is not None

    def as_comments(self, text: str) -> str:
        """The masked text with comments for the words that stand between tags."""
        parts: list[str] = []
        done = 0
        for tag in TAG.finditer(text):
            parts += (self._commented(text[done : tag.start()]), tag[0])
            done = tag.end()
        return "".join((*parts, self._commented(text[done:])))

    def _commented(self, text: str) -> str:
        return self._pattern.sub(lambda match: f"<!--{match[0]}-->", text)

    def restore(self, text: str) -> str:
        """HTML with its Liquid back, written so that the HTML is still well formed."""
        return self._restore(text, in_text=_in_text, in_tag=_in_attribute)

    def restore_plain(self, text: str) -> str:
        """Plain text with its Liquid back as written."""
        return self._restore(text, in_text=str, in_tag=str)

    def _restore(
        self, text: str, *, in_text: Callable[[str], str], in_tag: Callable[[str], str]
    ) -> str:
        def put_back(match: re.Match[str]) -> str:
            number = int(match[1] or match[2])
            if number >= len(self._chunks):
                return ""
            return in_text(self._chunks[number]) if match[1] else in_tag(self._chunks[number])

        return self._pattern.sub(put_back, text)


def _in_text(chunk: str) -> str:
    return html.escape(chunk, quote=False)


def _in_attribute(chunk: str) -> str:
    if "'" not in chunk:
        chunk = chunk.replace('"', "'")  # Liquid takes either, an attribute only this one
    return html.escape(chunk, quote=False).replace('"', "&quot;")
