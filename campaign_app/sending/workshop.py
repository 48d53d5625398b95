"""What every drain of a process works with: settings, keys, folders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from campaign_app.lib.secrets import Vault
from campaign_app.models.senders import Sender
from campaign_app.sending.handover import Account, Timeouts
from campaign_app.sending.leases import LEASE_SECONDS

BRIEF = Timeouts(connect=10, command=10, data=10, body=20, dot=20)


@dataclass(frozen=True, slots=True)
class Workshop:
    """The settings of a drain. `others_wait` tells whether somebody waits for a free worker.

    `brief` is for single mails: they lend a thread for a moment, and what takes longer is tried
    again later.
    """

    public_url: str
    journals: Path
    """The folder of the connections' journals, below STATE_DIR."""
    allow_private: bool
    vault: Vault
    sign: Callable[[int], str]
    helo: str = "localhost"
    others_wait: Callable[[], bool] = bool
    timeouts: Timeouts = field(default_factory=Timeouts)
    brief: Timeouts = BRIEF
    lease_seconds: int = LEASE_SECONDS

    def account(self, sender: Sender) -> Account:
        """The sender's server and log-in. Raises Unavailable when its password is unreadable."""
        stored = sender.password_encrypted
        password = self.vault.decrypt(stored) if stored else ""
        return Account(
            host=sender.host,
            port=sender.port,
            security=sender.security.value,
            username=sender.username,
            password=password,
            allow_private=self.allow_private,
            helo=self.helo,
        )
