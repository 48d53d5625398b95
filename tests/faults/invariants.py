"""I1 to I7, judged at quiescence from the server's ledger and the raw rows, never from our sums.

I8, all terminal within T, is `Scene.finish`, which also waits until nobody holds a lease.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.faults.ledger import Accept, excess
from tests.faults.mailing import Mailing
from tests.faults.scene import Scene

COUNTED = ("sent", "deferred", "failed", "unconfirmed", "skipped", "cancelled")
NEVER_TAKEN = ("pending", "deferred", "failed", "skipped", "cancelled")
JITTER = 1.0
"""Seconds by which workers, network and ledger may delay one hand-over more than another."""


@dataclass(frozen=True)
class Bounds:
    """What a row allows. `unconfirmed`: at most so many, per campaign (I4).

    `resent` are message ids sent again by choice (I2). `per_minute` is the pace that the campaign
    had to keep (I7). `late` are the seconds that an open window takes (I6), and `unfinished` says
    that the campaign was left as it was, paused or with its sender stopped.
    """

    unconfirmed: int = 0
    resent: Collection[int] = ()
    per_minute: float | None = None
    late: float = 1.0
    unfinished: bool = False


@dataclass(frozen=True)
class Evidence:
    """A campaign's rows as they lie in the tables, and what its server took."""

    mailing: Mailing
    accepts: dict[int, list[Accept]]
    campaign: Any = None
    messages: dict[int, Any] = field(default_factory=dict)
    batches: list[Any] = field(default_factory=list)
    slots: list[Any] = field(default_factory=list)
    opted_out: dict[str, datetime] = field(default_factory=dict)
    told: frozenset[int] = frozenset()


def check(play: Scene, **bounds: Any) -> None:
    """Fail with every invariant that does not hold; `bounds` are the fields of Bounds."""
    broken = []
    for mailing in play.mailings:
        evidence = gather(mailing)
        for rule in RULES:
            broken += [f"{rule.__name__}: {words}" for words in rule(evidence, Bounds(**bounds))]
    assert not broken, "\n".join([*broken[:20], f"({len(broken)} in all)", play.stack.logs()])


def gather(mailing: Mailing) -> Evidence:
    """Read everything about one campaign."""

    def rows(statement: str) -> list[Any]:
        ids = {"campaign": mailing.campaign_id, "sender": mailing.sender_id}
        return mailing.tables.rows(statement, workspace=mailing.workspace_id, **ids)

    events = rows("SELECT message_id FROM delivery_events WHERE campaign_id = %(campaign)s")
    messages = rows("SELECT * FROM messages WHERE campaign_id = %(campaign)s")
    return Evidence(
        mailing,
        mailing.accepts(),
        rows("SELECT * FROM campaigns WHERE id = %(campaign)s")[0],
        {row.id: row for row in messages},
        rows("SELECT * FROM batches WHERE campaign_id = %(campaign)s"),
        rows("SELECT * FROM sender_slots WHERE sender_id = %(sender)s"),
        dict(rows(_OPTED_OUT)),
        frozenset(row.message_id for row in events),
    )


_OPTED_OUT = """
    SELECT email, min(since) FROM (
        SELECT email, created_at AS since FROM suppressions WHERE workspace_id = %(workspace)s
        UNION ALL
        SELECT email, status_at FROM recipients
        WHERE workspace_id = %(workspace)s AND status <> 'subscribed') AS out
    GROUP BY email
"""


def i1_states_add_up(seen: Evidence, bounds: Bounds) -> Iterator[str]:
    """Everybody has one message or had opted out; messages, batches and campaign agree."""
    addresses = Counter(row.address for row in seen.messages.values())
    audience = set(seen.mailing.audience)
    if strangers := set(addresses) - audience:
        yield f"messages to strangers: {strangers}"
    if twice := [address for address, number in addresses.items() if number > 1]:
        yield f"two messages to: {twice}"
    if forgotten := audience - set(addresses) - set(seen.opted_out):
        yield f"no message to: {forgotten}"
    if seen.campaign.total != len(seen.messages):
        yield f"{len(seen.messages)} messages, but a total of {seen.campaign.total}"
    yield from _sums(seen)
    if not bounds.unfinished:
        yield from _ends(seen)


def _sums(seen: Evidence) -> Iterator[str]:
    """Each batch counts the messages it has."""
    in_batch: dict[int, Counter[str]] = {batch.id: Counter() for batch in seen.batches}
    for row in seen.messages.values():
        in_batch[row.batch_id][row.status] += 1
    for batch in seen.batches:
        held = in_batch[batch.id]
        says = {name: getattr(batch, name) for name in COUNTED}
        if says != {name: held[name] for name in COUNTED} or batch.size != held.total():
            yield f"batch {batch.id} of {batch.size} says {says} and holds {dict(held)}"


def _ends(seen: Evidence) -> Iterator[str]:
    held = Counter(row.status for row in seen.messages.values())
    final = seen.campaign.final_counts or {}
    if {name: final.get(name) for name in COUNTED} != {name: held[name] for name in COUNTED}:
        yield f"the campaign ended with {final} and holds {dict(held)}"
    if open_ones := [batch.id for batch in seen.batches if batch.state != "done"]:
        yield f"batches that are not done: {open_ones}"
    if held["pending"] or held["deferred"]:
        yield f"it is over with {dict(held)}"


def i2_nobody_gets_it_twice(seen: Evidence, bounds: Bounds) -> Iterator[str]:
    """No Message-ID is accepted twice, unless it was resent by choice."""
    for number, accepts in seen.accepts.items():
        if len(accepts) > (2 if number in bounds.resent else 1):
            yield f"message {number} was accepted {len(accepts)} times: {accepts}"


def i3_sent_means_accepted(seen: Evidence, bounds: Bounds) -> Iterator[str]:
    """Sent was accepted, and what nobody sent was not; every accepted mail has its message."""
    for row in seen.messages.values():
        taken = seen.accepts.get(row.id, [])
        if row.status == "sent" and not taken:
            yield f"message {row.id} counts as sent and was never accepted"
        if row.status in NEVER_TAKEN and taken:
            yield f"message {row.id} counts as {row.status} and was accepted"
        if any(accept.rcpt != row.address for accept in taken):
            yield f"message {row.id} for {row.address} went to {taken}"
        if row.status in ("failed", "deferred", "unconfirmed") and row.id not in seen.told:
            yield f"message {row.id} is {row.status}, and nothing says why"
    if unknown := set(seen.accepts) - set(seen.messages):
        yield f"accepted, but in no table: {unknown}"


def i4_few_are_unconfirmed(seen: Evidence, bounds: Bounds) -> Iterator[str]:
    """No more `unconfirmed` than the row allows."""
    unclear = [row.id for row in seen.messages.values() if row.status == "unconfirmed"]
    if len(unclear) > bounds.unconfirmed:
        yield f"{len(unclear)} unconfirmed, {bounds.unconfirmed} allowed: {unclear}"


def i5_no_lease_stands(seen: Evidence, bounds: Bounds) -> Iterator[str]:
    """Nobody holds anything any more, dead or alive."""
    for batch in seen.batches:
        if batch.lease_until or batch.state == "sending" or batch.opened:
            yield f"batch {batch.id} is {batch.state}, leased until {batch.lease_until}"
    for slot in seen.slots:
        if slot.lease_until:
            yield f"slot {slot.slot} is leased until {slot.lease_until} by {slot.worker}"


def i6_nobody_after_opting_out(seen: Evidence, bounds: Bounds) -> Iterator[str]:
    """Nobody is handed over after being suppressed, the open window excepted."""
    for accepts in seen.accepts.values():
        for accept in accepts:
            since = seen.opted_out.get(accept.rcpt)
            if since and accept.time > since.timestamp() + bounds.late:
                yield f"{accept.rcpt} opted out at {since} and was mailed at {accept.time}"


def i7_pace_is_kept(seen: Evidence, bounds: Bounds) -> Iterator[str]:
    """By the server's clock, never faster than the pace allowed."""
    if bounds.per_minute is None:
        return
    times = [accept.time for accepts in seen.accepts.values() for accept in accepts]
    over = excess(times, per_minute=bounds.per_minute, jitter=JITTER)
    if over > 0:
        yield f"{over:.1f} mails ahead of {bounds.per_minute} a minute"


RULES: tuple[Callable[[Evidence, Bounds], Iterator[str]], ...] = (
    i1_states_add_up,
    i2_nobody_gets_it_twice,
    i3_sent_means_accepted,
    i4_few_are_unconfirmed,
    i5_no_lease_stands,
    i6_nobody_after_opting_out,
    i7_pace_is_kept,
)
