"""People, what happened to them, and who a segment's rules mean: worked out in plain Python."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.dialects.postgresql import insert

from campaign_app.extensions import db
from campaign_app.models.campaigns import Campaign, CampaignStatus
from campaign_app.models.messages import Message, MessageStatus
from campaign_app.models.people import Workspace
from campaign_app.models.recipients import Group, GroupMember, Recipient
from campaign_app.models.tracking import Engagement
from campaign_app.services.segment_shapes import Rule, Rules, Several
from tests import factories


@dataclass(frozen=True)
class Mail:
    """What became of one campaign's e-mail to somebody."""

    status: str = "sent"
    sent_at: datetime | None = None
    opened_at: datetime | None = None
    clicked_at: datetime | None = None


@dataclass(frozen=True)
class Human:
    """A recipient as a story: `mails` by the number of the campaign, from 0."""

    email: str
    name: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    status: str = "subscribed"
    joined: datetime | None = None
    groups: tuple[int, ...] = ()
    mails: dict[int, Mail] = field(default_factory=dict)


@dataclass
class World:
    """The same people in the database, with the ids that rules name."""

    workspace: Workspace
    groups: list[Group]
    campaigns: list[Campaign]
    now: datetime

    @classmethod
    def made(cls, workspace: Workspace, now: datetime) -> World:
        values: dict[str, Any] = {
            "status": CampaignStatus.SENDING,
            "planned_at": now,
            "started_at": now,
        }
        groups = [factories.group(workspace) for _ in range(2)]
        campaigns = [factories.campaign(workspace, **values) for _ in range(2)]
        return cls(workspace, groups, campaigns, now)

    def settle(self, humans: list[Human]) -> None:
        for human in humans:
            whose = {"workspace_id": self.workspace.id}
            person = Recipient(
                **whose,
                email=human.email,
                name=human.name,
                attributes=human.attributes,
                tags=list(human.tags),
                status=human.status,
                created_at=human.joined,
            )
            db.session.add(person)
            db.session.flush()
            for number in human.groups:
                place = {"group_id": self.groups[number].id, "recipient_id": person.id}
                db.session.add(GroupMember(**whose, **place))
            for number, mail in human.mails.items():
                self._mail(person, self.campaigns[number], mail)
        db.session.flush()

    def _mail(self, person: Recipient, campaign: Campaign, mail: Mail) -> None:
        whose = {"workspace_id": self.workspace.id, "campaign_id": campaign.id}
        values = {
            "recipient_id": person.id,
            "batch_id": 0,
            "address": person.email,
            "status": MessageStatus(mail.status),
            "sent_at": mail.sent_at,
            "opened_at": mail.opened_at,
            "clicked_at": mail.clicked_at,
        }
        db.session.add(Message(**whose, **values))
        for at, counted in ((mail.opened_at, "unique_opens"), (mail.clicked_at, "unique_clicks")):
            if at:
                bucket = at - timedelta(seconds=at.timestamp() % 300)
                noted = insert(Engagement).values(**whose, bucket=bucket, **{counted: 1})
                keys = ["campaign_id", "bucket"]
                db.session.execute(
                    noted.on_conflict_do_update(index_elements=keys, set_={counted: 1})
                )

    def meant(self, rules: Rules, human: Human) -> bool:
        """Whether the rules mean somebody."""
        return _joined(rules.match, [self._part(one, human, rules.zone) for one in rules.rules])

    def _part(self, one: Several | Rule, human: Human, zone: str) -> bool:
        if isinstance(one, Several):
            return _joined(one.match, [self._part(rule, human, zone) for rule in one.rules])
        if one.field in ("campaign", "activity"):
            return getattr(self, f"_{one.field}")(one, human, one.test.removeprefix("not_"))
        if one.field == "joined":
            return moment(one, human.joined, self.now, ZoneInfo(zone))
        answers = {
            "attribute": lambda: attribute(one, human.attributes.get(one.name, "")),
            "email": lambda: attribute(one, human.email),
            "name": lambda: attribute(one, human.name),
            "group": lambda: (self._group(one) in human.groups) == (one.test == "in"),
            "tag": lambda: (one.value in human.tags) == (one.test == "has"),
            "status": lambda: (one.value == human.status) == (one.test == "is"),
        }
        return answers[one.field]()

    def _activity(self, rule: Rule, human: Human, verb: str) -> bool:
        since = self.now - timedelta(days=int(rule.value or 0))
        times = [getattr(mail, f"{verb}_at") for mail in human.mails.values()]
        return any(at and at >= since for at in times) == (verb == rule.test)

    def _group(self, rule: Rule) -> int:
        return [group.id for group in self.groups].index(int(rule.value or 0))

    def _campaign(self, rule: Rule, human: Human, positive: str) -> bool:
        number = [one.id for one in self.campaigns].index(int(rule.value or 0))
        mail = human.mails.get(number)
        if rule.test == "not_sent":
            return not (mail and mail.sent_at)
        if mail is None:
            return False
        if rule.test == "failed":
            return mail.status == "failed"
        happened = bool(getattr(mail, f"{positive}_at"))
        return happened if positive == rule.test else bool(mail.sent_at) and not happened


def _joined(match: str, parts: list[bool]) -> bool:
    return all(parts) if match == "all" else any(parts)


def attribute(rule: Rule, value: str) -> bool:
    """What a rule says of a text."""
    folded, wanted = value.lower(), str(rule.value).lower()
    texts = {
        "is": folded == wanted,
        "is_not": folded != wanted,
        "contains": wanted in folded,
        "contains_not": wanted not in folded,
        "begins": folded.startswith(wanted),
        "ends": folded.endswith(wanted),
        "known": value != "",
        "unknown": value == "",
    }
    if rule.test in texts:
        return texts[rule.test]
    return day(rule, value) if rule.test in ("on", "before", "after") else size(rule, value)


def size(rule: Rule, value: str) -> bool:
    """What a rule says of a number; of anything else it is never true."""
    if re.fullmatch(r"[+-]?[0-9]{1,15},[0-9]{1,2}", value, re.ASCII):
        value = value.replace(",", ".")
    try:
        number, wanted = float(value), float(rule.value or 0)
    except ValueError:
        return False
    return (
        abs(number) < 1e15
        and {
            "equals": number == wanted,
            "more": number > wanted,
            "at_least": number >= wanted,
            "less": number < wanted,
            "at_most": number <= wanted,
        }[rule.test]
    )


def day(rule: Rule, value: str) -> bool:
    """What a rule says of a date; of anything else it is never true."""
    on, wanted = value[:10], str(rule.value)
    try:
        date.fromisoformat(on)
    except ValueError:
        return False
    is_shaped = len(on) == 10 and on[4] == on[7] == "-"
    return (
        is_shaped and {"on": on == wanted, "before": on < wanted, "after": on > wanted}[rule.test]
    )


def moment(rule: Rule, at: datetime | None, now: datetime, zone: ZoneInfo) -> bool:
    """What a rule says of a moment."""
    assert at is not None
    if rule.test in ("within", "not_within"):
        return (at >= now - timedelta(days=int(rule.value or 0))) == (rule.test == "within")
    on, wanted = at.astimezone(zone).date(), date.fromisoformat(str(rule.value))
    return {"on": on == wanted, "before": on < wanted, "after": on > wanted}[rule.test]
