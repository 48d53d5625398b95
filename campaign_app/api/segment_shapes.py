"""A segment in JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, WithJsonSchema

from campaign_app.api.shapes import ONE_OF, Body, Moment, Out, Text
from campaign_app.lib.tenancy import HasId
from campaign_app.models.segments import Segment
from campaign_app.services import segment_shapes, segments
from campaign_app.services.attributes import MAX_KEY
from campaign_app.services.segment_shapes import MAX_DAYS, MAX_RULES, TESTS
from campaign_app.services.segments import COUNT_SECONDS, MAX_NAME

FIELDS = [*TESTS]
ABOUT = (
    "Each asks one thing, or is made of several of which all or any must hold, `{match, rules}`."
    f" {MAX_RULES} at most, counting those within."
)
ASKED = "; ".join(f"of `{field}`: {', '.join(tests)}" for field, tests in TESTS.items())
COMPARED = (
    "A text or a number; of a group or a campaign its id; of `joined` and `changed` a day"
    f" (`2026-05-01`), or for `within` and `not_within` a number of days, 1 to {MAX_DAYS:,}, as of"
    " `activity`. For `known` and `unknown` nothing."
)
EXAMPLE = [
    {"field": "attribute", "name": "plan", "test": "is", "value": "pro"},
    {"match": "any", "rules": [{"field": "activity", "test": "opened", "value": 90}]},
]


def _known(field: str) -> str:
    if field not in TESTS:
        raise ValueError(f"This can be {', '.join(FIELDS)}.")
    return field


def _plain(value: object) -> object:
    if value is None or (isinstance(value, (str, int, float)) and not isinstance(value, bool)):
        return value
    raise ValueError("Write this as text, or as a number.")


Asked = Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": [*FIELDS]})]
Value = Annotated[
    str | int | float | None,
    BeforeValidator(_plain),
    WithJsonSchema({"type": ["string", "number", "null"]}),
]


class SegmentRule(Body):
    """One question about a recipient."""

    field: Asked
    test: Text = Field(description=f"What is asked: {ASKED}.")
    name: Text = Field("", max_length=MAX_KEY, description="The attribute’s, of an attribute.")
    value: Value = Field(None, description=COMPARED)


class SegmentRules(Body):
    """Rules of which all or any must hold."""

    match: Literal["all", "any"] = Field("any", description="Of several.")
    rules: list[SegmentRule] = Field(
        min_length=1, max_length=MAX_RULES, description="Several; none of them is several again."
    )


def _kind(value: object) -> str:
    several = "rules" in value if isinstance(value, dict) else isinstance(value, SegmentRules)
    return f"{ONE_OF}several" if several else f"{ONE_OF}one"


OneOrSeveral = Annotated[
    Annotated[SegmentRule, Tag(f"{ONE_OF}one")] | Annotated[SegmentRules, Tag(f"{ONE_OF}several")],
    Discriminator(_kind),
]
RULES = Field(min_length=1, max_length=MAX_RULES, description=ABOUT, examples=[EXAMPLE])
MATCH = "Whether all rules must hold, or any."
ZONE = "Where its days begin and end, such as `Europe/London`."


class SegmentChanges(Body):
    """What is to be changed; the rest stays."""

    name: Text = Field("", min_length=1, max_length=MAX_NAME, examples=["Loyal readers"])
    match: Literal["all", "any"] = Field("all", description=MATCH)
    rules: Annotated[list[OneOrSeveral], RULES] = []  # noqa: RUF012  pydantic copies it
    timezone: Text = Field("UTC", min_length=1, description=ZONE)

    def asked(self) -> dict[str, Any]:
        """What was given of the rules, as the services read them."""
        given = self.model_dump(include=self.model_fields_set - {"name"})
        return {{"timezone": "zone"}.get(key, key): value for key, value in given.items()}


class NewSegment(SegmentChanges):
    """A saved filter: who fulfils its rules belongs to it, at that moment."""

    name: Text = Field(
        min_length=1,
        max_length=MAX_NAME,
        description="Unique in the workspace.",
        examples=["Loyal readers"],
    )
    rules: Annotated[list[OneOrSeveral], RULES]


class SegmentOut(Out):
    """A segment."""

    id: int
    name: str = Field(examples=["Loyal readers"])
    match: Literal["all", "any"] = Field(examples=["all"])
    rules: list[OneOrSeveral] = Field(description="As they were given.", examples=[EXAMPLE])
    timezone: str
    sentence: str = Field(
        description="The same in words.",
        examples=["plan is pro and (opened something in the last 90 days)"],
    )
    created_at: Moment
    updated_at: Moment

    @classmethod
    def of(cls, workspace: HasId, segment: Segment) -> SegmentOut:
        """The segment as it is now."""
        return cls.all_of(workspace, [segment])[0]

    @classmethod
    def all_of(cls, workspace: HasId, found: Sequence[Segment]) -> list[SegmentOut]:
        """Several at once."""
        sentences = segments.sentences(workspace, found)
        return [cls._of(segment, sentences) for segment in found]

    @classmethod
    def _of(cls, segment: Segment, sentences: Mapping[int, str]) -> SegmentOut:
        asked = segment_shapes.stored(segment.rules)
        return cls.model_validate(
            {
                **asked.model_dump(include={"match", "rules"}, mode="json"),
                "timezone": asked.zone,
                "sentence": sentences[segment.id],
                **{
                    name: getattr(segment, name)
                    for name in ("id", "name", "created_at", "updated_at")
                },
            }
        )


class SegmentCount(Out):
    """How many belong to a segment."""

    count: int | None = Field(
        description=f"As of now; null if counting takes longer than {COUNT_SECONDS} seconds.",
        examples=[12_480],
    )


def pointers(rules: Sequence[SegmentRule | SegmentRules]) -> list[str]:
    """The place in the body of each single rule, in the order in which the services count them."""
    places = []
    for place, one in enumerate(rules):
        inner = range(len(one.rules)) if isinstance(one, SegmentRules) else ()
        nested = [f"/rules/{place}/rules/{number}" for number in inner]
        places += nested or [f"/rules/{place}"]
    return places
