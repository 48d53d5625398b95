"""The examples of a check, as its page shows them: people, and what would change about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from campaign_app.imports.job import orders_of
from campaign_app.imports.merge import Orders
from campaign_app.imports.prepare import HALVES
from campaign_app.models.imports import Existing, Import

Values = dict[str, str]


@dataclass(frozen=True, slots=True)
class Change:
    """One value of a person, before and after; "" is none."""

    label: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Example:
    """A person of the file; of a repeated row, only its number and its address may be known."""

    email: str
    name: str = ""
    row: int | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)


def of_import(row: Import) -> dict[str, list[Example]]:
    """The examples by their kind, but for rejected rows, which are shown with all they have."""
    found: dict[str, list[dict[str, Any]]] = row.report.get("examples", {})
    orders = orders_of(row)
    shown = {
        kind: [_example(orders, one) for one in ones]
        for kind, ones in found.items()
        if kind != "invalid"
    }
    # Whose values change tells more than who only gets a tag.
    shown["updated"] = sorted(shown.get("updated", []), key=lambda one: not one.changes)
    return shown


def _example(orders: Orders, told: dict[str, Any]) -> Example:
    return Example(
        email=told["email"],
        name=told.get("name", ""),
        row=told.get("row"),
        attributes=_beside_name(told),
        changes=_changes(orders, told) if told.get("stored") else [],
    )


def _beside_name(told: dict[str, Any]) -> Values:
    """The attributes; the halves of a name only where the whole is not shown."""
    halves = HALVES if told.get("name") else ()
    return {key: value for key, value in told.get("attributes", {}).items() if key not in halves}


def _changes(orders: Orders, told: dict[str, Any]) -> list[Change]:
    stored = _flat(told["stored"])
    after = _after(orders, stored, _flat(told))
    return [
        Change("Name" if key == "" else key, stored.get(key, ""), after.get(key, ""))
        for key in {**stored, **after}
        if stored.get(key, "") != after.get(key, "")
    ]


def _flat(told: dict[str, Any]) -> Values:
    """The name under "", where no attribute can be, and the attributes."""
    return {"": told["name"], **told["attributes"]}


def _after(orders: Orders, stored: Values, given: Values) -> Values:
    """What somebody would have after the import; `imports.merge` does the same in SQL."""
    filled = {key: value for key, value in given.items() if value}
    if orders.existing == Existing.SKIP:
        return stored
    if orders.existing == Existing.FILL:
        return {**filled, **{key: value for key, value in stored.items() if value}}
    erased = {*orders.erased, *([""] if orders.erases_names else [])}
    return {**{key: value for key, value in stored.items() if key not in erased}, **filled}
