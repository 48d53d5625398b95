"""A segment's rules as one condition over Recipient.

Every part is true or false for everybody, never unknown, so that a "not" means the others: who has
no city is among those whose city "is not Ljubljana". What people store as text is compared as a
number or a date only where it is one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Double,
    Exists,
    Select,
    SQLColumnExpression,
    and_,
    case,
    cast,
    exists,
    false,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.orm import InstrumentedAttribute

from campaign_app.lib.tenancy import HasId
from campaign_app.models.campaigns import Campaign
from campaign_app.models.messages import Message, MessageStatus
from campaign_app.models.recipients import GroupMember, Recipient, RecipientStatus
from campaign_app.models.tracking import Engagement
from campaign_app.services import tags
from campaign_app.services.segment_shapes import Match, Rule, Rules, Several, Wanted, day

Condition = ColumnElement[bool]

BUCKET = timedelta(minutes=5)
"""What one row of Engagement covers, from its `bucket` on."""

COMMA = r"^[+-]?[0-9]{1,15},[0-9]{1,2}$"
"""A number with a decimal comma. Before three digits it could mean thousands: that is none."""
BIGGEST = 1e15
"""Beyond it a float no longer tells neighbours apart; infinity and NaN are beyond it, too."""


def compiled(workspace: HasId, rules: Rules, *, now: datetime | None = None) -> Condition:
    """The condition that a recipient of the workspace fulfils the rules, as of `now`.

    That is the transaction's moment, unless given: all its statements mean the same people.
    """
    moment = func.now() if now is None else literal(now, DateTime(timezone=True))

    def part(one: Several | Rule) -> Condition:
        if isinstance(one, Several):
            return _joined(one.match, [part(rule) for rule in one.rules])
        return _FIELDS[one.field](_Question(workspace, one, moment, ZoneInfo(rules.zone)))

    return _joined(rules.match, [part(one) for one in rules.rules])


@dataclass(frozen=True)
class _Question:
    """A rule, and what its answer depends on besides."""

    workspace: HasId
    rule: Rule
    now: ColumnElement[datetime]
    zone: ZoneInfo

    @property
    def text(self) -> str:
        return str(self.rule.value)

    @property
    def number(self) -> int:
        return int(self.rule.value or 0)

    def days_ago(self) -> ColumnElement[datetime]:
        return self.now - timedelta(days=self.number)

    def midnight(self, *, after: int = 0) -> datetime:
        """When the day begins, or one so many days later, on the clocks of the zone."""
        on = (day(self.text) or date.max) + timedelta(days=after)
        return datetime.combine(on, time(), self.zone)


def _joined(match: Match, parts: list[Condition]) -> Condition:
    if not parts:
        return false()  # nobody, rather than everybody by mistake
    return and_(*parts) if match == "all" else or_(*parts)


def _has(*which: Condition) -> Exists:
    """There is such a row, whatever other tables the whole query joins."""
    return exists().where(*which).correlate(Recipient)


def _attribute(asked: _Question) -> Condition:
    value: ColumnElement[str] = Recipient.attributes[asked.rule.name].as_string()
    match asked.rule.wanted:
        case Wanted.NUMBER:
            return _as_number(value, asked)
        case Wanted.DATE:
            return _as_date(value, asked)
        case _:
            return _texts(func.coalesce(value, ""), asked)


def _texts(value: SQLColumnExpression[str], asked: _Question) -> Condition:
    folded, wanted = func.lower(value), func.lower(literal(asked.text))
    answers: dict[str, Callable[[], Condition]] = {
        "is": lambda: folded == wanted,
        "is_not": lambda: folded != wanted,
        "contains": lambda: func.strpos(folded, wanted) > 0,
        "contains_not": lambda: func.strpos(folded, wanted) == 0,
        "begins": lambda: func.starts_with(folded, wanted),
        "ends": lambda: func.right(folded, func.length(wanted)) == wanted,
        "known": lambda: value != "",
        "unknown": lambda: value == "",
    }
    return answers[asked.rule.test]()


def _as_number(value: ColumnElement[str], asked: _Question) -> Condition:
    wanted = float(asked.rule.value or 0)

    def holds(number: ColumnElement[float]) -> Condition:
        answers: dict[str, Condition] = {
            "equals": number == wanted,
            "more": and_(number > wanted, number < BIGGEST),
            "at_least": and_(number >= wanted, number < BIGGEST),
            "less": and_(number < wanted, number > -BIGGEST),
            "at_most": and_(number <= wanted, number > -BIGGEST),
        }
        return answers[asked.rule.test]

    # CASE, because an AND may evaluate its second half first, and the cast would fail.
    return case(
        (func.pg_input_is_valid(value, "double precision"), holds(cast(value, Double))),
        (value.regexp_match(COMMA), holds(cast(func.translate(value, ",", "."), Double))),
        else_=False,
    )


def _as_date(value: ColumnElement[str], asked: _Question) -> Condition:
    # ISO dates stand in the order of their letters, and comparing these first is a third faster.
    on = func.left(value, 10).collate("C")
    answers: dict[str, Condition] = {
        "on": on == asked.text,
        "before": on < asked.text,
        "after": on > asked.text,
    }
    is_date = and_(value.like("____-__-__%"), func.pg_input_is_valid(on, "date"))
    return case((answers[asked.rule.test], is_date), else_=False)


def _moment(column: InstrumentedAttribute[datetime]) -> Callable[[_Question], Condition]:
    def answer(asked: _Question) -> Condition:
        answers: dict[str, Callable[[], Condition]] = {
            "on": lambda: and_(column >= asked.midnight(), column < asked.midnight(after=1)),
            "before": lambda: column < asked.midnight(),
            "after": lambda: column >= asked.midnight(after=1),
            "within": lambda: column >= asked.days_ago(),
            "not_within": lambda: column < asked.days_ago(),
        }
        return answers[asked.rule.test]()

    return answer


def _group(asked: _Question) -> Condition:
    member = _has(
        GroupMember.workspace_id == asked.workspace.id,
        GroupMember.group_id == asked.number,
        GroupMember.recipient_id == Recipient.id,
    )
    return member if asked.rule.test == "in" else ~member


def _tag(asked: _Question) -> Condition:
    tagged = tags.having(asked.text)
    return tagged if asked.rule.test == "has" else ~tagged


def _status(asked: _Question) -> Condition:
    same = Recipient.status == RecipientStatus(asked.text)
    return same if asked.rule.test == "is" else ~same


def _campaign(asked: _Question) -> Condition:
    """ "Not opened" means: was sent it, and did not open it."""
    message = _has(
        Message.workspace_id == asked.workspace.id,
        Message.campaign_id == asked.number,
        Message.recipient_id == Recipient.id,
    )
    answers: dict[str, Callable[[], Condition]] = {
        "sent": lambda: message.where(Message.sent_at.is_not(None)),
        "not_sent": lambda: ~message.where(Message.sent_at.is_not(None)),
        "opened": lambda: message.where(Message.opened_at.is_not(None)),
        "not_opened": lambda: message.where(
            Message.sent_at.is_not(None), Message.opened_at.is_(None)
        ),
        "clicked": lambda: message.where(Message.clicked_at.is_not(None)),
        "not_clicked": lambda: message.where(
            Message.sent_at.is_not(None), Message.clicked_at.is_(None)
        ),
        "failed": lambda: message.where(Message.status == MessageStatus.FAILED),
    }
    return answers[asked.rule.test]()


def _activity(asked: _Question) -> Condition:
    verb = asked.rule.test.removeprefix("not_")
    column = {
        "opened": Message.opened_at,
        "clicked": Message.clicked_at,
        "sent": Message.sent_at,
    }[verb]
    active = _has(
        Message.workspace_id == asked.workspace.id,
        Message.recipient_id == Recipient.id,
        # Messages are found by their campaign only: few campaigns can have moved lately.
        Message.campaign_id.in_(_moved(asked, verb)),
        column >= asked.days_ago(),
    )
    return active if verb == asked.rule.test else ~active


def _moved(asked: _Question, verb: str) -> Select[int]:
    """The campaigns of which somebody may have been sent, opened or clicked something lately."""
    if verb == "sent":
        return select(Campaign.id).where(
            Campaign.workspace_id == asked.workspace.id,
            Campaign.planned_at.is_not(None),
            or_(Campaign.finished_at.is_(None), Campaign.finished_at >= asked.days_ago()),
        )
    firsts = Engagement.unique_opens if verb == "opened" else Engagement.unique_clicks
    return select(Engagement.campaign_id).where(
        Engagement.workspace_id == asked.workspace.id,
        Engagement.bucket > asked.days_ago() - BUCKET,
        firsts > 0,
    )


_FIELDS: dict[str, Callable[[_Question], Condition]] = {
    "attribute": _attribute,
    "email": lambda asked: _texts(Recipient.email, asked),
    "name": lambda asked: _texts(Recipient.name, asked),
    "group": _group,
    "tag": _tag,
    "status": _status,
    "joined": _moment(Recipient.created_at),
    "changed": _moment(Recipient.updated_at),
    "campaign": _campaign,
    "activity": _activity,
}
