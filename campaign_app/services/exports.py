"""Rows of exported lists, read page by page while they are written: a million cost no memory.

Between two pages the caller may end the transaction, so each page goes on by the key of the last.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Row, Select, func, select, text

from campaign_app.extensions import db
from campaign_app.lib.arrays import any_id
from campaign_app.lib.tenancy import HasId, owned_by
from campaign_app.models.campaigns import Campaign
from campaign_app.models.people import User
from campaign_app.models.recipients import ConsentEvent, Recipient, Suppression
from campaign_app.services import groups, recipient_filter, segments
from campaign_app.services import suppressions as suppression_list
from campaign_app.services.recipient_filter import Filter

ROWS_AT_ONCE = 1_000
IDS_AT_ONCE = 10_000

T = TypeVar("T")

# By recipient, because an index answers that order at once, and it does not move while sending.
_DELIVERIES = text(
    """
    SELECT m.recipient_id, m.address, COALESCE(r.name, ''),
           CASE WHEN m.status = 'pending' AND m.id <= b.opened_through
                THEN 'sending' ELSE m.status END,
           m.attempts, m.sent_at, m.next_attempt_at, m.opened_at, m.clicked_at,
           e.code, COALESCE(e.enhanced, ''), COALESCE(e.reply, '')
    FROM messages m
    JOIN batches b ON b.id = m.batch_id
    LEFT JOIN recipients r ON r.workspace_id = m.workspace_id AND r.id = m.recipient_id
    LEFT JOIN LATERAL (
        SELECT code, enhanced, reply FROM delivery_events
        WHERE message_id = m.id AND workspace_id = :workspace ORDER BY id DESC LIMIT 1) AS e ON true
    WHERE m.workspace_id = :workspace AND m.campaign_id = :campaign AND m.recipient_id > :after
    ORDER BY m.recipient_id LIMIT :most
    """
)


class Delivery(NamedTuple):
    """A recipient of a campaign; the fields are the file's columns."""

    email: str
    name: str
    status: str
    attempts: int
    sent_at: datetime | None
    next_attempt_at: datetime | None
    opened_at: datetime | None
    clicked_at: datetime | None
    code: int | None
    enhanced_code: str
    reply: str


class Export(NamedTuple):
    """A file's columns and its rows."""

    columns: Sequence[str]
    rows: Iterator[Sequence[object]]


PERSON = (
    *("email", "name", "status", "status_at", "status_reason", "suppressed"),
    *("tags", "groups", "added_at"),
)
"""`suppressed` says why somebody is on the suppression list, and so not mailed."""
SUPPRESSION = ("email", "reason", "source", "suppressed_at")
CONSENT = ("happened_at", "email", "action", "reason", "source", "by", "form", "version", "ip")


def deliveries(workspace: HasId, campaign: Campaign) -> Iterator[Delivery]:
    """The whole delivery log of a campaign."""
    values = {"workspace": workspace.id, "campaign": campaign.id, "most": ROWS_AT_ONCE}

    def page(after: int) -> Sequence[Row[Any]]:
        return db.session.execute(_DELIVERIES, {**values, "after": after}).all()

    return (Delivery._make(row[1:]) for row in _pages(page, lambda row: int(row[0])))


def recipients(workspace: HasId, chosen: Filter) -> Export:
    """Everybody who matches, with a column for each of their attributes."""
    return _people(workspace, chosen)


def segment(workspace: HasId, segment_id: int) -> Export:
    """Who belongs to a segment now. Raises NotFound."""
    return _people(workspace, Filter(segment_id=segments.get(workspace, segment_id).id))


def suppressions(workspace: HasId) -> Export:
    """The suppression list, oldest first, without those of whom only a hash is left."""

    def page(after: int) -> Sequence[Suppression]:
        query = owned_by(workspace, Suppression).where(
            Suppression.id > after, Suppression.email.is_not(None)
        )
        return db.session.scalars(query.order_by(Suppression.id).limit(ROWS_AT_ONCE)).all()

    rows = (
        (one.email, one.reason, one.source, one.created_at)
        for one in _pages(page, lambda one: one.id)
    )
    return Export(SUPPRESSION, rows)


def consent(workspace: HasId, *, email: str = "") -> Export:
    """The consent log, oldest first: of everybody, or of one address."""

    def page(after: int) -> Sequence[Row[ConsentEvent, str]]:
        query = (
            select(ConsentEvent, User.name)
            .outerjoin(User, User.id == ConsentEvent.user_id)
            .where(ConsentEvent.workspace_id == workspace.id, ConsentEvent.id > after)
            .order_by(ConsentEvent.id)
            .limit(ROWS_AT_ONCE)
        )
        return db.session.execute(
            query.where(ConsentEvent.email == email) if email else query
        ).all()

    rows = (_consent_row(row[0], row[1]) for row in _pages(page, lambda row: row[0].id))
    return Export(CONSENT, rows)


def _consent_row(event: ConsentEvent, user: str | None) -> Sequence[object]:
    return (
        *(event.created_at, event.email, event.action, event.reason, event.source, user),
        *(event.evidence.get(key) for key in ("form", "version", "ip")),
    )


def _people(workspace: HasId, chosen: Filter) -> Export:
    who = recipient_filter.matching(workspace, chosen)
    keys = _attribute_keys(workspace, who)
    heads = [f"attribute {key}" if key in PERSON else key for key in keys]

    return Export([*PERSON, *heads], _person_rows(workspace, _people_pages(workspace, who), keys))


def _people_pages(workspace: HasId, who: Select[int]) -> Iterator[Sequence[Recipient]]:
    """Those who match when the file is begun, oldest first.

    Their ids are gathered once, eight bytes each: a search or a tag would be gone through anew for
    each page.
    """
    ordered = who.order_by(Recipient.id).execution_options(yield_per=IDS_AT_ONCE)
    ids = array("q", db.session.scalars(ordered))
    for start in range(0, len(ids), ROWS_AT_ONCE):
        some = ids[start : start + ROWS_AT_ONCE]
        query = owned_by(workspace, Recipient).where(Recipient.id == any_id(some))
        yield db.session.scalars(query.order_by(Recipient.id)).all()


def _person_rows(
    workspace: HasId, pages: Iterator[Sequence[Recipient]], keys: Sequence[str]
) -> Iterator[Sequence[object]]:
    for page in pages:
        groups_of = groups.of(workspace, [one.id for one in page])
        suppressed = suppression_list.reasons(workspace, [one.email for one in page])
        yield from [
            (
                *(one.email, one.name, one.status, one.status_at, one.status_reason),
                suppressed.get(one.email),
                one.tags,
                [group.name for group in groups_of.get(one.id, [])],
                one.created_at,
                *(one.attributes.get(key) for key in keys),
            )
            for one in page
        ]


def _attribute_keys(workspace: HasId, who: Select[int]) -> list[str]:
    """Every attribute that one of them has, by alphabet: this reads them all once."""
    every = (
        select(func.jsonb_object_keys(Recipient.attributes))
        .where(Recipient.workspace_id == workspace.id, Recipient.id.in_(who))
        .distinct()
    )
    return sorted(db.session.scalars(every))


def _pages(page: Callable[[int], Sequence[T]], key: Callable[[T], int]) -> Iterator[T]:
    """The rows of one page after the other; `key` is what the next page goes on after."""
    after = 0
    while rows := page(after):
        after = key(rows[-1])
        yield from rows
