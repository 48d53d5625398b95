"""What users' templates may do and how much of it: the Liquid environments behind `lib.liquid`.

A template is written by a customer and rendered a million times on a shared machine, so tags and
filters are allow-listed, loops, output and variables are bounded, and filters whose result may be
the product of two inputs work out its size first.
"""

from __future__ import annotations

import html
import time
from collections.abc import Callable, Mapping, Sized
from enum import Enum
from typing import TextIO, cast
from urllib.parse import quote

from liquid import BoundTemplate, Environment, RenderContext
from liquid.builtin.filters import math, misc, string
from liquid.builtin.output import Output, OutputNode
from liquid.exceptions import ResourceLimitError
from liquid.filter import liquid_filter
from liquid.stringify import to_liquid_string
from liquid.token import Token

from campaign_app.lib import clock

MAX_OUTPUT = 2_000_000
"""Bytes one rendering may write: far above any mail that arrives (Gmail clips at 102 kB)."""

MAX_VALUE = 100_000
"""Characters one filter or variable may hold."""

MAX_LOOPS = 1_000
"""Iterations of a loop, those of the loops inside it multiplied in."""

MAX_SECONDS = 0.25
"""Processor time of one rendering; a usual one takes a tenth of a millisecond."""

PSEUDO_TAGS = frozenset(("content", "output", "illegal"))
"""Python-Liquid's names for literal text, output, and the error at a stray end tag."""

TAGS = PSEUDO_TAGS | {"if", "unless", "case", "for", "break", "continue", "assign", "comment", "#"}


class Escape(Enum):
    """What is done to a value where it lands in the text around it."""

    NONE = "none"
    HTML = "html"
    URL = "url"

    def function(self) -> Callable[[str], str]:
        """The function that makes a value safe."""
        if self is Escape.HTML:
            return html.escape
        return _quote if self is Escape.URL else str


def _quote(value: str) -> str:
    return quote(value, safe="")


class _EscapedOutput(OutputNode):
    """Escapes whatever leaves the template, literals too.

    Python-Liquid's own autoescape trusts string literals; the sanitiser cannot see into them, so
    `{{ "<script>" }}` would be a way around it.
    """

    __slots__ = ()

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        value = to_liquid_string(self.expression.evaluate(context), autoescape=False)
        return buffer.write(cast("Limited", context.env).escape(value))


class _Output(Output):
    node_class = _EscapedOutput


class _TimedContext(RenderContext):
    """Stops a rendering that has used up its processor time.

    The limits on loops know nothing of many loops in a row, nor of what a filter costs.
    """

    __slots__ = ("deadline",)

    def __init__(
        self,
        template: BoundTemplate,
        *,
        globals: Mapping[str, object] | None = None,  # noqa: A002
    ) -> None:
        super().__init__(template, globals=globals)
        self.deadline = time.thread_time() + MAX_SECONDS

    def _check(self) -> None:
        if time.thread_time() > self.deadline:
            raise ResourceLimitError("it takes too long", token=None)

    def filter(self, name: str, token: Token | None) -> Callable[..., object]:
        self._check()
        return super().filter(name, token)

    def raise_for_loop_limit(self, length: int = 1) -> None:
        self._check()
        super().raise_for_loop_limit(length)


class _TimedTemplate(BoundTemplate):
    context_class = _TimedContext


class Limited(Environment):
    """An environment with Carillon's limits, tags and filters, that escapes what it puts out."""

    loop_iteration_limit = MAX_LOOPS
    local_namespace_limit = MAX_VALUE * 4
    output_stream_limit = MAX_OUTPUT
    block_nesting_limit = 20
    template_class = _TimedTemplate

    def __init__(self, escape: Escape) -> None:
        super().__init__()
        self.escape = escape.function()
        self.tags = {name: tag for name, tag in self.tags.items() if name in TAGS}
        self.add_tag(_Output)
        self.filters = dict(FILTERS)


def _affordable(size: int) -> None:
    if size > MAX_VALUE:
        raise ResourceLimitError("a value grew too long", token=None)


@liquid_filter
def _replace(value: object, old: object, new: object = "") -> str:
    text, part, other = str(value), str(old), str(new)
    _affordable(len(text) + text.count(part) * len(other))
    return text.replace(part, other)


def _items(value: object) -> object:
    """A range written out, as far as a loop may go; anything else as it is."""
    return list(value[:MAX_LOOPS]) if isinstance(value, range) else value


@liquid_filter
def _join(value: object, separator: object = " ") -> str:
    values = _items(value)
    if not isinstance(values, list):
        return str(values)
    items = [str(item) for item in values]
    _affordable(sum(map(len, items)) + len(items) * len(str(separator)))
    return str(separator).join(items)


@liquid_filter
def _slice(value: object, start: object, length: object = 1) -> object:
    part: object = string.slice_(_items(value), start, length)
    return part


@liquid_filter
def _split(value: object, separator: object = "") -> list[str]:
    _affordable(len(str(value)))
    parts: list[str] = string.split(str(value), separator)
    return parts


def _joined(first: object, second: object) -> str:
    _affordable(len(str(first)) + len(str(second)))
    return f"{first}{second}"


@liquid_filter
def _append(value: object, other: object) -> str:
    return _joined(value, other)


@liquid_filter
def _prepend(value: object, other: object) -> str:
    return _joined(other, value)


@liquid_filter
def _times(value: object, other: object) -> object:
    result: object = math.times(value, other)
    if isinstance(result, int):
        _affordable(result.bit_length())
    return result


@liquid_filter
def _date(value: object, pattern: object = "%d %B %Y") -> str:
    moment = clock.now() if value in ("now", "today") else value
    _affordable(len(str(pattern)) * 100)
    shown: str = misc.date(moment, str(pattern), environment=_UNLIMITED)
    return shown


@liquid_filter
def _unchanged(value: object) -> object:
    return value


@liquid_filter
def _first(value: object) -> object:
    values = _items(value)
    return values[0] if isinstance(values, list | str) and values else None


@liquid_filter
def _last(value: object) -> object:
    values = _items(value)
    return values[-1] if isinstance(values, list | str) and values else None


@liquid_filter
def _size(value: object) -> int:
    return len(value) if isinstance(value, Sized) else 0


FILTERS: dict[str, Callable[..., object]] = {
    "default": misc.default,
    "upcase": string.upcase,
    "downcase": string.downcase,
    "capitalize": string.capitalize,
    "strip": string.strip,
    "lstrip": string.lstrip,
    "rstrip": string.rstrip,
    "squish": string.squish,
    "truncate": string.truncate,
    "truncatewords": string.truncatewords,
    "slice": _slice,
    "remove": string.remove,
    "remove_first": string.remove_first,
    "replace_first": string.replace_first,
    "replace": _replace,
    "append": _append,
    "prepend": _prepend,
    "split": _split,
    "join": _join,
    "first": _first,
    "last": _last,
    "size": _size,
    "date": _date,
    "abs": math.abs_,
    "ceil": math.ceil,
    "floor": math.floor,
    "round": math.round_,
    "plus": math.plus,
    "minus": math.minus,
    "times": _times,
    "divided_by": math.divided_by,
    "modulo": math.modulo,
    "at_least": math.at_least,
    "at_most": math.at_most,
    "url_encode": string.url_encode,
    # Values are escaped where they are put out; escaping twice would show "&amp;" to people.
    "escape": _unchanged,
    "escape_once": _unchanged,
}


_UNLIMITED = Environment()
ENVIRONMENTS = {escape: Limited(escape) for escape in Escape}
