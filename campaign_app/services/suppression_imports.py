"""Many addresses for the suppression list at once: from a box or a file, worked off in steps.

A step is one transaction: whoever dies in the middle of it has done nothing, and the next begins
where it began.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import select

from campaign_app.extensions import db
from campaign_app.lib import address, clock
from campaign_app.lib.errors import Invalid
from campaign_app.lib.tenancy import HasId, owned_by
from campaign_app.models.people import User, Workspace
from campaign_app.models.suppression_imports import SuppressionImport, WaitingSuppressions
from campaign_app.services import audit, suppressions

Entry = tuple[str, str]
"""An address as it was written, and its reason."""

AT_ONCE = 1_000
"""More than this is work for the background."""
CHUNK = 5_000
"""Entries of one step: about a third of a second."""
MAX_ENTRIES = 500_000
MAX_REASON = 300
PROBLEMS_KEPT = 50
OVERDUE = timedelta(seconds=30)
"""After which nobody seems to be at work: the doorbell was lost, or the worker died."""
SOURCE = "import"


def read(data: bytes) -> str:
    """The text of a file. What is no Unicode is taken for Western European; addresses are ASCII."""
    is_wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    try:
        return data.decode("utf-16" if is_wide else "utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def entries(text: str, *, reason: str) -> list[Entry]:
    """The addresses of a list, one to a line or in a column, each with its own reason or `reason`.

    Of a line the first cell with an @ counts. Raises Invalid for nothing and for too much.
    """
    rows = list(filter(any, _rows(text)))
    head = [cell.strip().lower() for cell in rows[0]] if rows else []
    is_head = bool(head) and not any("@" in cell for cell in head)
    place = head.index("reason") if is_head and "reason" in head else None
    found = [_entry(row, place, reason) for row in (rows[1:] if is_head else rows)]
    if not found:
        raise Invalid("There is no address in it. Write one to a line.", field="addresses")
    if len(found) > MAX_ENTRIES:
        raise Invalid(
            f"That is more than {MAX_ENTRIES:,} lines: split the file.", field="addresses"
        )
    return found


def begin(workspace: HasId, found: Sequence[Entry], *, name: str, user: User) -> SuppressionImport:
    """Keep the entries for `step`: call it until it is done, or ring for it after the commit."""
    row = SuppressionImport(
        workspace_id=workspace.id, user_id=user.id, name=name[:200], lines=len(found)
    )
    db.session.add(row)
    db.session.flush()
    for place in range(0, len(found), CHUNK):
        chunk = [list(entry) for entry in found[place : place + CHUNK]]
        whose = {"workspace_id": workspace.id, "import_id": row.id}
        db.session.add(WaitingSuppressions(**whose, entries=chunk))
    db.session.flush()
    return row


def step(import_id: int) -> bool:
    """Suppress the next entries of an import; False when there are no more."""
    waiting = db.session.scalars(
        select(WaitingSuppressions)
        .where(WaitingSuppressions.import_id == import_id)
        .order_by(WaitingSuppressions.id)
        .limit(1)
        .with_for_update(skip_locked=True)
        .execution_options(all_workspaces=True)  # a task knows the id only
    ).one_or_none()
    if waiting is None:
        return False
    workspace = db.session.get_one(Workspace, waiting.workspace_id)
    row = db.session.scalars(
        owned_by(workspace, SuppressionImport)
        .where(SuppressionImport.id == import_id)
        .with_for_update()
    ).one()
    _suppress(workspace, row, waiting.entries)
    db.session.delete(waiting)
    db.session.flush()
    if row.added + row.already + row.invalid >= row.lines:
        _finish(workspace, row)
    return True


def latest(workspace: HasId, *, most: int = 3) -> Sequence[SuppressionImport]:
    """The last ones, newest first."""
    return db.session.scalars(
        owned_by(workspace, SuppressionImport).order_by(SuppressionImport.id.desc()).limit(most)
    ).all()


def overdue() -> Sequence[int]:
    """The ids of imports that wait longer than they should."""
    return db.session.scalars(
        select(SuppressionImport.id)
        .where(SuppressionImport.finished_at.is_(None))
        .where(SuppressionImport.created_at < clock.now() - OVERDUE)
        .execution_options(all_workspaces=True)  # the sweep serves every workspace
    ).all()


def _suppress(workspace: HasId, row: SuppressionImport, found: Sequence[Sequence[str]]) -> None:
    by_reason: dict[str, set[str]] = {}
    problems = list(row.problems)
    seen: set[str] = set()
    for (raw, reason), (normal, problem) in zip(
        found, address.normalise_many(raw for raw, _ in found), strict=True
    ):
        if problem:
            row.invalid += 1
            problems.append([raw[:200], problem])
        elif normal not in seen:
            seen.add(normal)
            by_reason.setdefault(reason, set()).add(normal)
    added = sum(
        suppressions.put(workspace, emails, reason=reason, source=SOURCE)
        for reason, emails in by_reason.items()
    )
    row.added += added
    row.already += len(found) - added - (len(problems) - len(row.problems))
    row.problems = problems[:PROBLEMS_KEPT]


def _finish(workspace: HasId, row: SuppressionImport) -> None:
    row.finished_at = clock.now()
    user = db.session.get(User, row.user_id) if row.user_id else None
    who = user.name if user else "Somebody"
    summary = f"{who} put {row.added:,} addresses on the suppression list (“{row.name}”)"
    audit.record(workspace, "suppression.imported", summary, user=user, subject_id=row.id)


def _rows(text: str) -> list[list[str]]:
    reader = csv.reader(text.splitlines(), delimiter=_delimiter(text))
    try:
        return list(reader)
    except csv.Error:  # a cell of more characters than it takes
        raise Invalid(
            f'Near line {reader.line_num:,} a quotation mark (") opens and never closes. Remove it'
            " and try again.",
            field="addresses",
        ) from None


def _entry(row: Sequence[str], place: int | None, reason: str) -> Entry:
    raw = next((cell for cell in row if "@" in cell), row[0] if row else "")
    own = row[place].strip() if place is not None and place < len(row) else ""
    return raw.strip(" \t<>\"'")[:400], (own or reason)[:MAX_REASON]


def _delimiter(text: str) -> str:
    head = text[:4096]
    return max(",;\t", key=head.count)
