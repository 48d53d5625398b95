"""Addresses a workspace must not mail, whoever puts them on a list again."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, SQLColumnExpression, delete, func, literal, select
from sqlalchemy.dialects.postgresql import insert

from campaign_app.extensions import db
from campaign_app.lib import address
from campaign_app.lib.arrays import any_bytes, any_text, rows_of
from campaign_app.lib.errors import Invalid
from campaign_app.lib.like import starting_with
from campaign_app.lib.tenancy import HasId, get_owned, owned_by
from campaign_app.models.people import User
from campaign_app.models.recipients import Suppression
from campaign_app.services import audit

PAGE_SIZE = 50
hash_of = address.digest
"""What an address is matched by, also when its owner's erasure left nothing else."""
BOUNCE = "smtp"
"""The source of a suppression that a hard bounce caused: resubscribing lifts it."""
NO_REASON = "Suppressed"
"""What is said of an entry without a reason of its own."""
ERASED = "The data of this person was erased. They can come back by signing up themselves."
"""What is said of an address that nobody else may put on a list again."""


@dataclass(frozen=True, slots=True)
class Listing:
    """Some suppressions, newest first; `following` is the id to continue after, or 0."""

    items: Sequence[Suppression]
    following: int


def page(
    workspace: HasId, *, search: str = "", source: str = "", after: int = 0, size: int = PAGE_SIZE
) -> Listing:
    """The entries whose address begins with `search` and whose door was `source`."""
    query = owned_by(workspace, Suppression).order_by(Suppression.id.desc()).limit(size + 1)
    if search.strip():
        query = query.where(Suppression.email.like(starting_with(search.strip().lower())))
    if source:
        query = query.where(Suppression.source == source)
    if after:
        query = query.where(Suppression.id < after)
    rows = db.session.scalars(query).all()
    shown = rows[:size]
    return Listing(shown, shown[-1].id if len(rows) > size else 0)


def get(workspace: HasId, suppression_id: int) -> Suppression:
    """The workspace's own entry. Raises NotFound."""
    return get_owned(workspace, Suppression, suppression_id)


def contains(workspace: HasId, emails: Collection[str]) -> set[str]:
    """Those of the (normalised) addresses that are suppressed."""
    return set(reasons(workspace, emails))


def reasons(workspace: HasId, emails: Collection[str]) -> dict[str, str]:
    """Why those of the (normalised) addresses are suppressed that are; never empty."""
    if not emails:
        return {}
    by_hash = {hash_of(email): email for email in emails}
    known = db.session.execute(
        select(Suppression.email_hash, Suppression.reason).where(
            Suppression.workspace_id == workspace.id,
            Suppression.email_hash == any_bytes(by_hash),
        )
    )
    return {by_hash[bytes(row.email_hash)]: row.reason or NO_REASON for row in known}


def erased(workspace: HasId, emails: Collection[str]) -> set[str]:
    """Those of the (normalised) addresses whose owners were erased."""
    if not emails or not has_erased(workspace):
        return set()
    by_hash = {hash_of(email): email for email in emails}
    known = db.session.scalars(
        select(Suppression.email_hash).where(
            Suppression.workspace_id == workspace.id,
            Suppression.email.is_(None),
            Suppression.email_hash == any_bytes(by_hash),
        )
    )
    return {by_hash[bytes(found)] for found in known}


def has_erased(workspace: HasId) -> bool:
    """Whether there are entries that only hashes can find."""
    one = select(Suppression.id).where(
        Suppression.workspace_id == workspace.id, Suppression.email.is_(None)
    )
    return db.session.execute(one.limit(1)).first() is not None


def digest(email: SQLColumnExpression[str]) -> ColumnElement[bytes]:
    """`hash_of` in the database."""
    return func.sha256(func.convert_to(email, "UTF8"))


def find(workspace: HasId, email: str) -> Suppression | None:
    """The suppression of an address, if there is one."""
    return db.session.scalars(
        owned_by(workspace, Suppression).where(Suppression.email_hash == hash_of(email))
    ).one_or_none()


def add(workspace: HasId, email: str, *, reason: str, user: User) -> str:
    """Suppress an address by hand and give its normal form.

    Raises Invalid for a wrong address, one that is suppressed already, or a missing reason.
    """
    normal = address.normalise(email)
    if not reason.strip():
        raise Invalid("Say why, so that colleagues understand it later.", field="reason")
    if not put(workspace, [normal], reason=reason.strip(), source="page"):
        raise Invalid(f"{normal} is on the suppression list already.", field="email")
    summary = f"{user.name} put {normal} on the suppression list"
    audit.record(workspace, "suppression.added", summary, user=user)
    return normal


def put(workspace: HasId, emails: Collection[str], *, reason: str, source: str) -> int:
    """Suppress normalised addresses; those that are suppressed keep their first reason.

    Gives how many are new.
    """
    # In one order for everybody, so that two writers never deadlock.
    given = select(rows_of(sorted(emails)).label("email")).subquery()
    rows = select(
        literal(workspace.id),
        given.c.email,
        digest(given.c.email),
        literal(reason),
        literal(source),
    )
    added = db.session.scalars(
        insert(Suppression)
        .from_select(["workspace_id", "email", "email_hash", "reason", "source"], rows)
        .on_conflict_do_nothing()
        .returning(Suppression.id)
    )
    return len(added.all())


def remove(workspace: HasId, suppression_id: int, *, reason: str, user: User) -> str:
    """Let an address be mailed again and give it, or what is shown of an erased person.

    Raises NotFound, or Invalid without a reason.
    """
    suppression = get(workspace, suppression_id)
    if not reason.strip():
        raise Invalid("Say why it may be mailed again: colleagues will ask.", field="reason")
    shown = suppression.email or "An erased person"
    db.session.delete(suppression)
    summary = f"{user.name} removed {shown} from the suppression list: {reason.strip()[:300]}"
    audit.record(workspace, "suppression.removed", summary, user=user)
    return shown


def lift_bounces(workspace: HasId, emails: Collection[str]) -> None:
    """Forget suppressions that bounces caused; those of complaints or by hand stay."""
    db.session.execute(
        delete(Suppression).where(
            Suppression.workspace_id == workspace.id,
            Suppression.email == any_text(emails),
            Suppression.source == BOUNCE,
        )
    )
