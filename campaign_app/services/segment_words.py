"""A segment's rules in words: one sentence that a person can check."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from sqlalchemy import ColumnElement, and_, bindparam, select

from campaign_app.extensions import db
from campaign_app.lib.tenancy import HasId
from campaign_app.models.campaigns import Campaign
from campaign_app.models.recipients import Group
from campaign_app.services.segment_shapes import Rule, Rules, Several, Wanted

FIELDS: Mapping[str, str] = {
    "email": "E-mail address",
    "name": "Name",
    "status": "Status",
    "group": "Group",
    "tag": "Tag",
    "joined": "Joined the list",
    "changed": "Last changed",
    "campaign": "A campaign",
    "activity": "Any campaign",
    "attribute": "Another attribute…",
}
"""What a rule can ask about, as its form offers it."""

_COMPARED = {
    "is": "is",
    "is_not": "is not",
    "contains": "contains",
    "contains_not": "does not contain",
    "begins": "begins with",
    "ends": "ends with",
    "known": "is known",
    "unknown": "is not known",
    "equals": "is the number",
    "more": "is more than",
    "at_least": "is at least",
    "less": "is less than",
    "at_most": "is at most",
    "on": "is the date",
    "before": "is before",
    "after": "is after",
}
_DATED = {
    "on": "on",
    "before": "before",
    "after": "after",
    "within": "in the last",
    "not_within": "longer ago than",
}
TESTS: Mapping[str, Mapping[str, str]] = {
    "attribute": _COMPARED,
    "email": _COMPARED,
    "name": _COMPARED,
    "status": {"is": "is", "is_not": "is not"},
    "group": {"in": "is in", "not_in": "is not in"},
    "tag": {"has": "has", "has_not": "does not have"},
    "joined": _DATED,
    "changed": _DATED,
    "campaign": {
        "sent": "was sent",
        "not_sent": "was not sent",
        "opened": "opened",
        "not_opened": "was sent but did not open",
        "clicked": "clicked in",
        "not_clicked": "was sent but did not click in",
        "failed": "could not be reached with",
    },
    "activity": {
        "sent": "was sent something in the last",
        "not_sent": "was sent nothing in the last",
        "opened": "opened something in the last",
        "not_opened": "opened nothing in the last",
        "clicked": "clicked something in the last",
        "not_clicked": "clicked nothing in the last",
    },
}
"""What can be asked of each, in words that fit between the field and the value."""

GONE = "(deleted)"
Names = Mapping[Wanted, Mapping[int, str]]


def sentence(workspace: HasId, rules: Rules) -> str:
    """The rules as one sentence, such as "in group VIP and city is Ljubljana"."""
    names = _names(workspace, [rules])
    return _sentence(rules, names)


def sentences(workspace: HasId, several: Mapping[int, Rules]) -> dict[int, str]:
    """The same of many, by their keys."""
    names = _names(workspace, list(several.values()))
    return {key: _sentence(rules, names) for key, rules in several.items()}


def missing(workspace: HasId, rules: Rules) -> bool:
    """Whether the rules name a group or a campaign that is no longer there."""
    names = _names(workspace, [rules])
    wanted = (Wanted.GROUP, Wanted.CAMPAIGN)
    return any(rules.references(one) - set(names[one]) for one in wanted)


def _names(workspace: HasId, several: list[Rules]) -> Names:
    found: dict[Wanted, Mapping[int, str]] = {}
    for wanted, query in (
        (Wanted.GROUP, select(Group.id, Group.name).where(_id_of(workspace, Group), ~Group.hidden)),
        (Wanted.CAMPAIGN, select(Campaign.id, Campaign.name).where(_id_of(workspace, Campaign))),
    ):
        ids = {one for rules in several for one in rules.references(wanted)}
        rows = db.session.execute(query, {"ids": list(ids)}) if ids else ()
        found[wanted] = {row.id: row.name for row in rows}
    return found


def _id_of(workspace: HasId, model: type[Group | Campaign]) -> ColumnElement[bool]:
    wanted = model.id.in_(bindparam("ids", expanding=True))
    return and_(model.workspace_id == workspace.id, wanted)


def _sentence(rules: Rules, names: Names) -> str:
    parts = []
    for one in rules.rules:
        if not isinstance(one, Several):
            parts.append(_rule(one, names))
            continue
        inner = _joined(one.match, [_rule(rule, names) for rule in one.rules])
        parts.append(f"({inner})" if len(one.rules) > 1 and len(rules.rules) > 1 else inner)
    return _joined(rules.match, parts)


def _joined(match: str, parts: list[str]) -> str:
    return (" and " if match == "all" else " or ").join(parts)


def _rule(rule: Rule, names: Names) -> str:
    verb = TESTS[rule.field][rule.test]
    value = _value(rule, names)
    phrases = {
        "attribute": f"{rule.name} {verb} {value}",
        "email": f"e-mail address {verb} {value}",
        "name": f"name {verb} {value}",
        "status": f"{verb} {value}",
        "group": f"{verb.removeprefix('is ')} group {value}",
        "tag": f"{verb} tag {value}",
        "joined": f"joined {verb} {value}",
        "changed": f"last changed {verb} {value}",
    }
    return phrases.get(rule.field, f"{verb} {value}").strip()


def _value(rule: Rule, names: Names) -> str:
    wanted, value = rule.wanted, rule.value
    if wanted in (Wanted.GROUP, Wanted.CAMPAIGN):
        name = names[wanted].get(int(value or 0), GONE)
        return name if wanted == Wanted.GROUP else f"“{name}”"
    if wanted == Wanted.DAYS:
        return f"{value} {'day' if value == 1 else 'days'}"
    if wanted == Wanted.DATE:
        return f"{date.fromisoformat(str(value)):%-d %B %Y}"
    if wanted == Wanted.NUMBER:
        return f"{value:,g}"
    return "" if value is None else str(value)
