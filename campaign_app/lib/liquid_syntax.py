"""How Liquid is found in a text, and what is said to the author when it cannot be read."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from liquid.exceptions import LiquidError

_OPENER = re.compile(r"\{(?=([{%]))")
_BLOCK = re.compile(r"\{%-?\s*(end)?(?:if|unless|case|for|comment)\b")
_SHOWN = 60


class Chunk(NamedTuple):
    """One piece of Liquid in a text, `{{ … }}` or `{% … %}`, and where it stands."""

    text: str
    start: int
    end: int


def chunks(source: str) -> Iterator[Chunk]:
    """The pieces of Liquid, delimited as Python-Liquid's scanner does it.

    Not one regular expression, which would search the whole text anew for each brace left open.
    """
    done = 0
    unclosed: set[str] = set()
    for opener in _OPENER.finditer(source):
        start, kind = opener.start(), opener[1]
        if start < done or kind in unclosed:
            continue
        end = source.find("}}" if kind == "{" else "%}", start + 2) + 2
        if end == 1:
            unclosed.add(kind)
            continue
        yield Chunk(source[start:end], start, end)
        done = end


def replace(source: str, write: Callable[[Chunk], str]) -> str:
    """The text with each piece of Liquid written anew."""
    parts: list[str] = []
    done = 0
    for chunk in chunks(source):
        parts += (source[done : chunk.start], write(chunk))
        done = chunk.end
    return "".join((*parts, source[done:]))


def unclosed(source: str) -> int | None:
    """Where a merge field or tag begins that never ends, or None."""
    done = 0
    for chunk in (*chunks(source), Chunk("", len(source), len(source))):
        opener = _OPENER.search(source, done, chunk.start)
        if opener and opener.end() < chunk.start:
            return opener.start()
        done = chunk.end
    return None


def opens(chunk: str) -> int:
    """1 for a tag that begins a block, -1 for one that ends it, else 0."""
    match = _BLOCK.match(chunk)
    if match is None:
        return 0
    return -1 if match[1] else 1


def line(source: str, index: int) -> int:
    """The number of the line at an index, from 1."""
    return source.count("\n", 0, index) + 1


def reason(error: Exception) -> str:
    """What Python-Liquid or Python says is wrong, without its drawing of the source."""
    if isinstance(error, ArithmeticError):
        return "a number is too large or not a number"
    return str(error.message) if isinstance(error, LiquidError) else str(error)


def explain(
    error: Exception, source: str, *, reads: Callable[[str], bool], tags: Iterable[str]
) -> str:
    """What to mend, and in which line, for a template that did not parse.

    `reads` says whether a merge field alone can be read, `tags` are those that may be used.
    """
    token = error.token if isinstance(error, LiquidError) else None
    start = token.start_index if token and token.start_index >= 0 else _culprit(source, reads)
    chunk = next((c.text for c in chunks(source) if c.start <= start < c.end), "")
    return f"Line {line(source, start)}: {_remedy(chunk, reason(error), tags)}"


def unknown_filter(name: str, source: str, index: int, known: Iterable[str]) -> str:
    """What to say about a filter that may not be used."""
    near = difflib.get_close_matches(name, known, 1)
    remedy = f'Did you mean "{near[0]}"?' if near else "Remove it."
    return f'Line {line(source, index)}: there is no filter "{name}". {remedy}'


def _remedy(chunk: str, why: str, tags: Iterable[str]) -> str:
    shown = chunk if len(chunk) <= _SHOWN else f"{chunk[: _SHOWN - 1]}…"
    if chunk.startswith("{{"):
        return _field_remedy(chunk, shown, why)
    if why.startswith("unexpected tag") and opens(chunk) < 0:
        return f"{shown} closes nothing. Remove it, or add what it should close."
    if why.startswith("unexpected tag"):
        return f"there is no tag {shown} here. You can use {', '.join(sorted(tags))}."
    if why.startswith("expected tag"):
        return f"{shown} is never closed. Add {{% {why.split()[2].rstrip(',')} %}} after it."
    return f"{shown} cannot be read ({why}). Check how the tag is written."


def _field_remedy(chunk: str, shown: str, why: str) -> str:
    words = re.fullmatch(r"\{\{\s*(\w+(?:\s+\w+)+)\s*\}\}", chunk)
    if words:
        joined = re.sub(r"\s+", "_", words[1].lower())
        return (
            f"{shown} has a space in its name. Write {{{{ {joined} }}}}, or "
            f'{{{{ attributes["{words[1]}"] }}}} if that is how the column is called.'
        )
    return (
        f"{shown} cannot be read ({why}). "
        'Write a merge field like {{ name }} or {{ name | default: "friend" }}.'
    )


def _culprit(source: str, reads: Callable[[str], bool]) -> int:
    """Where the fault lies when the parser does not say: the first field or block that fails."""
    opened: list[int] = []
    for chunk in chunks(source):
        change = opens(chunk.text)
        if change > 0:
            opened.append(chunk.start)
        elif change < 0:
            del opened[-1:]
        elif chunk.text.startswith("{{") and not reads(chunk.text):
            return chunk.start
    return opened[-1] if opened else 0
