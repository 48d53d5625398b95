"""How many there are, kept as changes that are added up: nobody waits for a counter's row."""

from __future__ import annotations

from sqlalchemy import BigInteger, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from campaign_app.extensions import Base
from campaign_app.lib.tenancy import Owned
from campaign_app.models.columns import Big, BigId


class Tally(Owned, Base):
    """By how many the members of a group, the recipients of a status or those with a tag changed.

    Triggers append these rows, one a statement, in the transaction that changes the people: the
    sum is exact at every moment. Without foreign keys, since the last change of a group is its end.
    """

    __tablename__ = "tallies"
    __table_args__ = (
        Index("ix_tallies_workspace_id", "workspace_id", "group_id", "status", "tag"),
    )

    id: Mapped[BigId]
    workspace_id: Mapped[Big]
    group_id: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    """0: it is about a status or a tag."""
    status: Mapped[str] = mapped_column(Text, default="", server_default="")
    tag: Mapped[str] = mapped_column(Text, default="", server_default="")
    number: Mapped[Big]
