"""Column shapes that several tables share."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from sqlalchemy import BigInteger, DateTime, Enum, ForeignKey, Identity, func
from sqlalchemy.orm import mapped_column

BigId = Annotated[int, mapped_column(BigInteger, Identity(), primary_key=True)]
Big = Annotated[int, mapped_column(BigInteger)]
When = Annotated[datetime, mapped_column(DateTime(timezone=True))]
Created = Annotated[
    datetime, mapped_column(DateTime(timezone=True), server_default=func.now(), nullable=False)
]
WorkspaceId = Annotated[
    int,
    mapped_column(BigInteger, ForeignKey("workspaces.id", ondelete="CASCADE"), nullable=False),
]


def choice(values: type[StrEnum], name: str) -> Enum:
    """A text column with a CHECK on the enum's values: native enums break up → down → up."""
    return Enum(
        values,
        name=name,
        native_enum=False,
        create_constraint=True,
        length=20,
        values_callable=lambda kinds: [kind.value for kind in kinds],
    )


def no_rows() -> dict[str, Any]:
    """The default of a count: zero, in Python as in the database."""
    return {"default": 0, "server_default": "0"}
