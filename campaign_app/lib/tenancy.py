"""Every workspace sees only its own: the reads, and the guard behind them.

Reads start from `owned_by` or `get_owned`. Behind them stands `guard`, which refuses any ORM
statement on a workspace's table that does not say which workspace it means.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Protocol, TypeVar, cast

from sqlalchemy import BinaryExpression, FromClause, Select, Table, event, select
from sqlalchemy.orm import Mapped, ORMExecuteState, Session
from sqlalchemy.sql import operators, visitors
from sqlalchemy.sql.elements import ClauseElement
from sqlalchemy.sql.selectable import AliasedReturnsRows

from campaign_app.extensions import Base, db
from campaign_app.lib.errors import NotFound


class HasId(Protocol):
    """A workspace, as far as the tables below care."""

    @property
    def id(self) -> int: ...


class Owned:
    """Marks a model whose rows belong to one workspace."""

    if TYPE_CHECKING:  # the models declare these themselves, each with its own column
        id: Mapped[int]
        workspace_id: Mapped[int]


M = TypeVar("M", bound=Owned)


class UnscopedQueryError(RuntimeError):
    """A statement touches a workspace's table without saying whose rows it means."""


def owned_by(workspace: HasId, model: type[M]) -> Select[M]:
    """A SELECT of the workspace's own rows, ready for more conditions."""
    return select(model).where(model.workspace_id == workspace.id)


def get_owned(workspace: HasId, model: type[M], row_id: int) -> M:
    """The workspace's own row. Raises NotFound, to a stranger as for a missing row."""
    row = db.session.scalars(owned_by(workspace, model).where(model.id == row_id)).one_or_none()
    if row is None:
        raise NotFound
    return row


def guard(state: ORMExecuteState) -> None:
    """Refuse a statement on owned tables without `workspace_id = …` for each of them.

    A deliberate exception says `execution_options(all_workspaces=True)`, so it can be grepped.
    """
    if state.is_column_load or state.is_relationship_load or state.is_insert:
        return
    if state.execution_options.get("all_workspaces"):
        return
    elements = list(visitors.iterate(cast(ClauseElement, state.statement)))
    unscoped = _owned_tables(elements) - set(_scoped_tables(elements))
    if unscoped:
        raise UnscopedQueryError(
            f"Say whose rows you mean: no workspace_id = … for {', '.join(sorted(unscoped))}."
            " Start from tenancy.owned_by(), or state execution_options(all_workspaces=True)."
        )


def install() -> None:
    """Put the guard in front of every ORM session of the process."""
    if not event.contains(Session, "do_orm_execute", guard):
        event.listen(Session, "do_orm_execute", guard)


@cache
def _owned_names() -> frozenset[str]:
    mappers = Base.registry.mappers
    return frozenset(m.local_table.name for m in mappers if issubclass(m.class_, Owned))  # type: ignore[attr-defined]


def _owned_tables(elements: list[visitors.ExternallyTraversible]) -> set[str]:
    names = {element.name for element in elements if isinstance(element, Table)}
    return names & _owned_names()


def _scoped_tables(elements: list[visitors.ExternallyTraversible]) -> Iterator[str]:
    for element in elements:
        if isinstance(element, BinaryExpression) and element.operator in (
            operators.eq,
            operators.in_op,
        ):
            for side in (element.left, element.right):
                if getattr(side, "name", None) == "workspace_id":
                    yield _table_name(side)


def _table_name(column: ClauseElement) -> str:
    table: FromClause | None = getattr(column, "table", None)
    while isinstance(table, AliasedReturnsRows):
        table = table.element  # type: ignore[assignment]
    return str(getattr(table, "name", ""))
