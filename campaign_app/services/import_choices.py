"""What a person decides about an uploaded file: its columns, and what it does to people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from campaign_app.extensions import db
from campaign_app.lib import clock
from campaign_app.lib.errors import Invalid
from campaign_app.lib.tenancy import HasId
from campaign_app.models.imports import EmptyCells, Existing, Import, ImportState
from campaign_app.models.people import User
from campaign_app.services import groups, imports, tags

PERMISSION = "Everyone in this file has agreed to get e-mail from us."
"""What a person confirms before an import; kept with it, word for word."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What an import does to people. `permission` says that they agreed to be mailed.

    Groups and tags are given to everybody in the file, also to those who are skipped otherwise.
    """

    group_ids: Sequence[int] = ()
    existing: Existing = Existing.OVERWRITE
    empty_cells: EmptyCells = EmptyCells.KEEP
    tags: Sequence[str] = ()
    permission: bool = False


def match(
    workspace: HasId,
    row: Import,
    *,
    options: dict[str, Any],
    mapping: list[dict[str, Any]],
) -> None:
    """Set how the file is read and what its columns are; a dry run must be made anew then.

    Raises Conflict once the import has begun: half a file read otherwise would be chaos.
    """
    _reopen(workspace, row)
    row.options, row.mapping, row.matched = options, mapping, True


def choose(workspace: HasId, row: Import, *, choices: Choices, user: User) -> None:
    """Set what happens to people; a dry run must be made anew then.

    The permission is written down with who gave it, when, and in which words. Raises Conflict once
    the import has begun; Invalid for a wrong tag, with field "tags".
    """
    labels = tags.checked(choices.tags)
    _reopen(workspace, row)
    row.group_ids = imports.own_groups(workspace, choices.group_ids)
    row.existing, row.empty_cells, row.tags = choices.existing, choices.empty_cells, labels
    row.permission_by = user.id if choices.permission else None
    row.permission_at = clock.now() if choices.permission else None
    row.permission_words = PERMISSION if choices.permission else ""


def confirm(choices: Choices) -> None:
    """Raise Invalid with field "permission" unless somebody confirms that people may be mailed."""
    if not choices.permission:
        raise Invalid("Confirm that these people agreed to get your e-mail.", field="permission")


def _reopen(workspace: HasId, row: Import) -> None:
    imports.move(workspace, row, imports.OPEN, state=ImportState.UPLOADED, report={}, error="")


def former_mapping(workspace: HasId) -> list[dict[str, Any]]:
    """How the columns of the workspace's last import were matched; empty when there is none.

    `campaign_app.imports.mapping` says what can be learned from it.
    """
    last = db.session.scalars(
        select(Import.mapping)
        .where(Import.workspace_id == workspace.id, Import.state.not_in(imports.OPEN))
        .order_by(Import.id.desc())
        .limit(1)
    ).first()
    return list(last or [])


def group_called(workspace: HasId, name: str, *, user: User) -> int:
    """The id of the group of that name, which is made when it is missing.

    Raises Invalid with field "new_group".
    """
    plain = " ".join(name.split())
    for group in groups.standing(workspace):
        if group.name.lower() == plain.lower():
            return group.id
    try:
        return groups.create(workspace, name=plain, user=user).id
    except Invalid as error:
        raise Invalid(error.message, field="new_group") from None
