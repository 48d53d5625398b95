"""Liquid hidden from HTML parsers, and put back afterwards.

An HTML parser moves `{% for %}` out of a table and cuts an attribute at the quote inside
`{{ x | default: "b" }}`. So each piece of Liquid becomes a word no parser minds, inside tags, or a
comment, between them; comments stay where they are, even between two rows of a table.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable

from campaign_app.lib.liquid_syntax import Chunk, opens, replace

TAG = re.compile(
    r"""<!--(?:-?>|.*?(?:--!?>|\Z))
      | <(?P<raw>style|title|script)\b[^>]*>(?P<inner>.*?)(?:</(?P=raw)\s*>|\Z)
      | </?[a-z](?:[^>=]|=\s*(?:"[^"]*(?:"|\Z)|'[^']*(?:'|\Z))?)*+(?:>|\Z)
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
"""A comment, a raw text element or a tag. Always matches once begun, so a scan is linear."""

_ROW_BEGINS = r"(?:\s*<(?:tbody|thead|tfoot|tr)\b[^>]*>)+\s*<t[dh]\b[^>]*>"
_MOVES = 50
_ROW_ENDS = r"</t[dh]>(?:\s*</(?:tbody|thead|tfoot|tr)>)+\s*"


class Masks:
    """The Liquid taken out of one text."""

    def __init__(self, text: str) -> None:
        self._chunks: list[str] = []
        self._word = "lqx"
        while self._word in text.lower():
            self._word += "x"
        self._pattern = re.compile(rf"<!--{self._word}(\d+)z-->|{self._word}(\d+)z", re.IGNORECASE)
        word = rf"(?P<word>{self._word}(?P<number>\d+)z)"
        self._before_row = re.compile(rf"{word}(?P<row>{_ROW_BEGINS})", re.IGNORECASE)
        self._after_row = re.compile(rf"(?P<row>{_ROW_ENDS}){word}", re.IGNORECASE)
        self.text = replace(text, self._hide)
        """The text with a word in place of each piece of Liquid."""

    def _hide(self, chunk: Chunk) -> str:
        self._chunks.append(html.unescape(chunk.text).replace("\xa0", " "))
        return f"{self._word}{len(self._chunks) - 1}z"

    def is_word(self, comment: str) -> bool:
        """Whether a comment stands for a piece of Liquid."""
        return self._pattern.fullmatch(comment) is not None

    def as_comments(self, text: str) -> str:
        """The masked text with comments for the words that stand between tags."""
        return _between_and_in_tags(
            text, lambda part: self._pattern.sub(lambda match: f"<!--{match[0]}-->", part), str
        )

    def into_tbody(self, text: str) -> str:
        """The text with comments for Liquid moved from before a `<tbody>` to its beginning."""
        parts = text.split("<tbody>")
        for index, part in enumerate(parts[:-1]):
            cut = self._before_trailing_words(part)
            parts[index], parts[index + 1] = part[:cut], part[cut:] + parts[index + 1]
        return "<tbody>".join(parts)

    def _before_trailing_words(self, text: str) -> int:
        end = len(text)
        while True:
            begin = text.rfind("<!--", 0, end)
            if begin < 0 or not self.is_word(text[begin:end].rstrip()):
                return end
            end = begin

    def into_cells(self, text: str) -> str:
        """The masked text with the words between table rows moved into the nearest cell.

        Plain text is laid out cell by cell; what lies between rows would end up before the table.
        """
        for _ in self._chunks[:_MOVES]:
            moved = self._after_row.sub(self._backward, self._before_row.sub(self._forward, text))
            if moved == text:
                break
            text = moved
        return text

    def _forward(self, match: re.Match[str]) -> str:
        opening = opens(self._chunks[int(match["number"])]) > 0
        return match["row"] + match["word"] if opening else match[0]

    def _backward(self, match: re.Match[str]) -> str:
        opening = opens(self._chunks[int(match["number"])]) > 0
        return match[0] if opening else f"<br>{match['word']}{match['row']}"

    def restore(self, text: str) -> str:
        """HTML with its Liquid back, written so that the HTML is still well formed."""
        bare = self._pattern.sub(_without_comment, text)
        return _between_and_in_tags(
            bare,
            lambda part: self._put_back(part, _in_text),
            lambda part: self._put_back(part, _in_attribute),
        )

    def restore_plain(self, text: str) -> str:
        """Plain text with its Liquid back as written."""
        return self._put_back(text, str)

    def _put_back(self, text: str, write: Callable[[str], str]) -> str:
        def chunk(match: re.Match[str]) -> str:
            number = int(match[1] or match[2])
            return write(self._chunks[number]) if number < len(self._chunks) else ""

        return self._pattern.sub(chunk, text)


def _without_comment(match: re.Match[str]) -> str:
    return match[0].removeprefix("<!--").removesuffix("-->")


def _between_and_in_tags(
    text: str, between: Callable[[str], str], in_tag: Callable[[str], str]
) -> str:
    parts: list[str] = []
    done = 0
    for tag in TAG.finditer(text):
        parts += (between(text[done : tag.start()]), in_tag(tag[0]))
        done = tag.end()
    return "".join((*parts, between(text[done:])))


def _in_text(chunk: str) -> str:
    return html.escape(chunk, quote=False)


def _in_attribute(chunk: str) -> str:
    if "'" not in chunk:
        chunk = chunk.replace('"', "'")  # Liquid takes either, an attribute only this one
    return html.escape(chunk, quote=False).replace('"', "&quot;")
