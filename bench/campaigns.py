"""A workspace with a large group, and campaigns of about 10 KB to it, for the benchmarks."""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import text

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


class Audience:
    """A workspace, a sender at `port` and a group of `size` recipients."""

    def __init__(self, *, size: int, port: int, connections: int) -> None:
        workspace = Workspace(name="Bench")
        db.session.add(workspace)
        db.session.flush()
        self.workspace = workspace
        self.sender = Sender(
            workspace_id=workspace.id,
            name="Bench",
            host="127.0.0.1",
            port=port,
            security=Security.NONE,
            from_email="news@example.com",
            from_name="Acme News",
            delay_seconds=0.0,
            max_connections=connections,
            messages_per_connection=1_000_000,
        )
        self.group = Group(workspace_id=workspace.id, name="Everybody")
        db.session.add_all([self.sender, self.group])
        db.session.commit()
        self._fill(size)

    def _fill(self, size: int) -> None:
        whose = {"workspace": self.workspace.id, "group": self.group.id, "size": size}
        db.session.execute(
            text(
                """
                INSERT INTO recipients (workspace_id, email, name, attributes)
                SELECT :workspace, 'person' || n || '@example.com', 'Ana Person ' || n,
                       jsonb_build_object('city', 'City ' || n % 100, 'plan', 'plan ' || n % 7)
                FROM generate_series(1, :size) AS n
                """
            ),
            whose,
        )
        db.session.execute(
            text(
                """
                INSERT INTO group_members (workspace_id, group_id, recipient_id)
                SELECT workspace_id, :group, id FROM recipients WHERE workspace_id = :workspace
                """
            ),
            whose,
        )
        db.session.commit()
        db.session.execute(text("ANALYZE"))
        db.session.commit()

    def launch(self, *, size: int) -> Campaign:
        """A fresh campaign to everybody, started as the page starts it."""
        campaign = Campaign(
            workspace_id=self.workspace.id,
            name="Bench",
            subject="News for {{ first_name | default: 'you' }}",
            html=html(size),
            sender_id=self.sender.id,
            status=CampaignStatus.SENDING,
            started_at=clock.now(),
        )
        db.session.add(campaign)
        db.session.flush()
        db.session.add(
            CampaignGroup(
                workspace_id=self.workspace.id, campaign_id=campaign.id, group_id=self.group.id
            )
        )
        db.session.commit()
        dispatch.ring()
        return campaign


def wait_until(
    audience: Audience, campaign: Campaign, reached: Callable[[progress.Counts], bool]
) -> progress.Counts:
    """Wait, five minutes at most, until the campaign's counts satisfy `reached`."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        db.session.rollback()
        db.session.refresh(campaign)
        counts = progress.counts(audience.workspace, [campaign])[campaign.id]
        if campaign.planned_at is not None and reached(counts):
            return counts
        time.sleep(0.05)
    raise SystemExit(f"The campaign did not get there in five minutes: {counts.as_dict()}")
