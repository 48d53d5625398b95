"""One page of a long list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from sqlalchemy import Select, func, select

from campaign_app.extensions import db

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows of a list, and where they stand in it."""

    items: Sequence[T]
    number: int
    """Counted from 1."""
    total: int
    """Rows in the whole list."""
    size: int = 50

    @property
    def pages(self) -> int:
        """How many pages there are, at least one."""
        return max(1, -(-self.total // self.size))

    @property
    def first(self) -> int:
        """The first row's place in the list, counted from 1; 0 when the page is empty."""
        return (self.number - 1) * self.size + 1 if self.items else 0

    @property
    def last(self) -> int:
        """The last row's place in the list."""
        return (self.number - 1) * self.size + len(self.items)


def read(query: Select[T], *, number: int, size: int) -> Page[T]:
    """Page `number` of an ordered query, or the nearest one that there is."""
    every = query.order_by(None).subquery()
    total = db.session.scalar(select(func.count()).select_from(every)) or 0
    number = max(1, min(number, -(-total // size)))
    rows = db.session.scalars(query.limit(size).offset((number - 1) * size)).all()
    return Page(rows, number, total, size)
