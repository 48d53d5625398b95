"""The form of a campaign."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Any

from flask import g, render_template
from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    HiddenField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
    widgets,
)
from wtforms.validators import DataRequired, Length, Optional, ValidationError

from campaign_app.lib.errors import Invalid
from campaign_app.models.campaigns import Campaign
from campaign_app.services import (
    audience,
    audience_choice,
    audience_direct,
    campaigns,
    contents,
    groups,
    segments,
    senders,
)
from campaign_app.services.audience_choice import Choice
from campaign_app.services.campaigns import Draft
from campaign_app.services.contents import Content
from campaign_app.web.sender_form import NumberField

SHOWN = 500
"""Direct recipients that fit into a text box; of more, the box only takes additional ones."""


class ContentForm(FlaskForm):
    """A name, a subject and two bodies: what campaigns and templates share."""

    name = StringField("Name", [DataRequired("Give it a name."), Length(max=campaigns.MAX_NAME)])
    subject = StringField("Subject", [Length(max=contents.MAX_SUBJECT)])
    html = TextAreaField("E-mail")
    text = TextAreaField("Text version")

    def content(self) -> Content:
        """What was written."""
        return Content(self.subject.data or "", self.html.data or "", self.text.data or "")

    def validate(self, extra_validators: dict[str, Any] | None = None) -> bool:
        """Check every field and every template, so that all that is wrong is said at once."""
        valid = super().validate(extra_validators)
        for name, message in contents.problems(self.content()).items():
            self[name].errors = [*self[name].errors, message]
            valid = False
        return bool(valid)


class BoxesField(SelectMultipleField):
    """Check boxes, one for each thing of the workspace."""

    def __init__(self, label: str, **options: Any) -> None:  # noqa: ANN401  what WTForms takes
        super().__init__(
            label,
            coerce=int,
            widget=widgets.ListWidget(prefix_label=False),
            option_widget=widgets.CheckboxInput(),
            **options,
        )


class CampaignForm(ContentForm):
    """A campaign as its author writes it."""

    sender_id = SelectField("Sender", [Optional()], coerce=lambda raw: int(raw) if raw else None)
    group_ids = BoxesField("Groups")
    segment_ids = BoxesField("Segments")
    exclude_group_ids = BoxesField("Groups to leave out")
    exclude_segment_ids = BoxesField("Segments to leave out")
    one_per_mailbox = BooleanField("One e-mail per mailbox", default=True)
    direct = TextAreaField("Direct recipients")
    direct_before = HiddenField()
    """The addresses that the box held when the page was made: what is missing now was taken out."""
    tpm = NumberField("Rate", [Optional()])

    def offer(self) -> None:
        """Fill in the workspace's senders and groups to choose from."""
        mine = [(sender.id, sender.name) for sender in senders.every(g.workspace)]
        self.sender_id.choices = [("", "Choose a sender…"), *mine]
        mine = [(one.id, one.name) for one in groups.standing(g.workspace)]
        self.group_ids.choices = self.exclude_group_ids.choices = mine
        mine = [(one.id, one.name) for one in segments.every(g.workspace)]
        self.segment_ids.choices = self.exclude_segment_ids.choices = mine

    def draft(self) -> Draft:
        """What was written; call it after the validation."""
        return Draft(
            name=self.name.data,
            content=self.content(),
            sender_id=self.sender_id.data,
            choice=self.choice(),
            one_per_mailbox=self.one_per_mailbox.data,
            tpm=self.tpm.data,
        )

    def choice(self) -> Choice:
        """What was ticked."""
        return Choice(
            group_ids=self.group_ids.data,
            segment_ids=self.segment_ids.data,
            exclude_group_ids=self.exclude_group_ids.data,
            exclude_segment_ids=self.exclude_segment_ids.data,
        )

    def count(self, campaign: Campaign | None) -> str:
        """Who was ticked, in numbers, as a part of the page."""
        found = audience.preview_of(
            g.workspace,
            self.choice(),
            campaign=campaign,
            one_per_mailbox=self.one_per_mailbox.data,
        )
        written = set(addresses(self.direct.data)) - set(addresses(self.direct_before.data))
        return render_template("campaigns/_audience_sum.html", audience=found, written=len(written))

    def save_direct(self, campaign: Campaign) -> None:
        """Bring the campaign's own group to what was written."""
        audience_direct.change(
            g.workspace,
            campaign,
            before=addresses(self.direct_before.data),
            after=addresses(self.direct.data),
            user=g.user,
        )

    def validate_direct(self, field: TextAreaField) -> None:
        """Name the first few that are no addresses, or those of erased people."""
        try:
            audience_direct.addable(g.workspace, addresses(field.data))
        except Invalid as error:
            raise ValidationError(error.message) from None


def of_campaign(campaign: Campaign) -> dict[str, Any]:
    """What the form of a campaign begins with."""
    shown = audience_direct.some(g.workspace, campaign, limit=SHOWN + 1)
    direct = "\n".join(shown) if len(shown) <= SHOWN else ""
    return {
        "sender_id": campaign.sender_id or "",
        **asdict(audience_choice.of(g.workspace, campaign)),
        "direct": direct,
        "direct_before": direct,
    }


def addresses(text: str | None) -> list[str]:
    """The addresses in a box: one to a line or separated by commas, `Name <address>` too."""
    parts = (part.strip() for part in re.split(r"[,;\r\n]", text or ""))
    return [re.sub(r"^[^<>]*<([^<>]+)>$", r"\1", part) for part in parts if part]
