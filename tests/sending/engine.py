"""The engine, driven by hand: rounds and drains in this process, against a recording sink."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import text

from campaign_app.extensions import db
from campaign_app.lib.secrets import Vault
from campaign_app.lib.signing import Signer
from campaign_app.models.campaigns import Campaign, CampaignGroup, CampaignStatus
from campaign_app.models.recipients import Group
from campaign_app.models.senders import Sender
from campaign_app.sending import dispatch, plan
from campaign_app.sending.deliver import End, drain
from campaign_app.sending.workshop import Workshop
from campaign_app.services import progress
from tests import factories
from tests.smtp_sink import SmtpSink

KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


@dataclass(frozen=True)
class _Ref:
    id: int


@dataclass
class Engine:
    """A campaign under way, its sender's sink, and the handles to move it."""

    campaign: Campaign
    sender: Sender
    workshop: Workshop

    @property
    def workspace(self) -> _Ref:
        return _Ref(self.campaign.workspace_id)

    def add_group(self, group: Group) -> None:
        ids = {"workspace_id": self.workspace.id, "campaign_id": self.campaign.id}
        factories.save(CampaignGroup(**ids, group_id=group.id))

    def plan(self) -> int | None:
        return plan.plan(self.campaign.id)

    def round(self) -> dispatch.Round:
        return dispatch.go_round(journals=self.workshop.journals, capacity=48)

    def drain(self) -> End:
        return drain(self.sender.id, workshop=self.workshop, worker="test")

    def run(self) -> None:
        """Plan, then rounds and drains until a round rings nobody."""
        self.plan()
        while self.round().bells:
            self.drain()

    def counts(self) -> progress.Counts:
        self.refresh()
        return progress.counts(self.workspace, [self.campaign])[self.campaign.id]

    def refresh(self) -> None:
        """See what the engine has committed."""
        for row in (self.campaign, self.sender):
            db.session.add(row)
            db.session.refresh(row)

    def status(self) -> str:
        self.refresh()
        return self.campaign.status.value

    def sender_state(self) -> str:
        self.refresh()
        return self.sender.state.value

    def statuses(self) -> Counter[str]:
        rows = db.session.execute(
            text("SELECT status FROM messages WHERE campaign_id = :id"), {"id": self.campaign.id}
        )
        return Counter(row.status for row in rows)

    def set_status(self, status: str) -> None:
        self._set("campaigns", self.campaign.id, "status", status)

    def set_port(self, port: int) -> None:
        self._set("senders", self.sender.id, "port", port)

    def wake_sender(self) -> None:
        """Let a cooling sender's time come."""
        self._set("senders", self.sender.id, "state", "active")

    def _set(self, table: str, row_id: int, column: str, value: object) -> None:
        statement = text(f"UPDATE {table} SET {column} = :value WHERE id = :id")
        db.session.execute(statement, {"value": value, "id": row_id})
        db.session.commit()

    def make_due(self) -> None:
        """Let the time of every deferred message come."""
        db.session.execute(
            text("UPDATE messages SET next_attempt_at = now() WHERE next_attempt_at IS NOT NULL")
        )
        db.session.commit()


def start(sink: SmtpSink, folder: Path, *, people: int = 3, **sender: object) -> Engine:
    """A started campaign to `people` recipients p0@example.com, p1@…, by a sender at the sink."""
    workspace = factories.workspace()
    account = factories.sender(workspace, port=sink.port, **sender)
    group = factories.crowd(workspace, people)
    campaign = factories.campaign(
        workspace,
        groups=[group],
        sender_id=account.id,
        status=CampaignStatus.SENDING,
        started_at=datetime.now(UTC),
    )
    workshop = Workshop(
        public_url="http://carillon.test",
        journals=folder / "journals",
        allow_private=True,
        vault=Vault(KEY),
        sign=Signer("tests only").sign,
    )
    return Engine(campaign, account, workshop)
