"""Campaigns, batches and messages, driven through whatever may happen, against a model.

The model is small: what the sink has accepted, what people have decided, and which changes each
deed allows. Every story ends well: once nothing goes wrong any more, everybody is accounted for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from flask import Flask
from hypothesis import HealthCheck, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    precondition,
    rule,
    run_state_machine_as_test,
)

from campaign_app.extensions import db
from campaign_app.lib.errors import Conflict
from tests.sending import books
from tests.sending.books import TERMINAL, Choices, Tables
from tests.sending.incidents import Fate, Incident
from tests.sending.stories import FATES, INCIDENTS, NUMBERS
from tests.sending.world import World

MOST_ROUNDS = 12
"""In so many quiet rounds everything ends."""
LIVE = ("sending", "paused")
BUTTONS = {
    "launch": (("draft",), "sending"),
    "pause": (("sending",), "paused"),
    "resume": (("paused",), "sending"),
    "cancel": (LIVE, "cancelled"),
}
"""Where each button works, and what the campaign then is."""
DECISIONS = {
    "retry failed": ("failed", "pending"),
    "send again": ("unconfirmed", "pending"),
    "mark as sent": ("unconfirmed", "sent"),
}
"""Of which messages somebody decides, and what becomes of them."""
CAN_SEND = ("sending", "paused", "completed")

PASSING: dict[str, Callable[[World], None]] = {
    "retries fall due": lambda world: world.pass_time("deferred", "held"),
    "senders have rested": lambda world: world.pass_time("cooling"),
    "leases run out": lambda world: world.pass_time("leases", "slots"),
    "somebody mends the sender": lambda world: world.do("mend_sender"),
    "a host is lost": World.lose_host,
    "it is found again": World.find_host,
}
WELL = tuple(PASSING)[:4]

is_begun = precondition(lambda self: self.world.campaign_ids)


class Deliveries(RuleBasedStateMachine):
    """Every rule is a deed; after each, all invariants are asked for."""

    def __init__(self, app: Flask, folder: Path) -> None:
        super().__init__()
        self.world = World(app, folder)
        self.choices = Choices()
        self.before = Tables.read()

    @contextmanager
    def deed(self, *, engine: bool = False) -> Iterator[dict[int, str]]:
        """What the block does, and what must be true after it.

        The block fills in what becomes of messages by choice: the new status by message id.
        """
        by_choice: dict[int, str] = {}
        yield by_choice
        assert not self.world.sink.failures, self.world.sink.failures
        assert not self.world.complaints, self.world.complaints
        after = Tables.read()
        books.check_sums(after)
        books.check_rows(after)
        books.check_campaigns(after)
        found = self.world.is_found
        books.check_moves(self.before, after, engine=engine, found=found, by_choice=by_choice)
        books.check_ledger(after, self.world.sink.accepted, self.choices)
        self.world.silences.check()
        self.before = after

    def status(self, number: int) -> str:
        return self.before.campaigns[self.world.campaign_id(number)].status

    # The engine.

    @rule()
    def a_round(self) -> None:
        allowed = self.world.doubts()
        unclear = self.unconfirmed()
        with self.deed(engine=True):
            self.world.round()
        assert len(self.unconfirmed() - unclear) <= allowed
        self.check_round()

    @is_begun
    @rule(incidents=INCIDENTS, fate=FATES)
    def a_drain(self, incidents: list[Incident], fate: Fate | None) -> None:
        unclear = self.unconfirmed()
        with self.deed(engine=True):
            lived = self.world.drain(incidents, fate)
        for incident in self.world.sink.struck:
            event(f"struck: {incident.deed.split(' ')[0] or incident.phase}")
        event(f"lived: {lived}")
        cut = sum(incident.cuts for incident in self.world.sink.struck)
        assert len(self.unconfirmed() - unclear) <= cut

    @rule(what=st.sampled_from(list(PASSING)))
    def time_passes(self, what: str) -> None:
        with self.deed():
            PASSING[what](self.world)

    @rule(connections=st.integers(1, 3))
    def another_limit(self, connections: int) -> None:
        with self.deed():
            self.world.allow(connections)

    # People.

    @rule(group=st.integers(0, 1), incidents=INCIDENTS, fate=FATES)
    def a_campaign(self, group: int, incidents: list[Incident], fate: Fate | None) -> None:
        """All is well, somebody starts a campaign, and then it happens."""
        with self.deed():
            for what in WELL:
                PASSING[what](self.world)
            self.world.create(group)
        with self.deed():
            self.press("launch", len(self.world.campaign_ids) - 1)
        self.a_round()
        self.a_drain(incidents, fate)

    @is_begun
    @rule(button=st.sampled_from(list(BUTTONS)), number=NUMBERS)
    def a_button(self, button: str, number: int) -> None:
        starts, then = BUTTONS[button]
        was = self.status(number)
        with self.deed():
            pressed = self.press(button, number)
        if was not in starts:
            assert not pressed
        elif button != "launch":  # nobody may be left to write to, or no sender that works
            assert pressed
        assert self.status(number) == (then if pressed else was)

    @is_begun
    @rule(button=st.sampled_from(list(DECISIONS)), number=NUMBERS)
    def a_decision(self, button: str, number: int) -> None:
        status, then = DECISIONS[button]
        chosen = self.world.campaign_id(number)
        concerned = self.before.by_status(chosen, status)
        if then == "pending":
            concerned -= self.world.suppressed(chosen)
            concerned = concerned if self.status(number) in CAN_SEND else set()
        with self.deed() as by_choice:
            assert self.press(button, number) == bool(concerned)
            by_choice.update(dict.fromkeys(concerned, then))
            if button == "send again":
                self.choices.resent.update(concerned)
            if button == "mark as sent":
                self.choices.marked |= concerned

    @rule(person=NUMBERS, how=st.sampled_from(["unsubscribe", "suppress", "delete"]))
    def somebody_leaves(self, person: int, how: str) -> None:
        with self.deed():
            self.world.do(f"{how} {person}")

    # What the rules ask.

    def press(self, button: str, number: int) -> bool:
        """Whether the service let it happen."""
        act = getattr(self.world, button, None) or (lambda n: self.world.press(button, n))
        try:
            act(number)
        except Conflict:
            db.session.rollback()
            return False
        return True

    def unconfirmed(self) -> set[int]:
        rows = self.before.messages.values()
        return {row.id for row in rows if row.status == "unconfirmed"}

    def check_round(self) -> None:
        """I5: no expired lease stands; and a campaign of which nothing is left is completed."""
        assert not self.world.doubts()
        for campaign in self.before.campaigns.values():
            left = {row.status for row in self.before.of(campaign.id)} - TERMINAL
            if campaign.planned_at and campaign.status == "sending":
                assert left or self.before.is_held(campaign.id), campaign
            if campaign.status == "cancelled" and not self.before.is_held(campaign.id):
                assert campaign.final_counts, campaign
                assert not left, campaign

    def teardown(self) -> None:
        """I8: once the server works and people let it, everybody is accounted for."""
        try:
            self.finish()
        finally:
            self.world.close()

    def finish(self) -> None:
        for number in range(len(self.world.campaign_ids)):
            self.world.do(f"resume {number}")
        for _ in range(MOST_ROUNDS):
            with self.deed(engine=True):
                self.world.pass_time("deferred", "held", "leases", "slots")
                self.world.do("mend_sender")
                if self.world.round():
                    self.world.drain()
            if all(row.final_counts for row in self.before.campaigns.values()):
                return
        for campaign in self.before.campaigns.values():
            assert campaign.status in ("draft", "completed", "cancelled"), campaign
            assert campaign.status == "draft" or campaign.final_counts, campaign


SHORT = settings(
    max_examples=8,
    stateful_step_count=30,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def drive(app: Flask, folder: Path, profile: settings) -> None:
    run_state_machine_as_test(lambda: Deliveries(app, folder), settings=profile)


def test_whatever_happens_the_books_agree_with_the_ledger(live_app: Flask, tmp_path: Path):
    drive(live_app, tmp_path / "journals", SHORT)
