"""The form of a segment: rows of rules, some of them within an "any of these".

Every row sends the same five values, used or not, so that they come in as five lists of one length.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flask import g
from werkzeug.datastructures import MultiDict

from campaign_app.lib import row_ids
from campaign_app.lib.errors import Invalid, InvalidEntries
from campaign_app.models.recipients import RecipientStatus
from campaign_app.services import campaign_pages, groups, merge_fields, segment_words, tallies
from campaign_app.services.segment_shapes import TESTS, Rules, Several, Wanted

PER_ROW = ("block", "field", "name", "test", "value")
CAMPAIGNS_OFFERED = 200


@dataclass
class Row:
    """A rule as it is being written. `field` may be `attribute:city`."""

    field: str = ""
    test: str = ""
    name: str = ""
    value: str = ""
    error: str = ""
    is_new: bool = False

    def __post_init__(self) -> None:
        """Bring what was chosen together: another field has other tests."""
        if self.kind in TESTS and self.test not in TESTS[self.kind]:
            self.test, self.value = next(iter(TESTS[self.kind])), ""

    @property
    def kind(self) -> str:
        """What it asks about, as the rules name it."""
        return self.field.partition(":")[0]

    @property
    def tests(self) -> Mapping[str, str]:
        """What can be asked, in words."""
        words = segment_words.TESTS.get(self.kind, {})
        return {test: words[test] for test in TESTS.get(self.kind, {})}

    @property
    def wanted(self) -> Wanted:
        """What it compares with."""
        return TESTS.get(self.kind, {}).get(self.test, Wanted.NOTHING)

    def values(self) -> dict[str, Any]:
        """The rule, as far as it is written."""
        name = self.field.partition(":")[2] or self.name
        return {"field": self.kind, "test": self.test, "name": name, "value": self.value}


@dataclass
class Block:
    """Rules of which all or any must hold."""

    match: str = "any"
    rows: list[Row] = field(default_factory=list)


@dataclass
class SegmentForm:
    """A segment as it is being written."""

    name: str = ""
    match: str = "all"
    zone: str = "UTC"
    parts: list[Row | Block] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, name: str, rules: Rules) -> SegmentForm:
        """The form of rules that are stored."""
        parts = [
            Block(one.match, [_row(rule.model_dump()) for rule in one.rules])
            if isinstance(one, Several)
            else _row(one.model_dump())
            for one in rules.rules
        ]
        return cls(name, rules.match, rules.zone, parts)

    @classmethod
    def sent(cls, form: MultiDict[str, str], zone: str) -> SegmentForm:
        """What came in; `zone` holds for a segment that is new."""
        made = cls(form.get("segment_name", ""), form.get("match", "all"), form.get("zone") or zone)
        blocks: dict[str, Block] = {}
        for block, *values in zip(*(form.getlist(name) for name in PER_ROW), strict=False):
            row = Row(values[0], values[2], values[1], values[3])
            if not block:
                made.parts.append(row)
                continue
            if block not in blocks:
                blocks[block] = Block(form.get(f"match-{block}", "any"))
                made.parts.append(blocks[block])
            blocks[block].rows.append(row)
        return made

    def rows(self) -> Iterator[Row]:
        """Every row, as a person reads them."""
        for part in self.parts:
            yield from part.rows if isinstance(part, Block) else (part,)

    def values(self) -> dict[str, Any]:
        """The rules, as far as they are written."""
        parts = [
            {"match": part.match, "rules": [row.values() for row in part.rows]}
            if isinstance(part, Block)
            else part.values()
            for part in self.parts
        ]
        return {"match": self.match, "rules": parts, "zone": self.zone}

    def change(self, asked: str) -> None:
        """Add or remove what a button asked for: `add`, `block`, `add:2` (to a block), `drop:5`."""
        verb, _, number = asked.partition(":")
        place = int(number) if re.fullmatch("[0-9]{1,3}", number) else -1
        if verb == "add":
            self._rows_of(place).append(Row(field="email", is_new=True))
        elif verb == "block":
            self.parts.append(Block(rows=[Row(field="email", is_new=True)]))
        elif verb == "drop":
            self._drop(place)

    def blame(self, error: Invalid) -> None:
        """Show an error where it belongs."""
        if isinstance(error, InvalidEntries):
            for place, row in enumerate(self.rows()):
                row.error = error.entries.get(place, "")
        else:
            self.errors[error.field or "rules"] = error.message

    def _rows_of(self, place: int) -> list[Any]:
        blocks = [part for part in self.parts if isinstance(part, Block)]
        return blocks[place].rows if 0 <= place < len(blocks) else self.parts

    def _drop(self, place: int) -> None:
        rows = list(self.rows())
        if not 0 <= place < len(rows):
            return
        gone = rows[place]
        for part in self.parts:
            if isinstance(part, Block):
                part.rows = [row for row in part.rows if row is not gone]
        self.parts = [
            part for part in self.parts if part is not gone and getattr(part, "rows", [part])
        ]


def offers(form: SegmentForm) -> dict[str, Any]:
    """What the selects hold: the workspace's own names."""
    known = merge_fields.attribute_keys(g.workspace)
    used = {row.field.partition(":")[2] for row in form.rows() if row.kind == "attribute"}
    return {
        "fields": segment_words.FIELDS,
        "attributes": sorted({*known, *used} - {""}),
        "offered": {
            Wanted.GROUP: [(one.id, one.name) for one in groups.standing(g.workspace)],
            Wanted.CAMPAIGN: _campaigns(form),
            Wanted.STATUS: [(one.value, one.value) for one in RecipientStatus],
        },
        "known_tags": list(tallies.by_tag(g.workspace)),
    }


def _campaigns(form: SegmentForm) -> Sequence[tuple[int, str]]:
    """The latest ones, and those that are named already."""
    named = row_ids.read(row.value for row in form.rows() if row.kind == "campaign")
    return campaign_pages.names(g.workspace, most=CAMPAIGNS_OFFERED, besides=named)


def _row(rule: Mapping[str, Any]) -> Row:
    is_attribute = rule["field"] == "attribute"
    value = "" if rule["value"] is None else rule["value"]
    shown = f"{value:g}" if isinstance(value, float) else str(value)
    return Row(
        field=f"attribute:{rule['name']}" if is_attribute else rule["field"],
        test=rule["test"],
        value=shown,
    )
