"""Filling a group with addresses: at once, or in the background when they are many.

Addresses that have to wait are rows, and a step works one of them off in one transaction: whoever
dies in the middle of it has done nothing, and nothing that was accepted is lost.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import insert, literal, select

from campaign_app.extensions import db
from campaign_app.lib import clock
from campaign_app.lib.arrays import any_id, any_text
from campaign_app.lib.tenancy import HasId
from campaign_app.models.people import User, Workspace
from campaign_app.models.recipients import Group, Recipient, WaitingAddresses
from campaign_app.services import group_joining, recipients, suppressions
from campaign_app.services.consent import Why
from campaign_app.services.group_joining import Joined

AT_ONCE = 1_000
"""More than this is work for the background."""
CHUNK = 5_000
"""Addresses of one step: a fifth of a second."""
OVERDUE = timedelta(seconds=30)
"""After which nobody seems to be at work: the doorbell was lost, or the worker died."""


@dataclass(frozen=True, slots=True)
class Filled:
    """What became of addresses: `number` of them were taken, and those `erased` were left out."""

    number: int
    joined: Joined | None
    """None when they are too many and wait: ring for `step` after the commit."""
    erased: Sequence[str] = ()
    """Whose data was erased, by alphabet: `suppressions.ERASED` says why nobody puts them back."""


def fill(workspace: HasId, group_id: int, emails: Sequence[str], *, why: Why) -> Filled:
    """Put normalised addresses into the group; who is not on the list yet is subscribed."""
    if len(emails) <= AT_ONCE:
        return put(workspace, group_id, emails, why=why)
    erased = suppressions.erased(workspace, emails)
    taken = [email for email in emails if email not in erased] if erased else emails
    _let_wait(workspace, group_id, taken, why=why)
    return Filled(len(taken), None, sorted(erased))


def _let_wait(workspace: HasId, group_id: int, emails: Sequence[str], *, why: Why) -> None:
    chunks = [emails[place : place + CHUNK] for place in range(0, len(emails), CHUNK)]
    row = {
        "workspace_id": workspace.id,
        "group_id": group_id,
        "user_id": why.user.id if why.user else None,
        "reason": why.reason,
        "source": why.source,
    }
    rows = [{**row, "addresses": "\n".join(chunk)} for chunk in chunks]
    if rows:
        db.session.execute(insert(WaitingAddresses), rows)


def put(workspace: HasId, group_id: int, emails: Collection[str], *, why: Why) -> Filled:
    """Put normalised addresses into the group now; who has opted out stays opted out."""
    erased = suppressions.erased(workspace, emails)
    taken = dict.fromkeys((email for email in emails if email not in erased), "")
    recipients.ensure(workspace, taken, why=why)
    people = select(Recipient.id).where(
        Recipient.workspace_id == workspace.id, Recipient.email == any_text(taken)
    )
    joined = group_joining.join(workspace, group_id, db.session.scalars(people).all())
    return Filled(len(taken), joined, sorted(erased))


def step(group_id: int) -> bool:
    """Put the next addresses that wait for a group into it; False when none do any more."""
    # The group's row first, as its deletion takes it: the other way round they would deadlock.
    group = select(Group.id).where(Group.id == group_id).with_for_update(read=True, key_share=True)
    db.session.execute(group.execution_options(all_workspaces=True))  # a task knows the id only
    waiting = db.session.scalars(
        select(WaitingAddresses)
        .where(WaitingAddresses.group_id == group_id)
        .order_by(WaitingAddresses.id)
        .limit(1)
        .with_for_update(skip_locked=True)
        .execution_options(all_workspaces=True)
    ).one_or_none()
    if waiting is None:
        return False
    user = db.session.get(User, waiting.user_id) if waiting.user_id else None
    why = Why(waiting.reason, waiting.source, user)
    workspace = db.session.get_one(Workspace, waiting.workspace_id)
    put(workspace, group_id, waiting.addresses.splitlines(), why=why)
    db.session.delete(waiting)
    db.session.flush()
    return True


def copy_waiting(workspace: HasId, group_id: int, *, to: int) -> None:
    """Let those who wait for one group wait for another, too; before its members are copied."""
    names = ("workspace_id", "user_id", "addresses", "reason", "source")
    waiting = select(literal(to), *(getattr(WaitingAddresses, name) for name in names)).where(
        WaitingAddresses.workspace_id == workspace.id, WaitingAddresses.group_id == group_id
    )
    db.session.execute(insert(WaitingAddresses).from_select(["group_id", *names], waiting))


def is_filling(workspace: HasId, group_id: int) -> bool:
    """Whether addresses still wait to come into the group."""
    return bool(filling(workspace, [group_id]))


def filling(workspace: HasId, ids: Collection[int]) -> set[int]:
    """Those of the groups into which addresses still wait to come."""
    waiting = select(WaitingAddresses.group_id).where(
        WaitingAddresses.workspace_id == workspace.id, WaitingAddresses.group_id == any_id(ids)
    )
    return set(db.session.scalars(waiting.distinct()))


def overdue() -> Sequence[int]:
    """The ids of groups whose addresses wait longer than they should."""
    return db.session.scalars(
        select(WaitingAddresses.group_id)
        .where(WaitingAddresses.created_at < clock.now() - OVERDUE)
        .distinct()
        .execution_options(all_workspaces=True)  # the sweep serves every workspace
    ).all()
