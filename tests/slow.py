"""A request's body over a slow line."""

from __future__ import annotations

import io

from campaign_app.extensions import db


class SlowBody(io.BytesIO):
    """Notes whether a transaction waits for it: PostgreSQL ends one that idles for a lease."""

    was_waited_for = False

    def read(self, size: int | None = -1, /) -> bytes:
        self._note()
        return super().read(size)

    def readinto(self, buffer: bytearray, /) -> int:
        self._note()
        return super().readinto(buffer)

    def _note(self) -> None:
        self.was_waited_for = self.was_waited_for or db.session().in_transaction()
