"""Users' templates: Liquid, checked when written, limited when rendered, quick when plain.

A template made only of merge fields (`{{ name }}`, `{{ city | default: "your town" }}`,
`{{ attributes.city }}`) is split once into segments and joined per recipient; one with logic goes
through Python-Liquid under the limits of `lib.liquid_limits`.
"""

from __future__ import annotations

import difflib
import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from liquid import BoundTemplate
from liquid.exceptions import LiquidError, ResourceLimitError

from campaign_app.lib.errors import Invalid
from campaign_app.lib.liquid_limits import ENVIRONMENTS, FILTERS, TAGS, Escape

CHUNK = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
"""One piece of Liquid, delimited as Python-Liquid's own scanner does it."""

_NAME = r"[^\W\d][\w-]*"
_PLAIN = re.compile(
    rf"""\{{\{{\s*
    (?:attributes\[(?:"(?P<double>[^"\\]*)"|'(?P<single>[^'\\]*)')\]
      |(?:attributes\.)?(?P<name>{_NAME}))
    \s*(?:\|\s*default\s*:\s*(?:"(?P<fallback>[^"\\]*)"|'(?P<other>[^'\\]*)')\s*)?
    \}}\}}""",
    re.VERBOSE,
)
_RESERVED = frozenset(
    "true false nil null none empty blank and or not contains in if else with attributes "
    "forloop now today".split()
)
_UNREADABLE = (LiquidError, ArithmeticError, LookupError, TypeError, ValueError, OSError)


@dataclass(frozen=True, slots=True)
class Field:
    """A merge field: the recipient's value of that name, or `fallback` where it is empty."""

    name: str
    fallback: str = ""


Segment = str | Field


class Template:
    """A template that compiled. Safe to share between threads."""

    __slots__ = ("_bound", "escape", "fields", "segments")

    def __init__(
        self, segments: tuple[Segment, ...] | None, bound: BoundTemplate | None, escape: Escape
    ) -> None:
        self.segments = segments
        """Literal text and fields by turns, or None when there is logic in it."""
        self._bound = bound
        self.escape = escape.function()
        """What is done to each value before it is put in."""
        self.fields = frozenset(_names(segments, bound))
        """The names of the recipient's values it uses, `attributes.city` as `city`."""

    @property
    def is_plain(self) -> bool:
        """Whether it is text and merge fields only."""
        return self.segments is not None

    def render(self, values: Mapping[str, str]) -> str:
        """The text for one recipient. A value that is missing is empty.

        Raises Invalid when the logic fails on these values or exceeds its limits.
        """
        if self.segments is None:
            return self._run(values)
        escape = self.escape
        return "".join(
            piece if isinstance(piece, str) else escape(values.get(piece.name) or piece.fallback)
            for piece in self.segments
        )

    def _run(self, values: Mapping[str, str]) -> str:
        if self._bound is None:  # a template has segments or is bound
            return ""
        try:
            return self._bound.render({**values, "attributes": values})
        except ResourceLimitError as error:
            raise Invalid(
                f"The template does too much for one e-mail ({error.message}). Make its loops "
                "shorter or its values smaller."
            ) from error
        except (*_UNREADABLE, RecursionError) as error:
            raise Invalid(f"The template cannot be filled in: {_reason(error)}.") from error


def compile(text: str, *, escape: Escape = Escape.NONE) -> Template:  # noqa: A001  reads as re.compile
    """Check a template and prepare it for rendering.

    With `Escape.HTML` the text is HTML: values are escaped, and Liquid may be written with
    entities (`{% if age &gt; 17 %}`), as editors do. With `Escape.URL` values are percent-encoded.
    Raises Invalid, with the line, when it cannot be read.
    """
    source = unescape(text) if escape is Escape.HTML else text
    _refuse_raw(source)
    segments = _split(source)
    if segments is not None:
        return Template(segments, None, escape)
    return Template(None, _bind(source, escape), escape)


def unescape(text: str) -> str:
    """Turn entities inside Liquid back into the characters they stand for, and nothing else.

    Raises Invalid when an entity would end the Liquid early and so smuggle HTML in.
    """
    return CHUNK.sub(_unescape_chunk, text)


def _unescape_chunk(match: re.Match[str]) -> str:
    plain = html.unescape(match[0]).replace("\xa0", " ")
    end = CHUNK.match(plain)
    if end is None or end.end() != len(plain):
        raise Invalid(f"Line {_line(match.string, match.start())}: write {match[0]} more simply.")
    return plain


def _split(source: str) -> tuple[Segment, ...] | None:
    segments: list[Segment] = []
    done = 0
    for chunk in CHUNK.finditer(source):
        field = _plain_field(chunk[0])
        if field is None:
            return None
        segments += (source[done : chunk.start()], field)
        done = chunk.end()
    rest = source[done:]
    if "{{" in rest or "{%" in rest:
        return None  # never closed: let the parser say where
    return (*segments, rest)


def _plain_field(chunk: str) -> Field | None:
    match = _PLAIN.fullmatch(chunk)
    if match is None:
        return None
    name = match["name"] or match["double"] or match["single"] or ""
    if name in _RESERVED and "attributes" not in chunk:
        return None
    return Field(name, match["fallback"] or match["other"] or "")


def _names(segments: tuple[Segment, ...] | None, bound: BoundTemplate | None) -> Iterator[str]:
    for piece in segments or ():
        if isinstance(piece, Field):
            yield piece.name
    if bound is None:
        return
    for found in bound.analyze().globals.values():
        for variable in found:
            path = [part for part in variable.segments if isinstance(part, str)]
            if path and path[0] == "attributes":
                del path[0]
            yield from path[:1]


def _refuse_raw(source: str) -> None:
    # Python-Liquid's scanner knows these two itself, whatever tags are allowed; "raw" would put
    # out unescaped what the sanitiser took for a merge field.
    found = re.search(r"\{%-?\s*(raw|doc)\b", source)
    if found:
        raise Invalid(
            f"Line {_line(source, found.start())}: {{% {found[1]} %}} cannot be used here. Remove it."
        )


def _bind(source: str, escape: Escape) -> BoundTemplate:
    environment = ENVIRONMENTS[escape]
    try:
        bound = environment.from_string(source)
        filters = bound.analyze().filters
    except (*_UNREADABLE, RecursionError) as error:
        raise Invalid(_explain(error, source)) from error
    for name, spans in filters.items():
        if name not in FILTERS:
            near = difflib.get_close_matches(name, FILTERS, 1)
            hint = f' Did you mean "{near[0]}"?' if near else ""
            raise Invalid(f'Line {_line(source, spans[0].index)}: unknown filter "{name}".{hint}')
    return bound


def _explain(error: Exception, source: str) -> str:
    token = error.token if isinstance(error, LiquidError) else None
    start = token.start_index if token and token.start_index >= 0 else _culprit(source)
    chunk = next((c[0] for c in CHUNK.finditer(source) if c.start() <= start < c.end()), "")
    where = f"Line {_line(source, start)}: "
    reason = _reason(error)
    if reason.startswith("unexpected tag"):
        return where + _unknown_tag(chunk)
    if reason.startswith("expected tag"):
        return f"{where}{chunk} is never closed. Add {{% {reason.split()[2].rstrip(',')} %}}."
    if not chunk:
        return f"{where}a merge field or tag is opened but not closed. End it with }}}} or %}}."
    return (
        f"{where}{chunk} cannot be read ({reason}). "
        'Write a merge field like {{ name }} or {{ name | default: "friend" }}.'
    )


def _unknown_tag(chunk: str) -> str:
    known = ", ".join(sorted(tag for tag in TAGS if tag.isalpha() and tag not in _PSEUDO))
    if re.match(r"\{%-?\s*end", chunk):
        return f"{chunk} closes nothing. Remove it or add what it should close."
    return f"there is no tag {chunk} here. You can use {known}."


_PSEUDO = ("content", "output", "illegal")


def _culprit(source: str) -> int:
    """Where the fault lies when the parser does not say: the first field or block that fails."""
    opened: list[int] = []
    for chunk in CHUNK.finditer(source):
        tag = re.match(r"\{%-?\s*(end)?(?:if|unless|case|for|comment)\b", chunk[0])
        if tag and tag[1]:
            del opened[-1:]
        elif tag:
            opened.append(chunk.start())
        elif chunk[0].startswith("{{") and not _reads(chunk[0]):
            return chunk.start()
    return opened[-1] if opened else 0


def _reads(chunk: str) -> bool:
    try:
        ENVIRONMENTS[Escape.NONE].from_string(chunk)
    except (*_UNREADABLE, RecursionError):
        return False
    return True


def _reason(error: Exception) -> str:
    return str(error.message) if isinstance(error, LiquidError) else str(error)


def _line(source: str, index: int) -> int:
    return source.count("\n", 0, index) + 1
