"""A request that comes twice is done once, and its second answer is the first one again.

For programs whose connection broke before the answer came (the Idempotency-Key header of
draft-ietf-httpapi-idempotency-key-header).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert

from campaign_app.extensions import db
from campaign_app.lib import clock
from campaign_app.lib.errors import Invalid
from campaign_app.lib.tenancy import HasId, owned_by
from campaign_app.models.idempotency import IdempotencyKey

MAX_LENGTH = 200
KEPT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the first request was answered: an HTTP status and a body."""

    status: int
    body: str


def claim(workspace: HasId, key: str, *, digest: str) -> Answer | None:
    """None for the first request of this name; it is to be done, and `keep` its answer.

    A request with the same name that is under way is waited for. Raises Invalid when the name
    stands for another request, or is none.
    """
    if not 0 < len(key) <= MAX_LENGTH or not key.isascii() or not key.isprintable():
        raise Invalid(f"An Idempotency-Key has 1 to {MAX_LENGTH} printable ASCII characters.")
    values = {"workspace_id": workspace.id, "key": key, "request_digest": digest}
    first = db.session.scalar(
        insert(IdempotencyKey)
        .values(**values)
        .on_conflict_do_nothing()
        .returning(IdempotencyKey.id)
    )
    if first is not None:
        return None
    known = db.session.scalars(
        owned_by(workspace, IdempotencyKey).where(IdempotencyKey.key == key)
    ).one()
    if known.request_digest != digest:
        raise Invalid("This Idempotency-Key was used for another request. Take a new one.")
    return Answer(known.status, known.answer)


def keep(workspace: HasId, key: str, answer: Answer) -> None:
    """Remember the answer, in the transaction of what was done."""
    row = db.session.scalars(
        owned_by(workspace, IdempotencyKey).where(IdempotencyKey.key == key)
    ).one()
    row.status, row.answer = answer.status, answer.body


def forget_old() -> None:
    """Forget the requests of more than a day ago, of every workspace."""
    old = IdempotencyKey.created_at < clock.now() - KEPT
    db.session.execute(delete(IdempotencyKey).where(old).execution_options(all_workspaces=True))
