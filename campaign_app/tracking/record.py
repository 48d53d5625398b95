"""Writing hits down: the raw events, the first open and click of a message, the charts' buckets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text

from campaign_app.extensions import db
from campaign_app.tracking import machines
from campaign_app.tracking.events import Hit

BUCKET_SECONDS = 300

_MESSAGES = text(
    """
    SELECT id, workspace_id, campaign_id, sent_at, opened_at, clicked_at
    FROM messages WHERE id = ANY(:ids) ORDER BY id FOR UPDATE
    """
)
_OPENS = text(
    """
    INSERT INTO open_events
        (workspace_id, campaign_id, message_id, machine_reason, user_agent, ip, created_at)
    SELECT m.workspace_id, m.campaign_id, m.id, e.reason, e.agent, e.ip, e.at
    FROM unnest(CAST(:ids AS bigint[]), CAST(:reasons AS text[]), CAST(:agents AS text[]),
                CAST(:ips AS text[]), CAST(:ats AS timestamptz[])) AS e(id, reason, agent, ip, at)
    JOIN messages m ON m.id = e.id
    """
)
_CLICKS = text(
    """
    INSERT INTO click_events (workspace_id, campaign_id, message_id, link_number, machine_reason,
                              user_agent, ip, created_at)
    SELECT m.workspace_id, m.campaign_id, m.id, e.link, e.reason, e.agent, e.ip, e.at
    FROM unnest(CAST(:ids AS bigint[]), CAST(:reasons AS text[]), CAST(:agents AS text[]),
                CAST(:ips AS text[]), CAST(:ats AS timestamptz[]), CAST(:links AS int[]))
         AS e(id, reason, agent, ip, at, link)
    JOIN messages m ON m.id = e.id
    """
)
_FIRSTS = text(
    """
    UPDATE messages m
    SET opened_at = COALESCE(m.opened_at, f.opened_at),
        clicked_at = COALESCE(m.clicked_at, f.clicked_at)
    FROM unnest(CAST(:ids AS bigint[]), CAST(:opens AS timestamptz[]),
                CAST(:clicks AS timestamptz[])) AS f(id, opened_at, clicked_at)
    WHERE m.id = f.id
    """
)
_LINKS = text(
    """
    UPDATE links l
    SET clicks = l.clicks + c.clicks, unique_clicks = l.unique_clicks + c.firsts
    FROM (
        SELECT v.campaign_id, v.link, count(*) AS clicks,
               count(DISTINCT v.message_id) FILTER (WHERE NOT EXISTS (
                   SELECT 1 FROM click_events e
                   WHERE e.message_id = v.message_id AND e.link_number = v.link
                     AND e.machine_reason = '')) AS firsts
        FROM unnest(CAST(:campaigns AS bigint[]), CAST(:messages AS bigint[]),
                    CAST(:links AS int[])) AS v(campaign_id, message_id, link)
        GROUP BY v.campaign_id, v.link) AS c
    WHERE l.campaign_id = c.campaign_id AND l.number = c.link
    """
)
_BUCKETS = text(
    """
    INSERT INTO engagement (workspace_id, campaign_id, bucket, opens, unique_opens, machine_opens,
                            clicks, unique_clicks, machine_clicks, unsubscribes)
    SELECT * FROM unnest(
        CAST(:workspaces AS bigint[]), CAST(:campaigns AS bigint[]),
        CAST(:buckets AS timestamptz[]),
        CAST(:opens AS int[]), CAST(:unique_opens AS int[]), CAST(:machine_opens AS int[]),
        CAST(:clicks AS int[]), CAST(:unique_clicks AS int[]), CAST(:machine_clicks AS int[]),
        CAST(:unsubscribes AS int[]))
    ON CONFLICT (campaign_id, bucket) DO UPDATE SET
        opens = engagement.opens + excluded.opens,
        unique_opens = engagement.unique_opens + excluded.unique_opens,
        machine_opens = engagement.machine_opens + excluded.machine_opens,
        clicks = engagement.clicks + excluded.clicks,
        unique_clicks = engagement.unique_clicks + excluded.unique_clicks,
        machine_clicks = engagement.machine_clicks + excluded.machine_clicks,
        unsubscribes = engagement.unsubscribes + excluded.unsubscribes
    """
)
COUNTED = (
    "opens",
    "unique_opens",
    "machine_opens",
    "clicks",
    "unique_clicks",
    "machine_clicks",
    "unsubscribes",
)

Bucket = tuple[int, int, datetime]
Message = Row[Any]


@dataclass(frozen=True, slots=True)
class Judged:
    """A hit with its message and the verdict on who made it."""

    hit: Hit
    message: Message
    machine_reason: str


def write(hits: Sequence[Hit]) -> None:
    """Write hits down in one transaction and commit; those of unknown messages are left out."""
    ids = sorted({hit.message_id for hit in hits})
    messages = {row.id: row for row in db.session.execute(_MESSAGES, {"ids": ids})}
    judged = _judge(hits, messages)
    people = [one for one in judged if not one.machine_reason]
    _count_links([one for one in people if one.hit.is_click])
    _insert(_OPENS, [one for one in judged if not one.hit.is_click])
    _insert(_CLICKS, [one for one in judged if one.hit.is_click])
    counts = _note_firsts(people)
    for one in judged:
        kind = "clicks" if one.hit.is_click else "opens"
        counts[_bucket(one)][f"machine_{kind}" if one.machine_reason else kind] += 1
    _add_to_buckets(counts)
    db.session.commit()


def count_unsubscribe(*, workspace_id: int, campaign_id: int, at: datetime) -> None:
    """Count an opt-out for the campaign's charts; the caller commits."""
    counts = _no_counts()
    counts[(workspace_id, campaign_id, _bucket_of(at))]["unsubscribes"] = 1
    _add_to_buckets(counts)


def _judge(hits: Sequence[Hit], messages: dict[int, Message]) -> list[Judged]:
    scanned = machines.scanned_messages(hits)
    judged = []
    for hit in hits:
        message = messages.get(hit.message_id)
        if message is not None:
            ago = hit.at - message.sent_at if message.sent_at else None
            why = machines.reason(hit, sent_at_ago=ago, scanned=hit.message_id in scanned)
            judged.append(Judged(hit, message, why))
    return judged


def _insert(statement: Any, judged: Sequence[Judged]) -> None:  # noqa: ANN401  a TextClause
    if not judged:
        return
    values = {
        "ids": [one.hit.message_id for one in judged],
        "reasons": [one.machine_reason for one in judged],
        "agents": [one.hit.user_agent[:300] for one in judged],
        "ips": [one.hit.ip for one in judged],
        "ats": [one.hit.at for one in judged],
    }
    if statement is _CLICKS:
        values["links"] = [one.hit.link_number for one in judged]
    db.session.execute(statement, values)


def _note_firsts(people: Iterable[Judged]) -> dict[Bucket, dict[str, int]]:
    """Note first opens and clicks. A click is an open, too: images may be blocked."""
    counts = _no_counts()
    opened: dict[int, datetime] = {}
    clicked: dict[int, datetime] = {}
    for one in people:
        message_id = one.hit.message_id
        if one.message.opened_at is None and message_id not in opened:
            opened[message_id] = one.hit.at
            counts[_bucket(one)]["unique_opens"] += 1
        if one.hit.is_click and one.message.clicked_at is None and message_id not in clicked:
            clicked[message_id] = one.hit.at
            counts[_bucket(one)]["unique_clicks"] += 1
    ids = sorted(opened.keys() | clicked.keys())
    if ids:
        values = {
            "ids": ids,
            "opens": [opened.get(message_id) for message_id in ids],
            "clicks": [clicked.get(message_id) for message_id in ids],
        }
        db.session.execute(_FIRSTS, values)
    return counts


def _count_links(clicks: Sequence[Judged]) -> None:
    if clicks:
        values = {
            "campaigns": [one.message.campaign_id for one in clicks],
            "messages": [one.hit.message_id for one in clicks],
            "links": [one.hit.link_number for one in clicks],
        }
        db.session.execute(_LINKS, values)


def _add_to_buckets(counts: dict[Bucket, dict[str, int]]) -> None:
    if not counts:
        return
    keys = sorted(counts)  # always in the same order: two writers can never wait for each other
    values: dict[str, list[Any]] = {
        "workspaces": [key[0] for key in keys],
        "campaigns": [key[1] for key in keys],
        "buckets": [key[2] for key in keys],
    }
    values |= {name: [counts[key][name] for key in keys] for name in COUNTED}
    db.session.execute(_BUCKETS, values)


def _no_counts() -> dict[Bucket, dict[str, int]]:
    return defaultdict(lambda: dict.fromkeys(COUNTED, 0))


def _bucket(one: Judged) -> Bucket:
    return one.message.workspace_id, one.message.campaign_id, _bucket_of(one.hit.at)


def _bucket_of(at: datetime) -> datetime:
    return datetime.fromtimestamp(at.timestamp() // BUCKET_SECONDS * BUCKET_SECONDS, at.tzinfo)
