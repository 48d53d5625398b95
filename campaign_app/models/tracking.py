"""What recipients did: raw events, and the buckets the charts are drawn from."""

from __future__ import annotations

from sqlalchemy import BigInteger, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from campaign_app.extensions import Base
from campaign_app.lib.tenancy import Owned
from campaign_app.models.columns import Big, BigId, Created, When, WorkspaceId, no_rows


class OpenEvent(Owned, Base):
    """A load of the pixel, or the same one several times within a second. No foreign keys.

    `machine_reason` is empty for a person.
    """

    __tablename__ = "open_events"
    __table_args__ = (Index("ix_open_events_message_id", "message_id"),)

    id: Mapped[BigId]
    workspace_id: Mapped[Big]
    campaign_id: Mapped[Big]
    message_id: Mapped[Big]
    machine_reason: Mapped[str] = mapped_column(Text, default="", server_default="")
    user_agent: Mapped[str] = mapped_column(Text, default="", server_default="")
    ip: Mapped[str] = mapped_column(Text, default="", server_default="")
    times: Mapped[int] = mapped_column(default=1, server_default="1")
    created_at: Mapped[Created]


class ClickEvent(Owned, Base):
    """A visit to a redirected link, or the same one several times within a second.

    `machine_reason` is empty for a person. No foreign keys.
    """

    __tablename__ = "click_events"
    __table_args__ = (Index("ix_click_events_message_id", "message_id"),)

    id: Mapped[BigId]
    workspace_id: Mapped[Big]
    campaign_id: Mapped[Big]
    message_id: Mapped[Big]
    link_number: Mapped[int]
    machine_reason: Mapped[str] = mapped_column(Text, default="", server_default="")
    user_agent: Mapped[str] = mapped_column(Text, default="", server_default="")
    ip: Mapped[str] = mapped_column(Text, default="", server_default="")
    times: Mapped[int] = mapped_column(default=1, server_default="1")
    created_at: Mapped[Created]


class Engagement(Owned, Base):
    """What a campaign caused in five minutes; `unique_…` counts a message once."""

    __tablename__ = "engagement"
    __table_args__ = (Index("ix_engagement_workspace_id", "workspace_id", "bucket"),)

    workspace_id: Mapped[WorkspaceId]
    campaign_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    bucket: Mapped[When] = mapped_column(primary_key=True)
    opens: Mapped[int] = mapped_column(**no_rows())
    unique_opens: Mapped[int] = mapped_column(**no_rows())
    machine_opens: Mapped[int] = mapped_column(**no_rows())
    clicks: Mapped[int] = mapped_column(**no_rows())
    unique_clicks: Mapped[int] = mapped_column(**no_rows())
    machine_clicks: Mapped[int] = mapped_column(**no_rows())
    unsubscribes: Mapped[int] = mapped_column(**no_rows())
