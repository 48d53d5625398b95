"""Words as searches compare them: without case, without accents, whatever the script."""

from __future__ import annotations

import re
import unicodedata

# A longer run of letters counts as several words, in an index as in a search for it.
_WORD = re.compile(r"[^\W_]{1,64}")
# Marks that Unicode puts behind their letters: accents, and the vowel points of Hebrew and Arabic.
_MARKS = re.compile(
    "[\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u1ab0-\u1aff\u1dc0-\u1dff\ufe20-\ufe2f]+"
)
# Letters of Latin scripts that Unicode does not take apart into a letter and its mark.
_PLAIN = str.maketrans(
    {
        "ł": "l",
        "ø": "o",
        "đ": "d",
        "ð": "d",
        "þ": "th",
        "æ": "ae",
        "œ": "oe",
        "\u0131": "i",
        "ŋ": "n",
    }
)


def fold(text: str) -> str:
    """The text without case and accents: "Žižek" and "ZIZEK" are the same (Unicode NFKD)."""
    if text.isascii():
        return text.lower()
    letters = _MARKS.sub("", unicodedata.normalize("NFKD", text.casefold()))
    return letters.casefold().translate(_PLAIN)


def words(text: str) -> list[str]:
    """The folded words of a text, in its order: runs of letters and digits."""
    return _WORD.findall(fold(text))
