"""The values a template can use for one recipient."""

from __future__ import annotations

from collections.abc import Mapping

_TITLES = frozenset(
    ("mr", "mrs", "ms", "miss", "mx", "dr", "prof", "sir", "dame", "herr", "frau", "mme", "m")
)


def values(email: str, name: str, attributes: Mapping[str, str], **more: str) -> dict[str, str]:
    """Every attribute by its key, with `email`, `name` and `first_name`, and whatever is added.

    `first_name` is the recipient's own attribute where there is one, else made from the name.
    """
    merged = {**attributes, **more}
    merged["email"], merged["name"] = email, name
    if not merged.get("first_name"):
        merged["first_name"] = first_name(name)
    return merged


def first_name(name: str) -> str:
    """The first name in `Anna Schmidt`, `Schmidt, Anna` or `Dr. Anna Schmidt`; may be empty."""
    if "," in name:
        family, _, name = name.partition(",")
        name = name.strip() or family
    words = name.split()
    while len(words) > 1 and words[0].rstrip(".").lower() in _TITLES:
        del words[0]
    return words[0] if words else ""
