"""What every JSON object of the API keeps to, coming in and going out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Generic, Protocol, TypeVar
from urllib.parse import urlencode

from flask import request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

T = TypeVar("T")

ONE_OF = "·"
"""Begins the tag of one of several shapes that something can have; no part of a JSON pointer."""
BIGGEST_ID = 2**63 - 1
"""PostgreSQL's bigint."""
MOST = 1_000
"""Rows of one page."""


def _storable(text: str) -> str:
    """PostgreSQL's text holds every character but one."""
    if "\x00" in text:
        raise ValueError("This holds a character that cannot be stored (NUL). Remove it.")
    return text


def _in_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


def _or_empty(text: str | None) -> str:
    return _storable(text or "")


Text = Annotated[str, AfterValidator(_storable)]
OptionalText = Annotated[str | None, AfterValidator(_or_empty)]
"""Null is the empty text: programs send what their own fields hold."""
FORMAT = Field(json_schema_extra={"format": "email"})
Email = Annotated[Text, FORMAT]
"""An address. The services say what is wrong with one."""
Emails = list[Annotated[str, FORMAT]]
"""Of any number, so no Python looks at each before the services do."""
ErasedEmails = Annotated[
    list[str],
    Field(
        description="Those of `recipient_emails` that were left out, because the data of these"
        " people was erased. They can come back by signing up themselves.",
        examples=[[]],
    ),
]
Id = Annotated[int, Field(ge=1, le=BIGGEST_ID, json_schema_extra={"format": "int64"})]
Moment = Annotated[datetime, AfterValidator(_in_utc)]
"""Aware, written in UTC: `2026-11-22T10:00:00Z`."""


class Body(BaseModel):
    """JSON that comes in: of the right types, and without fields that nobody reads."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Query(BaseModel):
    """What stands behind the question mark, where everything is text."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Paging(Query):
    """Where in a list to begin, and how much of it to give."""

    limit: int = Field(100, ge=1, le=MOST, description="How many to give.")
    after: int = Field(0, ge=0, le=BIGGEST_ID, description="The place that `next` names.")


class Out(BaseModel):
    """JSON that goes out."""

    model_config = ConfigDict(frozen=True)


@dataclass(frozen=True, slots=True)
class Download:
    """A file that goes out as it is."""

    path: Path
    filename: str
    mimetype: str


class Listing(Out, Generic[T]):
    """Some entries of a list."""

    items: list[T]
    next: str | None = Field(description="The address of the following page; null on the last.")


class HasId(Protocol):
    """A shape with the id that the next page begins after."""

    @property
    def id(self) -> int: ...


Item = TypeVar("Item", bound=HasId)


def listing(found: Sequence[Item], query: Paging) -> Listing[Item]:
    """A page of the entries found, of which one more than asked for tells that there are more."""
    items = list(found[: query.limit])
    return Listing(
        items=items, next=address_after(items[-1].id) if len(found) > query.limit else None
    )


def address_after(place: object) -> str:
    """The address of the page after a place, with the filters of this one."""
    return f"{request.path}?{urlencode({**request.args, 'after': str(place)})}"
