"""Many values as one parameter: an IN of thousands takes longer to write than to run."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, LargeBinary, Text, cast, func
from sqlalchemy.dialects.postgresql import ARRAY


def any_id(ids: Collection[int]) -> ColumnElement[Any]:
    """The right side of `column == any_id(ids)`."""
    return func.any(cast(list(ids), ARRAY(BigInteger)))


def any_text(texts: Collection[str]) -> ColumnElement[Any]:
    """The right side of `column == any_text(texts)`."""
    return func.any(cast(list(texts), ARRAY(Text)))


def any_bytes(values: Collection[bytes]) -> ColumnElement[Any]:
    """The right side of `column == any_bytes(values)`."""
    return func.any(cast(list(values), ARRAY(LargeBinary)))


def rows_of(texts: Collection[str]) -> ColumnElement[str]:
    """A column of the texts, one to a row, for an INSERT … SELECT."""
    return func.unnest(cast(list(texts), ARRAY(Text)))


def literal(numbers: Iterable[float]) -> str:
    """The numbers as PostgreSQL spells an array: for thousands, a tenth of a list's time."""
    return f"{{{','.join(map(str, numbers))}}}"


def text_literal(texts: Iterable[str]) -> str:
    """The texts as PostgreSQL spells an array. It keeps no zero bytes, so they are left out."""
    escaped = (text.replace("\\", "\\\\").replace('"', '\\"') for text in texts)
    return ("{" + ",".join(f'"{text}"' for text in escaped) + "}").replace("\0", "")
