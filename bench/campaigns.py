"""A workspace with large groups, and campaigns of about 10 KB to them, for the benchmarks."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import text

from bench.meter import Meter, Parties, Run
from campaign_app.extensions import db
from campaign_app.lib import clock
from campaign_app.models.campaigns import Campaign, CampaignGroup, CampaignStatus
from campaign_app.models.people import Workspace
from campaign_app.models.recipients import Group
from campaign_app.models.senders import Security, Sender
from campaign_app.services import progress
from campaign_app.tasks import dispatch

PARAGRAPH = (
    "<p>Autumn has come to {{ city }}, and with it the new collection: warm colours, honest"
    " materials and prices that stay what they were. Come and see it, or order from home.</p>\n"
)
LINKS = "".join(
    f'<p><a href="https://shop.example/offers/{n}?from=mail">Offer {n}</a></p>\n' for n in range(5)
)
SUBJECT = "News for {{ first_name | default: 'you' }}"
# Named here once, so that the naive way has the same people.
PEOPLE = """
    SELECT 'person' || n || '@example.com' AS email, 'Ana Person ' || n AS name,
           'City ' || n % 100 AS city, 'plan ' || n % 7 AS plan
    FROM generate_series(1, :size) AS n
"""
_RECIPIENTS = text(
    f"""
    INSERT INTO recipients (workspace_id, email, name, attributes)
    SELECT :workspace, email, name, jsonb_build_object('city', city, 'plan', plan)
    FROM ({PEOPLE}) AS people
    """
)
_MEMBERS = text(
    """
    INSERT INTO group_members (workspace_id, group_id, recipient_id)
    SELECT workspace_id, :group, id FROM recipients WHERE workspace_id = :workspace
    ORDER BY id LIMIT :size
    """
)

_PLANNED = text("SELECT planned_at IS NOT NULL FROM campaigns WHERE id = :id")
LONGEST_PLANNING = 120.0
"""Seconds after which something must be wrong."""


def html(mail_size: int) -> str:
    """HTML with three merge fields and five links that makes a mail of about `mail_size` bytes.

    A mail holds it twice, as HTML and as text, both quoted-printable, and a kilobyte of headers.
    """
    size = (mail_size - 1_100) * 45 // 100
    head = "<html><body><h1>Good morning, {{ first_name | default: 'friend' }}!</h1>\n"
    tail = f"{LINKS}<p>Your plan: {{{{ plan }}}}</p></body></html>"
    fill = PARAGRAPH.replace("{{ city }}", "town")
    count = max(0, size - len(head) - len(PARAGRAPH) - len(tail)) // len(fill)
    return head + PARAGRAPH + fill * count + tail


@dataclass(frozen=True)
class Server:
    """Where a sender's mail goes, and over how many connections."""

    port: int
    connections: int
    host: str = "127.0.0.1"
    security: Security = Security.NONE


class Audience:
    """A workspace with a group of each of `sizes`, the smaller ones parts of the largest."""

    def __init__(self, sizes: Sequence[int], *, workspace: Workspace | None = None) -> None:
        self.workspace = workspace or Workspace(name="Bench")
        db.session.add(self.workspace)
        db.session.flush()
        self._groups = {
            size: Group(workspace_id=self.workspace.id, name=f"{size:,} people") for size in sizes
        }
        db.session.add_all(self._groups.values())
        db.session.flush()
        whose = {"workspace": self.workspace.id}
        db.session.execute(text("SET LOCAL statement_timeout = 0"))
        db.session.execute(_RECIPIENTS, whose | {"size": max(sizes)})
        for size, group in self._groups.items():
            db.session.execute(_MEMBERS, whose | {"group": group.id, "size": size})
        db.session.execute(text("ANALYZE recipients, group_members"))
        db.session.commit()

    def sender(self, server: Server) -> Sender:
        """A new sender without any limit but the number of its connections."""
        sender = Sender(
            workspace_id=self.workspace.id,
            name=f"Port {server.port}",
            host=server.host,
            port=server.port,
            security=server.security,
            from_email="news@example.com",
            from_name="Acme News",
            delay_seconds=0.0,
            max_connections=server.connections,
            messages_per_connection=1_000_000,
        )
        db.session.add(sender)
        db.session.commit()
        return sender

    def launch(self, sender: Sender, *, people: int, mail_size: int) -> Campaign:
        """A fresh campaign to the group of so many people, started as the page starts it."""
        campaign = self.write(sender, people=people, mail_size=mail_size)
        campaign.status = CampaignStatus.SENDING
        campaign.started_at = clock.now()
        db.session.commit()
        dispatch.ring()
        return campaign

    def write(self, sender: Sender, *, people: int, mail_size: int) -> Campaign:
        """A draft to the group of so many people; the caller commits."""
        whose = {"workspace_id": self.workspace.id}
        campaign = Campaign(
            **whose,
            name=f"To {people:,} people",
            subject=SUBJECT,
            html=html(mail_size),
            sender_id=sender.id,
        )
        db.session.add(campaign)
        db.session.flush()
        group_id = self._groups[people].id
        db.session.add(CampaignGroup(**whose, campaign_id=campaign.id, group_id=group_id))
        return campaign

    def send(self, sender: Sender, *, people: int, mail_size: int, parties: Parties) -> Run:
        """Send a campaign: from the end of its planning until its last message is written down."""
        return self.plan_and_send(sender, people=people, mail_size=mail_size, parties=parties)[1]

    def plan_and_send(
        self, sender: Sender, *, people: int, mail_size: int, parties: Parties
    ) -> tuple[Run, Run]:
        """Send a campaign; gives its planning, from its start on, and its sending."""
        planning = Meter(parties)
        campaign = self.launch(sender, people=people, mail_size=mail_size)
        self._wait_for_plan(campaign)
        planned, sending = planning.read(people), Meter(parties)
        patience = 120 + people / 200
        counts = self.wait_until(campaign, lambda counts: counts.done == people, patience=patience)
        sent = sending.read(people)
        if counts.sent != people:
            raise SystemExit(f"Not everything was sent: {counts.as_dict()}")
        return planned, sent

    def _wait_for_plan(self, campaign: Campaign) -> None:
        """Until the moment, nearly, at which the first message may leave."""
        deadline = time.monotonic() + LONGEST_PLANNING
        while time.monotonic() < deadline:
            if db.session.scalar(_PLANNED, {"id": campaign.id}):
                return
            db.session.rollback()
            time.sleep(0.005)
        raise SystemExit(f"The campaign was not planned within {LONGEST_PLANNING:.0f} s.")

    def wait_until(
        self,
        campaign: Campaign,
        reached: Callable[[progress.Counts], bool],
        *,
        patience: float = 120,
    ) -> progress.Counts:
        """Wait, so many seconds at most, until the planned campaign's counts satisfy `reached`.

        Looks twenty times a second, or less often where that would be a twentieth of the load.
        """
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            began = time.monotonic()
            db.session.rollback()
            db.session.refresh(campaign, ["status", "planned_at", "total", "final_counts"])
            counts = progress.counts(self.workspace, [campaign])[campaign.id]
            db.session.rollback()  # an open snapshot would keep every dead row alive
            if campaign.planned_at is not None and reached(counts):
                return counts
            time.sleep(max(0.05, 20 * (time.monotonic() - began)))
        raise SystemExit(f"The campaign did not get there in {patience:.0f} s: {counts.as_dict()}")
