"""The options of an import: what happens to people, as the form says it and the row keeps it."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import TypeVar

from werkzeug.datastructures import MultiDict

from campaign_app.models.imports import EmptyCells, Existing, Import
from campaign_app.services.import_choices import Choices

Choice = TypeVar("Choice", bound=StrEnum)

EXISTING: dict[Existing, tuple[str, str]] = {
    Existing.OVERWRITE: (
        "Overwrite",
        "What the file says replaces what is stored.",
    ),
    Existing.FILL: (
        "Fill in the gaps",
        "Only what is empty so far is filled in. Nothing is replaced.",
    ),
    Existing.SKIP: (
        "Leave as they are",
        "Their names and attributes stay untouched.",
    ),
}
"""What happens to people who are on the list already: a label, and what it means."""

EMPTY_CELLS: dict[EmptyCells, tuple[str, str]] = {
    EmptyCells.KEEP: ("Keep what is stored", "An empty cell says nothing."),
    EmptyCells.ERASE: ("Erase what is stored", "An empty cell means that there is no value."),
}


def of_row(row: Import) -> Choices:
    """What has been chosen so far, or is proposed."""
    return Choices(
        group_ids=list(row.group_ids),
        existing=row.existing,
        empty_cells=row.empty_cells,
        tags=list(row.tags),
        permission=row.permission_at is not None,
    )


def read(form: MultiDict[str, str], *, own_groups: Iterable[int]) -> Choices:
    """What the form says; answers that the page does not offer count as none."""
    own = set(own_groups)
    return Choices(
        group_ids=[one for one in form.getlist("group_ids", type=int) if one in own],
        existing=_one_of(Existing, form.get("existing", ""), Existing.OVERWRITE),
        empty_cells=_one_of(EmptyCells, form.get("empty_cells", ""), EmptyCells.KEEP),
        tags=form.get("tags", "").split(","),
        permission="permission" in form,
    )


def _one_of(kind: type[Choice], answer: str, otherwise: Choice) -> Choice:
    return kind(answer) if answer in set(kind) else otherwise
