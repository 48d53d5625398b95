"""How large a part of something is, in per cent."""

from __future__ import annotations


def percent(part: float, whole: float) -> float:
    """Part of whole, 0 to 100, with one decimal; 0 of nothing.

    Never rounded to 100 while something is missing, nor to 0 while there is something: of a
    million less one, 99.9.
    """
    if not whole:
        return 0.0
    rounded = round(100 * part / whole, 1)
    if part < whole:
        rounded = min(rounded, 99.9)
    return max(rounded, 0.1) if part > 0 else rounded
