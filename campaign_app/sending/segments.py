"""A mail as literal bytes with slots between them, filled per recipient in one formatting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import itemgetter

from campaign_app.lib import liquid
from campaign_app.sending import mime

Values = Mapping[str, str]
Slot = Callable[[Values], bytes]
"""Gives the encoded bytes of one place in a mail, from the recipient's values."""

REMEMBERED = 500
"""Values a slot keeps encoded."""
LONGEST_REMEMBERED = 80
"""Characters of a value worth keeping."""


class Layout:
    """What is being built of a mail, front to back; `finished` makes a Form of it.

    `tailed` are the fields whose value is the same beginning in every mail and then another value,
    one of URL-safe characters: the beginning becomes a literal.
    """

    def __init__(self, tailed: Mapping[str, tuple[str, str]]) -> None:
        self._tailed = tailed
        self._literal = bytearray()
        self._slots: list[Slot] = []
        self._order: list[int] = []
        self._known: dict[object, int] = {}

    def literal(self, code: bytes) -> None:
        """Add bytes that are the same in every mail."""
        self._literal += code.replace(b"%", b"%%")

    def slot(self, make: Slot, *, key: object = None) -> None:
        """Add a place for what `make` gives. Slots of an equal key are made once a mail."""
        number = self._known.setdefault(make if key is None else key, len(self._slots))
        if number == len(self._slots):
            self._slots.append(make)
        self._order.append(number)
        self._literal += b"%b"

    def body(self, template: liquid.Template) -> None:
        """Add a part as quoted-printable: its text as literals, a slot per field and island.

        Every literal and every value ends its own line with a soft break, so each can be encoded
        without knowing what stands beside it.
        """
        for piece in template.segments:
            if isinstance(piece, str):
                self.literal(mime.open_ended(mime.quoted_printable(piece)))
            elif isinstance(piece, liquid.Field) and piece.name in self._tailed:
                beginning, name = self._tailed[piece.name]
                self.literal(mime.open_ended(mime.quoted_printable(template.escape(beginning))))
                self.slot(_safe(name), key=("safe", name))
            elif isinstance(piece, liquid.Field):
                self.slot(_field(piece, template.escape), key=(piece, template.escape))
            else:
                self.slot(_island(piece))

    def body_as_a_whole(
        self, template: liquid.Template, complete: Callable[[str, Values], str]
    ) -> None:
        """Add a part whose text must be seen whole, by `complete`, before it is encoded."""
        self.slot(lambda values: mime.quoted_printable(complete(template.render(values), values)))

    def finished(self) -> Form:
        """The form to fill in."""
        return Form(bytes(self._literal), tuple(self._slots), tuple(self._order))


class Form:
    """A mail ready to be filled in. Safe to share between threads."""

    __slots__ = ("_format", "_pick", "_slots")

    def __init__(self, form: bytes, slots: tuple[Slot, ...], order: tuple[int, ...]) -> None:
        self._format = form
        self._slots = slots
        self._pick = itemgetter(*order)

    def fill(self, values: Values) -> bytes:
        """The mail for one recipient. Raises what a slot raises: Invalid, from logic."""
        filled: bytes = self._format % self._pick([make(values) for make in self._slots])
        return filled


def remembered(name: str, fallback: str, encode: Callable[[str], bytes]) -> Slot:
    """A slot of one value, which keeps what it made of the first few hundred: towns recur."""
    known: dict[str, bytes] = {}

    def make(values: Values) -> bytes:
        text = values.get(name) or fallback
        if type(text) is not str:  # an attribute read from JSON; 1 and True would be one key
            text = str(text)
        code = known.get(text)
        if code is None:
            code = encode(text)
            if len(known) < REMEMBERED and len(text) < LONGEST_REMEMBERED:
                known[text] = code
        return code

    return make


def _safe(name: str) -> Slot:
    """A slot of a short value that neither HTML nor quoted-printable would write differently."""
    return lambda values: values[name].encode() + mime.SOFT_BREAK


def _field(field: liquid.Field, escape: Callable[[str], str]) -> Slot:
    def encode(text: str) -> bytes:
        return mime.value(escape(text))

    return remembered(field.name, field.fallback, encode)


def _island(island: liquid.Island) -> Slot:
    return lambda values: mime.value(island.render(values))
