"""A window under way heeds what somebody changes: a pause need not wait for its end.

So a window may last for seconds where a server is slow, and cost its transaction only once.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from campaign_app.extensions import db
from campaign_app.sending import changes
from campaign_app.sending.changes import LOOK_SECONDS
from campaign_app.sending.claims import Claim
from campaign_app.sending.sharing import Stay
from campaign_app.sending.slots import Seen

SURELY_SECONDS = 1.0
SHARED_SECONDS = 0.25
"""How old another drain's look at the database may be to serve for one's own."""

_AS_BEFORE = text(
    """
    SELECT EXISTS (
        SELECT FROM senders s JOIN campaigns c ON c.id = :campaign AND c.status = 'sending'
        WHERE s.id = :sender AND s.xmin::text = :version
          AND c.tpm IS NOT DISTINCT FROM CAST(:tpm AS int))
    """
)


class _Basis(NamedTuple):
    """What a window goes by: the same for all connections of a sender that send one campaign."""

    sender: int
    version: str
    campaign: int
    tpm: int | None


class _Looks:
    """What this process's drains have found in the database: a hundred of them look as one."""

    def __init__(self) -> None:
        self._found: dict[_Basis, tuple[float, int | None, bool]] = {}

    def has_changed(self, basis: _Basis, count: int | None) -> bool:
        """Whether the sender or the campaign is another by now; `count` is what led to the look."""
        at, seen, has_changed = self._found.get(basis, (float("-inf"), None, False))
        now = monotonic()
        if seen == count and now - at < SHARED_SECONDS:
            return has_changed
        fresh = [one for one in list(self._found.items()) if now - one[1][0] < SHARED_SECONDS]
        self._found = dict(fresh)
        has_changed = _look(basis)
        self._found[basis] = (now, count, has_changed)
        return has_changed


_looks = _Looks()


def _look(basis: _Basis) -> bool:
    try:
        return not db.session.scalar(_AS_BEFORE, basis._asdict())
    except SQLAlchemyError:
        return False  # the window's own end will meet the same, and knows what to do
    finally:
        db.session.rollback()


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
        is_told = count not in (None, self._count)
        if not is_told and now < self._surely:
            return False
        self._count, self._surely = count, now + SURELY_SECONDS
        return (is_told and self._stay.is_unwanted()) or self._has_changed()

    def _has_changed(self) -> bool:
        if self._seen is None or self._claim is None:
            return False
        seen, claim = self._seen, self._claim
        basis = _Basis(seen.sender.id, seen.version, claim.campaign_id, claim.tpm)
        return _looks.has_changed(basis, self._count)
