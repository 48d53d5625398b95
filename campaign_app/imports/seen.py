"""Who was in the file already, in 16 to 32 bytes each: a set of a million strings takes 150 MB."""

from __future__ import annotations

from array import array

_EMPTY = array("Q", [0])
_FIRST_SLOTS = 64
_TABLE_BITS = 4


class Seen:
    """A set of addresses that remembers 64-bit hashes only.

    Two addresses of ten million share a hash once in 400,000 files; one would then be counted as
    a duplicate, and still be imported. There are sixteen tables, so that whenever one is copied
    into a larger one, only a sixteenth is in memory twice.
    """

    def __init__(self) -> None:
        self._tables = [_EMPTY * _FIRST_SLOTS for _ in range(1 << _TABLE_BITS)]
        self._counts = [0] * len(self._tables)

    def add(self, address: str) -> bool:
        """Remember an address; True when it is new."""
        key = (hash(address) & 0xFFFF_FFFF_FFFF_FFFF) or 1
        number = key >> (64 - _TABLE_BITS)
        table = self._tables[number]
        mask = len(table) - 1
        place = key & mask
        while slot := table[place]:
            if slot == key:
                return False
            place = (place + 1) & mask
        table[place] = key
        self._counts[number] += 1
        if self._counts[number] * 2 > mask:
            self._tables[number] = _twice(table)
        return True


def _twice(old: array[int]) -> array[int]:
    """The same hashes in twice the room."""
    table = _EMPTY * (2 * len(old))
    mask = len(table) - 1
    for key in filter(None, old):
        place = key & mask
        while table[place]:
            place = (place + 1) & mask
        table[place] = key
    return table
