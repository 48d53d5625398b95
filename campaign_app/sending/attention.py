"""A window under way heeds what somebody changes: a pause need not wait for its end.

So a window may last for seconds where a server is slow, and cost its transaction only once.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from campaign_app.extensions import db
from campaign_app.sending import changes
from campaign_app.sending.changes import LOOK_SECONDS
from campaign_app.sending.claims import Claim
from campaign_app.sending.sharing import Stay
from campaign_app.sending.slots import Seen

SURELY_SECONDS = 1.0

_AS_BEFORE = text(
    """
    SELECT EXISTS (
        SELECT FROM senders s JOIN campaigns c ON c.id = :campaign AND c.status = 'sending'
        WHERE s.id = :sender AND s.xmin::text = :version
          AND c.tpm IS NOT DISTINCT FROM CAST(:tpm AS int))
    """
)


class Attention:
    """One drain's: asked before every message, it looks at the counter of changes now and then.

    At the database, which has the truth, it looks when that has moved, and every second anyhow:
    Redis may be away, or a change not announced.
    """

    def __init__(self, stay: Stay) -> None:
        self._stay = stay
        self._count: int | None = None
        self._next_look = 0.0
        self._surely = 0.0
        self._seen: Seen | None = None
        self._claim: Claim | None = None

    def begin(self) -> None:
        """Note where the counter stands: before the database is read, or a change is missed."""
        self._count = changes.latest()

    def heed(self, seen: Seen | None, claim: Claim | None) -> Callable[[], bool]:
        """What to ask during the window that is now handed over, and goes by these two."""
        self._seen, self._claim = seen, claim
        now = monotonic()
        self._next_look, self._surely = now + LOOK_SECONDS, now + SURELY_SECONDS
        return self.is_called

    def is_called(self) -> bool:
        """True when the window should begin no further message. Never raises."""
        now = monotonic()
        if now < self._next_look:
            return False
        self._next_look = now + LOOK_SECONDS
        count = changes.latest()
        if count in (None, self._count) and now < self._surely:
            return False
        self._count, self._surely = count, now + SURELY_SECONDS
        return self._stay.is_unwanted() or self._has_changed()

    def _has_changed(self) -> bool:
        if self._seen is None or self._claim is None:
            return False
        values = {
            "sender": self._seen.sender.id,
            "version": self._seen.version,
            "campaign": self._claim.campaign_id,
            "tpm": self._claim.tpm,
        }
        try:
            return not db.session.scalar(_AS_BEFORE, values)
        except SQLAlchemyError:
            return False  # the window's own end will meet the same, and knows what to do
        finally:
            db.session.rollback()
