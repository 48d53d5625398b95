"""A campaign: one e-mail to one frozen audience."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    Text,
    UniqueConstraint,
)
from sqlalchemy import (
    text as sql,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from campaign_app.extensions import Base
from campaign_app.lib.tenancy import Owned
from campaign_app.models.columns import BigId, Created, When, WorkspaceId, choice, no_rows


class CampaignStatus(StrEnum):
    """`sending` without `planned_at` is still working out its audience."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    SENDING = "sending"
    PAUSED = "paused"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


EDITABLE = (CampaignStatus.DRAFT, CampaignStatus.SCHEDULED)
LIVE = (CampaignStatus.SENDING, CampaignStatus.PAUSED)


class Campaign(Owned, Base):
    """An e-mail, who gets it, by which sender, when and at what rate."""

    __tablename__ = "campaigns"
    __table_args__ = (
        UniqueConstraint("workspace_id", "id"),
        ForeignKeyConstraint(
            ["workspace_id", "sender_id"],
            ["senders.workspace_id", "senders.id"],
            name="fk_campaigns_sender",
        ),
        ForeignKeyConstraint(
            ["workspace_id", "own_group_id"],
            ["groups.workspace_id", "groups.id"],
            name="fk_campaigns_own_group",
        ),
        CheckConstraint("tpm IS NULL OR tpm >= 1", name="tpm"),
        Index("ix_campaigns_workspace_id_id", "workspace_id", "id"),
        Index(
            "ix_campaigns_awake",
            "status",
            postgresql_where=sql("status IN ('scheduled', 'sending', 'paused', 'cancelled')"),
        ),
    )

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    name: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text, default="", server_default="")
    html: Mapped[str] = mapped_column(Text, default="", server_default="")
    text: Mapped[str] = mapped_column(Text, default="", server_default="")
    """Empty: made from the HTML when sending."""
    sender_id: Mapped[int | None] = mapped_column(BigInteger)
    own_group_id: Mapped[int | None] = mapped_column(BigInteger)
    """The hidden group that direct recipients and uploads of this campaign fill."""
    status: Mapped[CampaignStatus] = mapped_column(
        choice(CampaignStatus, "status"),
        default=CampaignStatus.DRAFT,
        server_default="draft",
    )
    scheduled_at: Mapped[When | None]
    time_zone: Mapped[str] = mapped_column(Text, default="UTC", server_default="UTC")
    """The zone `scheduled_at` was meant in: shown, and used to resolve a changed local time."""
    one_per_mailbox: Mapped[bool] = mapped_column(default=True, server_default="true")
    """Mail only the oldest of several spellings of one mailbox (a.na@ and ana@gmail.com)."""
    tpm: Mapped[int | None]
    """Messages per minute of this campaign; None leaves the pace to the sender."""
    started_at: Mapped[When | None]
    planned_at: Mapped[When | None]
    finished_at: Mapped[When | None]
    pause_reason: Mapped[str] = mapped_column(Text, default="", server_default="")
    paused_by: Mapped[str] = mapped_column(Text, default="", server_default="")
    """`user` or `policy`; empty unless paused."""
    total: Mapped[int] = mapped_column(**no_rows())
    """The frozen audience: how many messages were planned."""
    left_out_duplicate: Mapped[int] = mapped_column(**no_rows())
    left_out_unsubscribed: Mapped[int] = mapped_column(**no_rows())
    left_out_excluded: Mapped[int] = mapped_column(**no_rows())
    left_out_suppressed: Mapped[int] = mapped_column(**no_rows())
    left_out_spellings: Mapped[int] = mapped_column(**no_rows())
    """Those of the duplicates that are another spelling of a mailbox that is mailed."""
    final_counts: Mapped[dict[str, int] | None] = mapped_column(JSONB(none_as_null=True))
    """The counts by status, frozen when nothing moves any more: old campaigns cost nothing."""
    progress: Mapped[list[Any]] = mapped_column(JSONB, default=list, server_default=sql("'[]'"))
    """The dispatcher's last samples [epoch seconds, messages done]: the rate is read from them.
    One from a change of the pace may say, third, what a minute is expected to bring."""
    retry_from: Mapped[int | None] = mapped_column(BigInteger)
    """The last batch whose failed messages were made pending again by a retry under way."""
    retry_through: Mapped[int | None] = mapped_column(BigInteger)
    """The last batch that the retry looks at; None when none is under way. What fails anew is in
    later batches, so a retry comes to its end."""
    created_at: Mapped[Created]
    updated_at: Mapped[Created]


class CampaignGroup(Owned, Base):
    """A group chosen as (part of) a campaign's audience, or kept out of it."""

    __tablename__ = "campaign_groups"
    __table_args__ = (
        ForeignKeyConstraint(
            ["workspace_id", "campaign_id"],
            ["campaigns.workspace_id", "campaigns.id"],
            name="fk_campaign_groups_campaign",
            ondelete="CASCADE",
        ),
        ForeignKeyConstraint(
            ["workspace_id", "group_id"],
            ["groups.workspace_id", "groups.id"],
            name="fk_campaign_groups_group",
            ondelete="CASCADE",
        ),
    )

    workspace_id: Mapped[WorkspaceId]
    campaign_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    group_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    excluded: Mapped[bool] = mapped_column(default=False, server_default="false")
    """Its people are left out, whatever else they are in."""


class Link(Owned, Base):
    """A link of a campaign's HTML, redirected by its number so that no URL stands in a query."""

    __tablename__ = "links"
    __table_args__ = (
        UniqueConstraint("campaign_id", "number"),
        ForeignKeyConstraint(
            ["workspace_id", "campaign_id"],
            ["campaigns.workspace_id", "campaigns.id"],
            name="fk_links_campaign",
            ondelete="CASCADE",
        ),
    )

    id: Mapped[BigId]
    workspace_id: Mapped[WorkspaceId]
    campaign_id: Mapped[int] = mapped_column(BigInteger)
    number: Mapped[int]
    url: Mapped[str] = mapped_column(Text)
    """May hold merge fields in its path or query; they are filled in at the click."""
    clicks: Mapped[int] = mapped_column(**no_rows())
    unique_clicks: Mapped[int] = mapped_column(**no_rows())
