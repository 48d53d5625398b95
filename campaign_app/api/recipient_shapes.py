"""A recipient in JSON."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from campaign_app.api.shapes import Body, Email, Id, Moment, OptionalText, Out, Paging, Text
from campaign_app.lib.tenancy import HasId
from campaign_app.models.recipients import Recipient, RecipientStatus
from campaign_app.services import groups, recipient_upserts, suppressions
from campaign_app.services.attributes import MAX_PAIRS, MAX_VALUE
from campaign_app.services.recipient_details import Details
from campaign_app.services.recipient_filter import Filter
from campaign_app.services.recipient_upserts import Entry, Outcome, Result
from campaign_app.services.recipients import MAX_NAME
from campaign_app.services.tags import MAX_TAG, MAX_TAGS

MOST_GROUPS = 1_000
MAX_REASON = 500
EXAMPLE = {"city": "Ljubljana", "plan": "pro"}


def _as_text(value: object) -> object:
    """Attributes are texts; what programs send of numbers and booleans is written as in JSON."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if value is None or isinstance(value, str):
        return value
    raise ValueError("Write this as text, a number, true, false or null.")


ANYTHING_PLAIN = WithJsonSchema({"type": ["string", "number", "boolean", "null"]})
AttributeValue = Annotated[OptionalText, BeforeValidator(_as_text), ANYTHING_PLAIN]
Attributes = Annotated[
    dict[Text, AttributeValue],
    Field(
        description="What else is known, for merge fields: by a name of letters, digits and"
        f" underscores, texts of up to {MAX_VALUE:,} characters; {MAX_PAIRS} at most. A number,"
        " true or false is stored as text.",
        examples=[EXAMPLE],
    ),
]
Tags = Annotated[
    list[Text],
    Field(
        description=f"Up to {MAX_TAGS} words of {MAX_TAG} characters; capitals do not count.",
        examples=[["customer", "vip"]],
    ),
]
GroupIds = Annotated[list[Id], Field(max_length=MOST_GROUPS, description="Groups they are in.")]
Status = Annotated[
    RecipientStatus,
    Field(
        description="Only who is `subscribed`, and not suppressed, is mailed.",
        examples=["subscribed"],
    ),
]


class RecipientChanges(Body):
    """What is to be changed; the rest stays."""

    name: Text = Field("", max_length=MAX_NAME, examples=["Ana Marković"])
    attributes: Attributes = Field(
        {}, description="Those that are given change, null forgets one, and the others stay."
    )
    tags: Tags = Field([], description="In the place of all former ones.")
    group_ids: GroupIds = Field([], description="In the place of all groups they are in now.")
    opt_out: bool = Field(
        default=False,
        description="True: they get no more mail. False brings nobody back, and is refused (409)"
        " for whoever has opted out: that takes an opt-in, which says why.",
    )

    def details(self) -> Details:
        """What was given."""
        given = self.model_dump(include=self.model_fields_set - {"opt_out"})
        return Details(**given)


class NewRecipient(Body):
    """Somebody for the list, subscribed."""

    email: Email
    name: Text = Field("", max_length=MAX_NAME, examples=["Ana Marković"])
    attributes: Attributes = {}  # noqa: RUF012  pydantic copies it
    tags: Tags = []  # noqa: RUF012
    group_ids: GroupIds = []  # noqa: RUF012

    def details(self) -> Details:
        """What was given but the address."""
        return Details(**self.model_dump(exclude={"email"}))


class NewRecipients(Body):
    """Many of them, new and known."""

    recipients: list[NewRecipient] = Field(min_length=1, max_length=recipient_upserts.MOST)

    def entries(self) -> list[Entry]:
        """The same for the services."""
        return [Entry(one.email, one.details()) for one in self.recipients]


class RecipientOut(Out):
    """A person on the list."""

    id: int
    email: str = Field(examples=["ana@example.com"])
    name: str = Field(examples=["Ana Marković"])
    attributes: dict[str, Any] = Field(examples=[EXAMPLE])
    tags: list[str] = Field(examples=[["customer", "vip"]])
    group_ids: list[int]
    status: Status
    status_at: Moment | None = Field(description="When that changed last.", examples=[None])
    status_reason: str = Field(description="And why, in somebody’s or a server’s words.")
    suppressed: bool = Field(
        description="On the suppression list: not mailed, whatever the status.", examples=[False]
    )
    created_at: Moment
    updated_at: Moment

    @classmethod
    def of(cls, workspace: HasId, recipient: Recipient) -> RecipientOut:
        """The recipient as they are now."""
        return cls.all_of(workspace, [recipient])[0]

    @classmethod
    def all_of(cls, workspace: HasId, found: Sequence[Recipient]) -> list[RecipientOut]:
        """Several at once, for three questions to the database."""
        theirs = groups.of(workspace, [one.id for one in found])
        suppressed = suppressions.contains(workspace, [one.email for one in found])
        more = {"group_ids", "suppressed"}
        names = [name for name in cls.model_fields if name not in more]
        return [
            cls(
                **{name: getattr(one, name) for name in names},
                group_ids=sorted(group.id for group in theirs.get(one.id, [])),
                suppressed=one.email in suppressed,
            )
            for one in found
        ]


class EntryResult(Out):
    """What became of one entry."""

    email: str = Field(description="As it was sent.", examples=["ana@example.com"])
    result: Outcome = Field(examples=["created"])
    id: int | None = Field(description="Null for an invalid one.")
    status: RecipientStatus | None = Field(examples=["subscribed"])
    suppressed: bool = Field(examples=[False])
    stays_out_of: list[int] = Field(
        description="Those of the `group_ids` that they left by their own preferences: nobody can"
        " put them back.",
        examples=[[]],
    )
    detail: str = Field(description="What is wrong with an invalid one.", examples=[""])

    @classmethod
    def of(cls, sent: Entry, made: Result, suppressed: Collection[str]) -> EntryResult:
        """The result, and whom it is about; `suppressed` are addresses."""
        person = made.recipient
        return cls(
            email=sent.email,
            result=made.outcome,
            id=person.id if person else None,
            status=person.status if person else None,
            suppressed=bool(person and person.email in suppressed),
            stays_out_of=list(made.stays_out_of),
            detail=made.problem,
        )


class BulkResult(Out):
    """What became of everybody."""

    created: int
    updated: int = Field(examples=[0])
    unchanged: int = Field(examples=[0])
    invalid: int = Field(examples=[0])
    results: list[EntryResult] = Field(description="In the order they were sent.")

    @classmethod
    def of(cls, workspace: HasId, sent: Sequence[Entry], made: Sequence[Result]) -> BulkResult:
        """The results with whom they are about."""
        emails = [one.recipient.email for one in made if one.recipient]
        suppressed = suppressions.contains(workspace, emails)
        outcomes = [one.outcome for one in made]
        counts = {outcome.value: outcomes.count(outcome) for outcome in Outcome}
        pairs = zip(sent, made, strict=True)
        results = [EntryResult.of(entry, one, suppressed) for entry, one in pairs]
        return cls(**counts, results=results)


class OptOut(Body):
    """Who wants no more mail."""

    email: Email
    reason: OptionalText = Field("", max_length=MAX_REASON, description="In their words, or yours.")


class OptIn(Body):
    """Who wants mail, again or for the first time."""

    email: Email
    reason: Text = Field(
        "A program asked for it and said nothing more",
        max_length=MAX_REASON,
        description="How they asked for it; it is kept as your evidence.",
        examples=["Signed up at the fair, 3 May"],
    )


class Permission(Out):
    """Whether somebody is mailed now."""

    email: str = Field(examples=["ana@example.com"])
    recipient_id: int | None = Field(description="Null: not on the list.")
    status: RecipientStatus | None = Field(
        description="Null: not on the list.", examples=["subscribed"]
    )
    suppressed: bool = Field(description="On the suppression list.", examples=[False])
    changed: bool = Field(description="False: it was so before.", examples=[True])


class _Search(Paging):
    search: Text = Field(
        "",
        max_length=200,
        description="The beginning of an address or a name, or words of anything known, tags too.",
    )
    tag: Text = Field("", max_length=MAX_TAG, description="Who has this tag.")

    def _chosen(self) -> Filter:
        tag = " ".join(self.tag.split()).lower()
        return Filter(search=self.search.strip(), tag=tag)


class ActiveFilter(_Search):
    """Which of those who are mailed to list."""

    group_id: Id | None = Field(None, description="Who is in this group.")
    segment_id: Id | None = Field(None, description="Who belongs to this segment now.")

    def chosen(self) -> Filter:
        """The same for the services."""
        return replace(self._chosen(), group_id=self.group_id, segment_id=self.segment_id)


class RecipientFilter(ActiveFilter):
    """Which recipients to list, whatever their status."""

    status: RecipientStatus | None = None
    email: Text = Field("", max_length=320, description="Who has exactly this address.")

    def chosen(self) -> Filter:
        """The same for the services."""
        return replace(super().chosen(), status=self.status)


class GroupFilter(_Search):
    """Which of a group's recipients to list."""

    status: RecipientStatus | None = None

    def chosen(self, group_id: int) -> Filter:
        """The same for the services."""
        return replace(self._chosen(), group_id=group_id, status=self.status)
