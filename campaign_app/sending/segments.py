"""A mail as literal bytes with slots between them, filled per recipient in one formatting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any

from campaign_app.lib import liquid
from campaign_app.sending import mime

Slot = Callable[[Mapping[str, str]], bytes]
"""Gives the encoded bytes of one place in a mail, from the recipient's values."""


class Layout:
    """Built once with `literal`, `slot` and `body`; then only `fill` is called, by many threads."""

    def __init__(self) -> None:
        self._literal = bytearray()
        self._slots: list[Slot] = []
        self._order: list[int] = []
        self._known: dict[object, int] = {}
        self._format = b""
        self._pick: Callable[[list[bytes]], Any] = tuple

    def literal(self, code: bytes) -> None:
        """Add bytes that are the same in every mail."""
        self._literal += code.replace(b"%", b"%%")

    def slot(self, make: Slot, *, key: object = None) -> None:
        """Add a place for what `make` gives. Slots of an equal key are made once a mail."""
        key = make if key is None else key
        number = self._known.setdefault(key, len(self._slots))
        if number == len(self._slots):
            self._slots.append(make)
        self._order.append(number)
        self._literal += b"%b"

    def body(
        self, template: liquid.Template, finish: Callable[[str, Mapping[str, str]], str]
    ) -> None:
        """Add a part as quoted-printable.

        A plain template becomes literals and a slot per field; one with logic is one slot, whose
        text goes through `finish` before it is encoded.
        """
        if template.segments is None:
            self.slot(lambda values: mime.quoted_printable(finish(template.render(values), values)))
            return
        for piece in template.segments:
            if isinstance(piece, str):
                self.literal(mime.open_ended(mime.quoted_printable(piece)))
            else:
                self.slot(_field(piece, template.escape), key=(piece, template.escape))

    def freeze(self) -> Layout:
        """End the building."""
        self._format = bytes(self._literal)
        self._pick = itemgetter(*self._order)
        return self

    def fill(self, values: Mapping[str, str]) -> bytes:
        """The mail for one recipient."""
        made = [make(values) for make in self._slots]
        return self._format % self._pick(made)


def _field(field: liquid.Field, escape: Callable[[str], str]) -> Slot:
    name, fallback = field.name, field.fallback

    def encode(values: Mapping[str, str]) -> bytes:
        return mime.value(escape(values.get(name) or fallback))

    return encode
