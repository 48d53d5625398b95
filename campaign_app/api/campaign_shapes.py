"""A campaign in JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from campaign_app.api.shapes import (
    Body,
    Emails,
    ErasedEmails,
    Id,
    Moment,
    OptionalText,
    Out,
    Paging,
    Text,
)
from campaign_app.lib.tenancy import HasId
from campaign_app.models.campaigns import Campaign, CampaignStatus
from campaign_app.services import (
    audience_choice,
    audience_direct,
    campaigns,
    contents,
    direct_recipients,
)
from campaign_app.services.campaigns import Draft
from campaign_app.services.contents import Content
from campaign_app.services.group_filling import AT_ONCE
from campaign_app.services.pace import MAX_RATE

SUBJECT = "May hold Liquid: `Hello {{ first_name }}`."
HTML = "The e-mail; may hold Liquid. What could do harm is taken out."
CONTENT = ("subject", "html", "text")
WRITTEN = ("name", "sender_id", "one_per_mailbox", "tpm")
CHOSEN = ("group_ids", "segment_ids", "exclude_group_ids", "exclude_segment_ids")


def _or_none_of_them(given: list[Any] | None) -> list[Any]:
    return given or []


Ids = Annotated[list[Id] | None, AfterValidator(_or_none_of_them)]


class CampaignChanges(Body):
    """What is to be changed; the rest stays."""

    name: Text = Field("", min_length=1, max_length=campaigns.MAX_NAME)
    subject: Text = Field("", max_length=contents.MAX_SUBJECT, description=SUBJECT)
    html: Text = Field("", max_length=contents.MAX_BODY, description=HTML)
    text: OptionalText = Field(
        "", max_length=contents.MAX_BODY, description="The text version; made from `html` if empty."
    )
    sender_id: Id = 0
    group_ids: Ids = Field([], description="The groups it goes to.")
    segment_ids: Ids = Field([], description="The segments it goes to.")
    exclude_group_ids: Ids = Field([], description="Who is in one of these groups is left out.")
    exclude_segment_ids: Ids = Field([], description="Who is in one of these segments is left out.")
    one_per_mailbox: bool = Field(
        default=True,
        description="Mail only the oldest of several spellings of one mailbox, such as "
        "`a.na@gmail.com` and `ana@gmail.com`; the others count as duplicates.",
    )
    recipient_emails: Annotated[Emails | None, AfterValidator(_or_none_of_them)] = Field(
        [],
        description="Further recipients, who join your list, whatever their number; each address "
        "counts once. A change replaces everybody who was named directly for this campaign, here "
        "or in an upload to it; they stay on your list, its groups stay. Left out: nobody changes. "
        f"More than {AT_ONCE:,} are added in the background, and a start must wait for them.",
    )
    scheduled_at: datetime | None = Field(
        default=None,
        description="When to start by itself: a moment (`2026-11-22T09:00:00Z`), or what the clocks"
        " of `timezone` show then (`2026-11-22T09:00:00`). Null: a draft.",
    )
    timezone: OptionalText = Field("", description="Such as `Europe/London`; yours if left out.")
    tpm: int | None = Field(
        default=None, ge=1, le=MAX_RATE, description="Messages a minute; null: as its sender may."
    )

    def applied(self, draft: Draft) -> Draft:
        """The draft with what was given."""
        content = replace(draft.content, **self._given(CONTENT))
        choice = replace(draft.choice, **self._given(CHOSEN))
        return replace(draft, content=content, choice=choice, **self._given(WRITTEN))

    def _given(self, names: tuple[str, ...]) -> dict[str, Any]:
        return {name: getattr(self, name) for name in names if name in self.model_fields_set}


class NewCampaign(CampaignChanges):
    """A campaign: one e-mail to everybody in its groups, its segments and `recipient_emails`."""

    name: Text = Field(min_length=1, max_length=campaigns.MAX_NAME)
    subject: Text = Field(max_length=contents.MAX_SUBJECT, description=SUBJECT)
    html: Text = Field(max_length=contents.MAX_BODY, description=HTML)
    sender_id: Id

    def draft(self) -> Draft:
        """What was given."""
        return self.applied(Draft(name=self.name, content=Content()))


class CampaignRow(Out):
    """A campaign in the list, without its content."""

    id: int
    name: str
    subject: str
    sender_id: int | None = Field(description="Null once the sender is deleted.")
    status: CampaignStatus
    scheduled_at: Moment | None
    timezone: str = Field(description="The zone `scheduled_at` was meant in.")
    tpm: int | None
    pause_reason: str = Field(description="Why it is paused, or could not start in time.")
    created_at: Moment
    updated_at: Moment
    started_at: Moment | None
    finished_at: Moment | None

    @classmethod
    def of(cls, campaign: Campaign) -> CampaignRow:
        """The campaign as it is now."""
        return cls(**cls._values(campaign, CampaignRow))

    @staticmethod
    def _values(campaign: Campaign, shape: type[Out]) -> dict[str, Any]:
        names = [name for name in shape.model_fields if name != "timezone"]
        return {**{name: getattr(campaign, name) for name in names}, "timezone": campaign.time_zone}


class CampaignOut(CampaignRow):
    """A campaign."""

    html: str
    text: str
    group_ids: list[int]
    segment_ids: list[int]
    exclude_group_ids: list[int]
    exclude_segment_ids: list[int]
    one_per_mailbox: bool
    direct_recipients: int = Field(description="How many `recipient_emails` and uploads it has.")
    adding_recipients: bool = Field(description="Whether some of them are still being added.")

    @classmethod
    def whole(cls, workspace: HasId, campaign: Campaign) -> CampaignOut:
        """The campaign with its content and its audience."""
        return cls(
            **cls._values(campaign, CampaignRow),
            html=campaign.html,
            text=campaign.text,
            **asdict(audience_choice.of(workspace, campaign)),
            one_per_mailbox=campaign.one_per_mailbox,
            direct_recipients=audience_direct.count(workspace, campaign),
            adding_recipients=direct_recipients.is_filling(workspace, campaign),
        )


class WrittenCampaign(CampaignOut):
    """A campaign that was written or changed."""

    erased: ErasedEmails

    @classmethod
    def after(
        cls, workspace: HasId, campaign: Campaign, *, erased: Sequence[str]
    ) -> WrittenCampaign:
        """The campaign as it is now."""
        whole = CampaignOut.whole(workspace, campaign)
        return cls(**dict(whole), erased=list(erased))


class CampaignFilter(Paging):
    """Which campaigns to list."""

    status: CampaignStatus | None = None
