"""The tables as they are at one moment, and what must be true of them beside a sink's ledger."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import text

from campaign_app.extensions import db
from tests.smtp_sink import Record

_IN_MESSAGE_ID = re.compile(r"<c(\d+)\.m(\d+)[.@]")
COUNTED = ("sent", "deferred", "failed", "unconfirmed", "skipped", "cancelled")
TERMINAL = frozenset(COUNTED) - {"deferred"}
MOST_ATTEMPTS = 4

Rows = dict[int, Any]


def number_of(record: Record) -> int:
    """The message's id, from the Message-ID that the server accepted."""
    found = _IN_MESSAGE_ID.match(record.message_id)
    assert found, f"Whose Message-ID is {record.message_id!r}?"
    return int(found[2])


def campaign_of(record: Record) -> int:
    """The campaign's id, from the Message-ID that the server accepted."""
    found = _IN_MESSAGE_ID.match(record.message_id)
    assert found, f"Whose Message-ID is {record.message_id!r}?"
    return int(found[1])


@dataclass(frozen=True)
class Tables:
    """Messages, batches and campaigns by their ids."""

    messages: Rows
    batches: Rows
    campaigns: Rows

    @classmethod
    def read(cls) -> Tables:
        """As they are committed now."""
        db.session.rollback()
        rows = [
            db.session.execute(text(f"SELECT * FROM {name} ORDER BY id")).all()
            for name in ("messages", "batches", "campaigns")
        ]
        db.session.rollback()
        return cls(*({row.id: row for row in table} for table in rows))

    def in_window(self, message: Any) -> bool:
        """Whether the message is in an open window, and nobody has said what became of it."""
        batch = self.batches[message.batch_id]
        through = batch.opened_through if batch.state == "sending" else None
        return message.status == "pending" and through is not None and message.id <= through

    def is_held(self, campaign_id: int) -> bool:
        """Whether somebody has, or had, a batch of the campaign and its lease still runs."""
        return any(
            row.state == "sending" and row.campaign_id == campaign_id
            for row in self.batches.values()
        )

    def of(self, campaign_id: int) -> list[Any]:
        """The campaign's messages."""
        return [row for row in self.messages.values() if row.campaign_id == campaign_id]

    def by_status(self, campaign_id: int, status: str) -> set[int]:
        """The ids of the campaign's messages in this status."""
        return {row.id for row in self.of(campaign_id) if row.status == status}


@dataclass
class Choices:
    """What people decided about messages in doubt, by message id."""

    resent: Counter[int] = field(default_factory=Counter)
    marked: set[int] = field(default_factory=set)


def check_sums(tables: Tables) -> None:
    """I1: what the batches count is what their rows are, and all of them are the audience."""
    real: dict[int, Counter[str]] = {batch_id: Counter() for batch_id in tables.batches}
    for message in tables.messages.values():
        real[message.batch_id][message.status] += 1
    for batch in tables.batches.values():
        counted = Counter({name: getattr(batch, name) for name in COUNTED})
        counted["pending"] = batch.size - counted.total()
        assert counted == +counted == real[batch.id] == +real[batch.id], f"{batch} {real[batch.id]}"
    for campaign in tables.campaigns.values():
        addresses = [row.address for row in tables.of(campaign.id)]
        assert len(addresses) == len(set(addresses)) == campaign.total


def check_rows(tables: Tables) -> None:
    """A row's fields belong together."""
    for row in tables.messages.values():
        assert (row.next_attempt_at is not None) == (row.status == "deferred"), row
        assert (row.sent_at is not None) == (row.status == "sent"), row
        assert row.attempts <= MOST_ATTEMPTS, row
    for batch in tables.batches.values():
        assert (batch.state == "sending") == (batch.lease_until is not None), batch
        assert batch.state == "sending" or batch.opened_through is None, batch
        is_over = all(
            row.status != "pending" for row in tables.messages.values() if row.batch_id == batch.id
        )
        assert is_over or batch.state != "done", batch


def check_ledger(tables: Tables, accepted: Iterable[Record], choices: Choices) -> None:
    """I2, I3: nobody has it twice but by choice, and a message's status says whether it is out."""
    times = Counter(number_of(record) for record in accepted)
    for number, row in tables.messages.items():
        again = choices.resent[number]
        assert times[number] <= 1 + again, f"accepted twice: {row}"
        if row.status == "sent":
            assert times[number] or number in choices.marked, f"never accepted: {row}"
        elif row.status != "unconfirmed" and not tables.in_window(row):
            assert times[number] <= again, f"accepted all the same: {row}"
    assert not set(times) - set(tables.messages)


def check_campaigns(tables: Tables) -> None:
    """Completed means that nobody is left, and the frozen counts are the true ones."""
    for campaign in tables.campaigns.values():
        real = Counter(row.status for row in tables.of(campaign.id))
        if campaign.status == "completed":
            assert not set(real) - TERMINAL, (campaign, real)
        if campaign.final_counts:
            frozen = {name: campaign.final_counts[name] for name in COUNTED}
            assert frozen == {name: real[name] for name in COUNTED}, (campaign, real)
            assert campaign.final_counts["total"] == campaign.total
        if campaign.status in ("draft", "scheduled"):
            assert not real


def check_moves(
    before: Tables, after: Tables, *, engine: bool, found: bool, by_choice: Mapping[int, str]
) -> None:
    """Only the engine moves messages, and nothing that has ended but by somebody's choice.

    `found`: a journal was found, which tells what had become of messages in doubt.
    """
    settled = TERMINAL - {"unconfirmed"} if found else TERMINAL
    for number, row in before.messages.items():
        now = after.messages[number]
        if number in by_choice:
            assert now.status == by_choice[number], (row, now)
        elif not engine or row.status in settled:
            assert now.status == row.status, (row, now)
        if row.status == "pending" and now.status == "pending":
            assert now.attempts == row.attempts, (row, now)
