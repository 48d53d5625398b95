"""Who was in the file already, in 16 to 32 bytes each: a set of a million strings takes 150 MB."""

from __future__ import annotations

from array import array

_EMPTY_TABLE = array("Q", bytes(8 * 1024))


class Seen:
    """A set of addresses that remembers 64-bit hashes only.

    Two addresses of ten million share a hash once in 400,000 files; one would then be counted as
    a duplicate, and still be imported.
    """

    def __init__(self) -> None:
        self._table = _EMPTY_TABLE[:]
        self._mask = len(self._table) - 1
        self._count = 0

    def add(self, address: str) -> bool:
        """Remember an address; True when it is new."""
        key = (hash(address) & 0xFFFF_FFFF_FFFF_FFFF) or 1
        table, mask = self._table, self._mask
        place = key & mask
        while slot := table[place]:
            if slot == key:
                return False
            place = (place + 1) & mask
        table[place] = key
        self._count += 1
        if self._count * 2 > mask:
            self._grow()
        return True

    def _grow(self) -> None:
        old = self._table
        self._table = table = array("Q", bytes(8 * 2 * len(old)))
        self._mask = mask = len(table) - 1
        for key in filter(None, old):
            place = key & mask
            while table[place]:
                place = (place + 1) & mask
            table[place] = key
