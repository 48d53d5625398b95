"""A workspace with a sender, a sink and some campaigns, and everything that can happen to them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import text

from campaign_app.extensions import db, redis
from campaign_app.lib.errors import CarillonError
from campaign_app.lib.secrets import Vault
from campaign_app.models.campaigns import Campaign, CampaignGroup
from campaign_app.models.people import User, Workspace
from campaign_app.models.recipients import Recipient
from campaign_app.models.senders import Sender
from campaign_app.sending import stopping
from campaign_app.sending.deliver import drain
from campaign_app.sending.dispatch import go_round
from campaign_app.sending.handover import Timeouts
from campaign_app.sending.plan import plan
from campaign_app.sending.workshop import Workshop
from campaign_app.services import (
    campaigns,
    consent,
    recipients,
    senders,
    suppressions,
    unconfirmed,
)
from campaign_app.services.unconfirmed import Action
from tests import factories
from tests.sending import incidents as happenings
from tests.sending.books import campaign_of
from tests.sending.engine import KEY
from tests.sending.incidents import EventfulSink, Fate, Incident, Killed, doomed
from tests.sending.silences import Silences

LOGIN = ("ana", "right")
EVERYBODY, FEW = 53, 4
"""A batch and three more; and so few that one drain's first window holds them all."""
_PRESSED = {
    "launch": campaigns.launch,
    "pause": campaigns.pause,
    "resume": campaigns.resume,
    "cancel": campaigns.cancel,
    "retry failed": campaigns.retry_failed,
    "send again": partial(unconfirmed.resolve, action=Action.SEND_AGAIN),
    "mark as sent": partial(unconfirmed.resolve, action=Action.MARK_AS_SENT),
}
_CHOOSE_FEW = """
    INSERT INTO group_members (workspace_id, group_id, recipient_id)
    SELECT workspace_id, :few, recipient_id FROM group_members
    WHERE group_id = :crowd ORDER BY recipient_id LIMIT :most
"""
_PASS_TIME = {
    "deferred": "UPDATE messages SET next_attempt_at = now() WHERE next_attempt_at IS NOT NULL",
    "held": "UPDATE batches SET not_before = now() WHERE not_before > now()",
    "cooling": "UPDATE senders SET cooling_until = now() WHERE state = 'cooling'",
    "leases": "UPDATE batches SET lease_until = now() - interval '1 s' WHERE state = 'sending'",
    "slots": "UPDATE sender_slots SET lease_until = now() - interval '1 s'",
}
_LIFT_BRAKE = "UPDATE senders SET brake_rate = NULL, brake_raised_at = NULL"
_EMPTIED = (
    *("messages", "delivery_events", "suppressions"),
    *("campaigns", "senders", "recipients", "groups"),
)


def _move(origin: Path, goal: Path) -> None:
    for path in origin.glob("*.journal"):
        path.rename(goal / path.name)


@dataclass
class World:
    """Everything in it is reached by small numbers, so that a story can be told again."""

    app: Flask
    folder: Path
    is_found: bool = False
    """Whether a lost host has come back."""
    campaign_ids: list[int] = field(default_factory=list)
    closing: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        self.elsewhere = self.folder.with_name("lost")
        for folder in (self.folder, self.elsewhere):
            folder.mkdir()
        options = {"credentials": LOGIN, "keep_bodies": False}
        self.sink = self.closing.enter_context(EventfulSink(self.do, **options))
        self.silences = Silences(self.sink.accepted)
        self.closing.enter_context(happenings.mortal())
        self.closing.callback(stopping.forget)
        self.complaints = self.closing.enter_context(happenings.complaints())
        self.workshop = Workshop(
            public_url="http://carillon.test",
            journals=self.folder,
            allow_private=True,
            vault=Vault(KEY),
            sign=str,
            timeouts=Timeouts(goodbye=0.1),
        )
        self._people()

    def _people(self) -> None:
        workspace = factories.workspace()
        self.workspace_id, self.user_id = workspace.id, factories.user().id
        password = self.workshop.vault.encrypt(LOGIN[1])
        values = {"username": LOGIN[0], "password_encrypted": password, "port": self.sink.port}
        self.sender_id = factories.sender(workspace, **values).id
        crowd, few = factories.crowd(workspace, EVERYBODY), factories.group(workspace)
        self.group_ids = [crowd.id, few.id]
        self._run(_CHOOSE_FEW, crowd=crowd.id, few=few.id, most=FEW)

    def close(self) -> None:
        """Leave an empty database behind."""
        self.closing.close()
        db.session.rollback()
        for table in _EMPTIED:
            self._run(f"DELETE FROM {table}")
        db.session.remove()
        redis.client.flushdb()
        for folder in (self.folder, self.elsewhere):
            shutil.rmtree(folder)

    # The rows, as the present session sees them.

    @property
    def workspace(self) -> Workspace:
        return db.session.get_one(Workspace, self.workspace_id)

    @property
    def user(self) -> User:
        return db.session.get_one(User, self.user_id)

    def campaign_id(self, number: int) -> int:
        return self.campaign_ids[number % len(self.campaign_ids)]

    def campaign(self, number: int) -> Campaign:
        return self._own(Campaign, self.campaign_id(number))

    def sender(self) -> Sender:
        return self._own(Sender, self.sender_id)

    def address(self, person: int) -> str:
        return f"p{person}@example.com"

    def _own(self, model: type[Any], number: int) -> Any:
        query = db.session.query(model).filter_by(workspace_id=self.workspace_id, id=number)
        return query.populate_existing().one()

    def _run(self, statement: str, **values: object) -> None:
        db.session.execute(text(statement), values)
        db.session.commit()

    # What the engine does, and what happens to it.

    def round(self) -> list[int]:
        """A dispatcher's round, with the plans and the round that follow; gives the doorbells."""
        found = go_round(journals=self.folder, capacity=48)
        for campaign_id in found.to_plan:
            plan(campaign_id)
        return self.round() if found.to_plan else found.bells

    def drain(self, incidents: Sequence[Incident] = (), fate: Fate | None = None) -> bool:
        """One drain among incidents; False when it died of them."""
        self.sink.expect(incidents)
        try:
            with doomed(fate):
                drain(self.sender_id, workshop=self.workshop, worker="test")
        except Killed:
            return False
        finally:
            db.session.rollback()
            self._run(_LIFT_BRAKE)  # nobody has the time to wait for the next mail
            db.session.remove()
            stopping.forget()
        return True

    def stop(self) -> None:
        """SIGTERM."""
        stopping.want()

    def pass_time(self, *names: str) -> None:
        """Let what waits have waited long enough."""
        for name in names:
            self._run(_PASS_TIME[name])

    def lose_host(self) -> None:
        """The leases of whoever died run out, and the journals are where nobody can read them."""
        self.pass_time("leases", "slots")
        _move(self.folder, self.elsewhere)

    def find_host(self) -> None:
        """The lost journals are there again, and may settle what was unconfirmed."""
        _move(self.elsewhere, self.folder)
        self.is_found = True

    # What people do.

    def do(self, deed: str) -> None:
        """A deed by its words, such as `pause 0` or `round`, in the thread of whoever calls."""
        verb, *numbers = deed.split()
        with self.app.app_context():
            try:
                getattr(self, verb)(*map(int, numbers))
            except CarillonError:  # a service may say no
                db.session.rollback()

    def create(self, group: int) -> None:
        """Write a draft to everybody (0) or to few (1)."""
        values = {"workspace_id": self.workspace_id, "sender_id": self.sender_id}
        draft = Campaign(name="News", subject="Hello", html="<p>Hi {{ name }}</p>", **values)
        factories.save(draft)
        self.campaign_ids.append(draft.id)
        ids = {"workspace_id": self.workspace_id, "campaign_id": draft.id}
        factories.save(CampaignGroup(**ids, group_id=self.group_ids[group]))

    def press(self, button: str, number: int) -> int | None:
        """Press a campaign's button. Raises Conflict."""
        given = _PRESSED[button](self.workspace, self.campaign(number), user=self.user)
        db.session.commit()
        return given

    def pause(self, number: int) -> None:
        self._end(number, "pause")

    def cancel(self, number: int) -> None:
        self._end(number, "cancel")

    def _end(self, number: int, button: str) -> None:
        self.press(button, number)
        chosen = self.campaign_id(number)
        self.silences.begin(f"campaign {chosen}", lambda record: campaign_of(record) == chosen)

    def resume(self, number: int) -> None:
        self.press("resume", number)
        self.silences.end(f"campaign {self.campaign_id(number)}")

    def unsubscribe(self, person: int) -> None:
        consent.opt_out(self.workspace, self.address(person), reason="enough", source="page")
        self._leave(person)

    def suppress(self, person: int) -> None:
        suppressions.put(self.workspace, [self.address(person)], reason="asked", source="page")
        self._leave(person)

    def delete(self, person: int) -> None:
        query = db.session.query(Recipient).filter_by(workspace_id=self.workspace_id)
        row = query.filter_by(email=self.address(person)).one_or_none()
        if row:
            recipients.delete_one(self.workspace, row, user=self.user)
        self._leave(person)

    def _leave(self, person: int) -> None:
        db.session.commit()
        address = self.address(person)
        self.silences.begin(address, lambda record: record.rcpt == address)

    def allow(self, connections: int) -> None:
        """Change how many connections the sender may have."""
        self._run("UPDATE senders SET max_connections = :most", most=connections)

    def mend_sender(self) -> None:
        """Somebody looks after the sender. Raises Conflict when it is active."""
        senders.resume(self.workspace, self.sender(), user=self.user)
        db.session.commit()

    # What must be true at any time.

    def suppressed(self, campaign_id: int) -> set[int]:
        """The campaign's messages to suppressed addresses."""
        found = text(
            "SELECT m.id FROM messages m JOIN suppressions s"
            " ON s.workspace_id = m.workspace_id AND s.email = m.address"
            " WHERE m.campaign_id = :campaign"
        )
        return set(db.session.scalars(found, {"campaign": campaign_id}))

    def doubts(self) -> int:
        """How many messages the next round may call unconfirmed: I4."""
        allowed: dict[str, int] = {}
        expired = text("SELECT * FROM batches WHERE state = 'sending' AND lease_until < now()")
        for batch in db.session.execute(expired):
            if (self.folder / batch.journal).is_file():
                allowed[batch.journal] = 1
            else:
                allowed[batch.journal] = allowed.get(batch.journal, 0) + batch.opened
        db.session.rollback()
        return sum(allowed.values())
