"""A segment: a saved filter of recipients, worked out anew whenever it is used."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, Text, UniqueConstraint, func
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from campaign_app.extensions import Base
from campaign_app.lib.tenancy import Owned
from campaign_app.models.columns import BigId, Created, WorkspaceId


class Segment(Owned, Base):
    """A named set of rules; whoever fulfils them belongs to it, at that moment."""

    __tablename__ = "segments"
    __table_args__ = (
        UniqueConstraint("workspace_id", "id"),
        Index(
            "uq_segments_workspace_id_name",
            "workspace_id",
            func.lower(sql("name")),
            unique=True,
        ),
    )

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    name: Mapped[str] = mapped_column(Text)
    rules: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """As `services.segment_shapes.Rules` reads them."""
    created_at: Mapped[Created]
    updated_at: Mapped[Created]


class CampaignSegment(Owned, Base):
    """A segment chosen as (part of) a campaign's audience, or kept out of it."""

    __tablename__ = "campaign_segments"
    __table_args__ = (
        ForeignKeyConstraint(
            ["workspace_id", "campaign_id"],
            ["campaigns.workspace_id", "campaigns.id"],
            name="fk_campaign_segments_campaign",
            ondelete="CASCADE",
        ),
        ForeignKeyConstraint(
            ["workspace_id", "segment_id"],
            ["segments.workspace_id", "segments.id"],
            name="fk_campaign_segments_segment",
            ondelete="CASCADE",
        ),
        Index("ix_campaign_segments_segment_id", "workspace_id", "segment_id"),
    )

    workspace_id: Mapped[WorkspaceId]
    campaign_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    segment_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    excluded: Mapped[bool] = mapped_column(default=False, server_default="false")
    """Its people are left out, whatever else they are in."""
