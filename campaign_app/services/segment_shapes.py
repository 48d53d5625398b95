"""What a segment's rules look like: which fields there are, and what may be asked of each.

One table says it all: the form offers what stands in it, the compiler knows every entry, and
rules that come from elsewhere are checked against it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import date
from enum import StrEnum
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from campaign_app.lib import row_ids, zones
from campaign_app.lib.errors import Invalid, InvalidEntries
from campaign_app.models.recipients import RecipientStatus
from campaign_app.services.attributes import MAX_KEY, MAX_VALUE

MAX_RULES = 30
"""Of all groups together."""
MAX_DAYS = 3650

Value: TypeAlias = str | int | float | None
Match = Literal["all", "any"]


class Wanted(StrEnum):
    """What a test compares with."""

    NOTHING = "nothing"
    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    DAYS = "days"
    STATUS = "status"
    GROUP = "group"
    CAMPAIGN = "campaign"
    TAG = "tag"


_TEXT = {
    "is": Wanted.TEXT,
    "is_not": Wanted.TEXT,
    "contains": Wanted.TEXT,
    "contains_not": Wanted.TEXT,
    "begins": Wanted.TEXT,
    "ends": Wanted.TEXT,
}
_PRESENCE = {"known": Wanted.NOTHING, "unknown": Wanted.NOTHING}
_NUMBER = {
    "equals": Wanted.NUMBER,
    "more": Wanted.NUMBER,
    "at_least": Wanted.NUMBER,
    "less": Wanted.NUMBER,
    "at_most": Wanted.NUMBER,
}
_DATE = {"on": Wanted.DATE, "before": Wanted.DATE, "after": Wanted.DATE}
_RECENT = {"within": Wanted.DAYS, "not_within": Wanted.DAYS}

TESTS: Mapping[str, Mapping[str, Wanted]] = {
    "attribute": {**_TEXT, **_PRESENCE, **_NUMBER, **_DATE},
    "email": _TEXT,
    "name": {**_TEXT, **_PRESENCE},
    "group": {"in": Wanted.GROUP, "not_in": Wanted.GROUP},
    "tag": {"has": Wanted.TAG, "has_not": Wanted.TAG},
    "status": {"is": Wanted.STATUS, "is_not": Wanted.STATUS},
    "joined": {**_DATE, **_RECENT},
    "changed": {**_DATE, **_RECENT},
    "campaign": {
        "sent": Wanted.CAMPAIGN,
        "not_sent": Wanted.CAMPAIGN,
        "opened": Wanted.CAMPAIGN,
        "not_opened": Wanted.CAMPAIGN,
        "clicked": Wanted.CAMPAIGN,
        "not_clicked": Wanted.CAMPAIGN,
        "failed": Wanted.CAMPAIGN,
    },
    "activity": {
        "opened": Wanted.DAYS,
        "not_opened": Wanted.DAYS,
        "clicked": Wanted.DAYS,
        "not_clicked": Wanted.DAYS,
        "sent": Wanted.DAYS,
        "not_sent": Wanted.DAYS,
    },
}


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Rule(_Shape):
    """One question about a recipient; `name` is the attribute's."""

    field: str
    test: str
    name: str = ""
    value: Value = None

    @property
    def wanted(self) -> Wanted:
        """What its test compares with."""
        return TESTS[self.field][self.test]


class Several(_Shape):
    """Rules of which all or any must hold, within the outer ones."""

    match: Match = "any"
    rules: tuple[Rule, ...] = Field(min_length=1)


class Rules(_Shape):
    """A segment. Dates are days of `zone`."""

    match: Match = "all"
    rules: tuple[Several | Rule, ...] = ()
    zone: str = "UTC"

    def each(self) -> Iterator[Rule]:
        """Every rule, in the order in which a person reads them."""
        for one in self.rules:
            yield from one.rules if isinstance(one, Several) else (one,)

    def references(self, wanted: Wanted) -> set[int]:
        """The ids of the groups or campaigns that the rules name."""
        return {int(rule.value or 0) for rule in self.each() if rule.wanted == wanted}


def stored(values: Mapping[str, Any]) -> Rules:
    """Rules that were checked when they were saved."""
    return Rules.model_validate(values)


def checked(values: Mapping[str, Any]) -> Rules:
    """Rules as a person or a program gives them, each value in the form it is compared in.

    Raises InvalidEntries, each by the rule's place among all, or Invalid.
    """
    try:
        rules = Rules.model_validate(values)
    except ValidationError as error:
        raise Invalid("These rules cannot be read.", field="rules") from error
    every = list(rules.each())
    if not every:
        raise Invalid("Add a rule: without one, everybody would belong to it.", field="rules")
    if len(every) > MAX_RULES:
        raise Invalid(f"A segment can have {MAX_RULES} rules.", field="rules")
    zone = zones.normalise(rules.zone)
    problems = {place: wrong for place, rule in enumerate(every) if (wrong := problem(rule))}
    if problems:
        raise InvalidEntries(problems, field="rules")
    clean = tuple(_clean(one) for one in rules.rules)
    return rules.model_copy(update={"rules": clean, "zone": zone})


def problem(rule: Rule) -> str:
    """What is wrong with a rule, in a person's words, or ""."""
    if rule.test not in TESTS.get(rule.field, {}):
        return "Choose what is asked here."
    if rule.field == "attribute" and not 0 < len(rule.name) <= MAX_KEY:
        return "Choose an attribute."
    if rule.wanted == Wanted.NOTHING:
        return ""
    text = str(rule.value if rule.value is not None else "").strip()
    return _PROBLEMS[rule.wanted](text)


def number(text: str) -> float | None:
    """The finite number that a person wrote, with a point or a comma, or None."""
    try:
        value = float(text.replace(",", ".")) if text.isascii() else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) and abs(value) < 1e15 else None


def day(text: str) -> date | None:
    """The day of a date such as 2026-05-01, or None: it is compared letter by letter."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if found.isoformat() == text else None


def _clean(one: Several | Rule) -> Several | Rule:
    if isinstance(one, Several):
        return one.model_copy(update={"rules": tuple(_normal(rule) for rule in one.rules)})
    return _normal(one)


def _normal(rule: Rule) -> Rule:
    """The rule with its value in the type it is compared in, and nothing besides."""
    name = rule.name if rule.field == "attribute" else ""
    return rule.model_copy(update={"name": name, "value": _value(rule)})


def _value(rule: Rule) -> Value:
    text = str(rule.value if rule.value is not None else "").strip()
    match rule.wanted:
        case Wanted.NOTHING:
            return None
        case Wanted.NUMBER:
            return number(text)
        case Wanted.DAYS | Wanted.GROUP | Wanted.CAMPAIGN:
            return int(text)
        case Wanted.TAG:
            return " ".join(text.split()).lower()
        case _:
            return text


def _text(text: str) -> str:
    if not text:
        return "Write what to compare with."
    if "\0" in text:
        return "This holds a character that cannot be stored (NUL)."
    return f"That is longer than {MAX_VALUE:,} characters." if len(text) > MAX_VALUE else ""


def _number(text: str) -> str:
    return "" if number(text) is not None else "Write a number, such as 12 or 12.5."


def _date(text: str) -> str:
    found = day(text)
    return "" if found and 1900 <= found.year <= 2200 else "Choose a date."


def _days(text: str) -> str:
    usual = _is_whole(text) and 1 <= int(text) <= MAX_DAYS
    return "" if usual else f"Write a number of days, 1 to {MAX_DAYS:,}."


def _status(text: str) -> str:
    return "" if text in set(RecipientStatus) else "Choose a status."


def _group(text: str) -> str:
    return "" if row_ids.is_one(text) else "Choose a group."


def _campaign(text: str) -> str:
    return "" if row_ids.is_one(text) else "Choose a campaign."


def _is_whole(text: str) -> bool:
    """Of at most as many digits as a row's id: Python refuses to read thousands of them."""
    return text.isascii() and text.isdigit() and len(text) < 20


_PROBLEMS = {
    Wanted.TEXT: _text,
    Wanted.TAG: _text,
    Wanted.NUMBER: _number,
    Wanted.DATE: _date,
    Wanted.DAYS: _days,
    Wanted.STATUS: _status,
    Wanted.GROUP: _group,
    Wanted.CAMPAIGN: _campaign,
}
