"""A campaign's messages, made over two connections, half of the audience each.

What planning waits for is one process of PostgreSQL, which uses one core; two of them take little
more than half the time. Both read one snapshot. They are two transactions, and a crash may come
between their ends, so the second half is committed first: its messages belong to batches, and to a
plan, that only the first half's commit brings into the world. Should that never come, nobody sends
or counts them, and whoever plans again, or clears the cancelled campaign, removes them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Connection,
    Select,
    Text,
    cast,
    create_engine,
    func,
    insert,
    literal,
    select,
    text,
    true,
)
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from campaign_app.extensions import db
from campaign_app.lib import arrays, logs
from campaign_app.models.campaigns import Campaign
from campaign_app.models.messages import Message
from campaign_app.models.recipients import Recipient
from campaign_app.services.regroup import BATCH_SIZE

log = logs.get(__name__)

_FORGET = text("DELETE FROM messages WHERE campaign_id = :campaign")
_RESERVE = text(
    "SELECT nextval(pg_get_serial_sequence('batches', 'id')) FROM generate_series(1, :number)"
)
_EXPORT = text("SELECT pg_export_snapshot()")
_IMPORT = text("SET TRANSACTION SNAPSHOT :snapshot")
# What is in the way of the second half may itself wait for the first, which waits for the second: a
# circle that PostgreSQL cannot see.
_PATIENCE = text(
    """
    SELECT set_config('statement_timeout', '0', true), set_config('work_mem', '64MB', true),
           set_config('idle_in_transaction_session_timeout', '10min', true),
           set_config('lock_timeout', '1min', true)
    """
)


@dataclass(frozen=True, slots=True)
class Half:
    """Messages that were made, and the batches they were given: fifty to each, in this order."""

    total: int
    batch_ids: Sequence[int]

    @property
    def batches(self) -> int:
        """How many of the batches there is something in."""
        return min(len(self.batch_ids), -(-self.total // BATCH_SIZE))


@dataclass(frozen=True, slots=True)
class Made:
    """All messages of a campaign, seen by nobody yet."""

    halves: Sequence[Half]
    second: Connection | None = None

    @property
    def total(self) -> int:
        """How many there are."""
        return sum(half.total for half in self.halves)

    def commit_second(self) -> None:
        """What must come right before the session's own commit, which makes the plan valid."""
        if self.second is not None:
            self.second.commit()


@contextmanager
def made(
    campaign_id: int, people: Select[int, str], *, expected: int, middle: int | None
) -> Iterator[Made]:
    """The messages for these people, made in the session's transaction, which reads a snapshot.

    `expected` is how many they are; those from the id `middle` on are the second connection's, and
    what it did is undone at the block's end if it is not committed.
    """
    first, ids = db.session.connection(), _reserved(expected)
    with _second(middle) as second:
        if second is None:
            yield Made([_write(first, campaign_id, people, ids)])
            return
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="message-half") as pool:
            upper = people.where(Recipient.id >= middle)
            theirs = pool.submit(_write, second, campaign_id, upper, _reserved(expected))
            ours = _write(first, campaign_id, people.where(Recipient.id < middle), ids)
            halves = [ours, theirs.result()]
        yield Made(halves, second)


def forget(campaign_id: int) -> int:
    """Remove the messages that a planner left behind when it died between its two commits.

    Only for a campaign that is not planned. Gives how many there were.
    """
    done = db.session.connection().execute(_FORGET, {"campaign": campaign_id})
    return done.rowcount


def _reserved(messages: int) -> list[int]:
    """Ids for the batches of so many messages; those that are not needed are given up."""
    number = max(1, -(-messages // BATCH_SIZE))
    return list(db.session.scalars(_RESERVE, {"number": number}))


@contextmanager
def _second(middle: int | None) -> Iterator[Connection | None]:
    """A connection of its own, in the snapshot of the session's transaction.

    Not from the pool: planners that each hold one of its connections and wait for another would
    wait for each other.
    """
    if middle is None:
        yield None
        return
    engine = create_engine(
        db.engine.url,
        poolclass=NullPool,
        isolation_level="REPEATABLE READ",
        hide_parameters=True,
    )
    try:
        connection = engine.connect()
    except OperationalError:
        log.warning("no second connection to plan with")
        yield None
        return
    with connection:
        connection.execute(_IMPORT, {"snapshot": db.session.scalar(_EXPORT)})
        connection.execute(_PATIENCE)
        yield connection


def _write(
    connection: Connection, campaign_id: int, people: Select[int, str], batch_ids: list[int]
) -> Half:
    """Make a message for each of these people; should the ids run out, the last batch grows."""
    audience = people.subquery()
    ids = cast(literal(arrays.literal(batch_ids), Text), ARRAY(BigInteger))
    reserved = select(ids.label("ids")).subquery()
    place = func.row_number(type_=BigInteger).over() - 1
    batch = reserved.c.ids[func.least(place // BATCH_SIZE + 1, len(batch_ids))]
    messages = insert(Message).from_select(
        ["workspace_id", "campaign_id", "recipient_id", "batch_id", "address"],
        select(Campaign.workspace_id, Campaign.id, audience.c.id, batch, audience.c.email)
        .select_from(audience)
        .join(reserved, true())
        .join(Campaign, true())
        .where(Campaign.id == campaign_id),
        include_defaults=False,
    )
    made = connection.execute(messages)
    return Half(made.rowcount, batch_ids)
