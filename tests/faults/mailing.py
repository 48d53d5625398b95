"""A campaign under way and its witnesses: its own rows, and its own lines in the ledger."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

from tests.faults.ledger import Accept
from tests.faults.server import MailServer
from tests.faults.tables import Tables

_IDS = re.compile(r"<c(\d+)\.m(\d+)")


@dataclass(frozen=True)
class Mailing:
    """A started campaign to `audience` through a sender of its own at `server`."""

    tables: Tables
    server: MailServer
    workspace_id: int
    sender_id: int
    campaign_id: int
    audience: tuple[str, ...]

    def accepts(self) -> dict[int, list[Accept]]:
        """What the server took of this campaign, by message id."""
        taken: dict[int, list[Accept]] = {}
        for accept in self.server.ledger.accepts():
            found = _IDS.match(accept.message_id)
            if found and int(found[1]) == self.campaign_id:
                taken.setdefault(int(found[2]), []).append(accept)
        return taken

    def status(self) -> str:
        """The campaign's."""
        return str(self._campaign("status"))

    def is_over(self) -> bool:
        """Whether everything has been accounted for."""
        return self._campaign("final_counts") is not None

    def statuses(self) -> Counter[str]:
        """How many messages have which status, counted row by row."""
        rows = self.tables.rows(
            "SELECT status, count(*) FROM messages WHERE campaign_id = %(id)s GROUP BY 1",
            id=self.campaign_id,
        )
        return Counter(dict(rows))

    def set_campaign(self, **values: Any) -> None:
        """Change columns of the campaign, as its pages do: `status="paused"`."""
        self._set("campaigns", self.campaign_id, values)

    def set_sender(self, **values: Any) -> None:
        """Change columns of the sender: `port=…`, `max_connections=…`, `state="active"`."""
        self._set("senders", self.sender_id, values)

    def sender_state(self) -> str:
        """active, cooling or stopped."""
        statement = "SELECT state FROM senders WHERE id = %(id)s"
        return str(self.tables.value(statement, id=self.sender_id))

    def unsubscribe(self, *addresses: str) -> None:
        """Let these recipients opt out, now."""
        self.tables.rows(
            "UPDATE recipients SET status = 'unsubscribed', status_at = clock_timestamp()"
            " WHERE workspace_id = %(workspace)s AND email = ANY(%(emails)s)",
            workspace=self.workspace_id,
            emails=list(addresses),
        )

    def _campaign(self, column: str) -> Any:
        statement = f"SELECT {column} FROM campaigns WHERE id = %(id)s"
        return self.tables.value(statement, id=self.campaign_id)

    def _set(self, table: str, number: int, values: dict[str, Any]) -> None:
        changes = ", ".join(f"{name} = %({name})s" for name in values)
        self.tables.rows(f"UPDATE {table} SET {changes} WHERE id = %(id)s", id=number, **values)


def launch(
    tables: Tables,
    server: MailServer,
    *,
    people: int,
    campaign: dict[str, Any] | None = None,
    **sender: Any,
) -> Mailing:
    """A workspace of its own mails p0@example.com, p1@…; nobody has been rung yet.

    `campaign` holds columns that differ from the usual, `tpm` say; `sender` the sender's.
    """
    workspace = tables.insert("workspaces", name="Acme")
    ours = {"workspace_id": workspace, "port": server.port}
    account = tables.insert("senders", **_SENDER | ours | sender)
    started = {"workspace_id": workspace, "sender_id": account, "started_at": "now"}
    number = tables.insert("campaigns", **_CAMPAIGN | started | (campaign or {}))
    _choose(tables, workspace, number, _crowd(tables, workspace, people))
    audience = tuple(f"p{n}@example.com" for n in range(people))
    return Mailing(tables, server, workspace, account, number, audience)


_SENDER = {
    "name": "Sender",
    "host": "127.0.0.1",
    "security": "none",
    "from_email": "news@example.com",
    "delay_seconds": 0,
}
_CAMPAIGN = {
    "name": "Spring sale",
    "subject": "Hello {{ first_name | default: 'friend' }}",
    "html": '<p>Hi {{ name }}, <a href="https://shop.example/sale">look</a>.</p>',
    "status": "sending",
}


def _choose(tables: Tables, workspace: int, campaign: int, group: int) -> None:
    tables.rows(
        "INSERT INTO campaign_groups (workspace_id, campaign_id, group_id)"
        " VALUES (%(workspace)s, %(campaign)s, %(group)s)",
        workspace=workspace,
        campaign=campaign,
        group=group,
    )


def _crowd(tables: Tables, workspace: int, people: int) -> int:
    group = tables.insert("groups", workspace_id=workspace, name="Everybody")
    tables.rows(
        """
        WITH people AS (
            INSERT INTO recipients (workspace_id, email, name)
            SELECT %(workspace)s, 'p' || n || '@example.com', 'Person ' || n
            FROM generate_series(0, %(people)s - 1) AS n RETURNING id)
        INSERT INTO group_members (workspace_id, group_id, recipient_id)
        SELECT %(workspace)s, %(group)s, id FROM people
        """,
        workspace=workspace,
        people=people,
        group=group,
    )
    return group
