"""Erasing a person: at once from the list, in the background from everything else.

What stays is a hash among the suppressions, by which the address is known when it comes again, and
the numbers of the reports, which name nobody. Each part may be repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import timedelta
from functools import partial

from sqlalchemy import delete, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert

from campaign_app.extensions import db
from campaign_app.lib import address, clock
from campaign_app.lib.arrays import any_id
from campaign_app.lib.errors import Conflict, Invalid
from campaign_app.lib.tenancy import HasId, owned_by
from campaign_app.models.audit import AuditEntry
from campaign_app.models.erasures import Erasure
from campaign_app.models.imports import Import
from campaign_app.models.messages import DeliveryEvent, Message
from campaign_app.models.people import User, Workspace
from campaign_app.models.recipient_bulk import RecipientChange
from campaign_app.models.recipient_words import RecipientWords
from campaign_app.models.recipients import ConsentEvent, Recipient, Suppression
from campaign_app.models.signups import Signup
from campaign_app.models.tracking import ClickEvent, OpenEvent
from campaign_app.services import audit, mentions, recipient_filter, suppressions

SOURCE = "erasure"
REASON = "Erased on request"
NOBODY = "erased"
"""What stands in place of a message's address."""
ROUNDS = 2
"""The second one is for what was on its way during the first: an answer, a file being imported."""
PAUSE = timedelta(minutes=10)
"""Between the rounds: longer than any answer of a mail server takes (RFC 5321 §4.5.3.2.6)."""
OVERDUE = timedelta(minutes=2)

_WAITING = text(
    """
    UPDATE waiting_addresses SET addresses = array_to_string(
        array_remove(string_to_array(addresses, E'\\n'), :email), E'\\n')
    WHERE workspace_id = :workspace AND strpos(addresses, :email) > 0
    """
)
# The arrays are parallel: the former values of somebody stand where their id does.
_FORMER = text(
    """
    UPDATE import_batches
    SET names[array_position(changed, :id)] = '', attributes[array_position(changed, :id)] = '{}',
        tags[array_position(changed, :id)] = '{}'
    WHERE workspace_id = :workspace AND :id = ANY(changed)
    """
)


def known_ids(workspace: HasId, email: str) -> list[int]:
    """The ids by which the list knows an address, or knew it."""
    queries = (
        select(Recipient.id).where(
            Recipient.workspace_id == workspace.id, Recipient.email == email
        ),
        select(RecipientChange.recipient_id).where(
            RecipientChange.workspace_id == workspace.id, RecipientChange.email == email
        ),
        select(AuditEntry.subject_id).where(
            AuditEntry.workspace_id == workspace.id,
            AuditEntry.action == "recipient.deleted",
            AuditEntry.summary.endswith(f" {email}", autoescape=True),  # "_" is no wildcard
        ),
    )
    return sorted({found for query in queries for found in db.session.scalars(query) if found})


def begin(workspace: HasId, email: str, *, typed: str, user: User) -> Erasure:
    """Take somebody off the list and keep them off; ring for the rest after the commit.

    `typed` is the address again, by the hand of who asks for it. Raises Invalid when it is another,
    Conflict while they are being erased already.
    """
    normal = address.normalise(email)
    if typed.strip().lower() != normal:
        raise Invalid("Type the whole address, exactly as it stands above.", field="typed")
    if _under_way(workspace, normal):
        raise Conflict(f"{normal} is being erased already.")
    ids = known_ids(workspace, normal)
    _suppress(workspace, normal)
    db.session.execute(
        delete(Recipient).where(Recipient.workspace_id == workspace.id, Recipient.id == any_id(ids))
    )
    recipient_filter.forget_counts(workspace)
    erasure = Erasure(
        workspace_id=workspace.id,
        user_id=user.id,
        email=normal,
        email_hash=suppressions.hash_of(normal),
        recipient_ids=ids,
        created_at=clock.now(),
        due_at=clock.now(),
    )
    db.session.add(erasure)
    audit.record(workspace, "person.erased", f"{user.name} erased a person’s data", user=user)
    db.session.flush()
    return erasure


def latest(workspace: HasId, *, limit: int = 20) -> Sequence[Erasure]:
    """The last erasures, newest first."""
    return db.session.scalars(
        owned_by(workspace, Erasure).order_by(Erasure.id.desc()).limit(limit)
    ).all()


def due() -> Sequence[int]:
    """The ids of erasures that have a round to do. Serves every workspace."""
    return db.session.scalars(
        select(Erasure.id)
        .where(Erasure.due_at <= clock.now())
        .order_by(Erasure.due_at)
        .execution_options(all_workspaces=True)
    ).all()


def claim(erasure_id: int) -> Erasure | None:
    """Take a round that is due in hand, for OVERDUE; None when somebody else has it."""
    now = clock.now()
    return db.session.scalars(
        update(Erasure)
        .where(Erasure.id == erasure_id, Erasure.due_at <= now, Erasure.email.is_not(None))
        .values(due_at=now + OVERDUE)
        .returning(Erasure)
        .execution_options(all_workspaces=True, populate_existing=True)
    ).one_or_none()


def steps(workspace: HasId, erasure: Erasure) -> Iterator[Callable[[], object]]:
    """The parts of a round, each for a transaction of its own, in their order."""
    email, ids, until = erasure.email or "", list(erasure.recipient_ids), erasure.created_at
    yield partial(_forget_messages, workspace, email, ids)
    yield partial(_forget_rows, workspace, email, ids, until)
    for recipient_id in ids:
        values = {"workspace": workspace.id, "id": recipient_id}
        yield partial(db.session.execute, _FORMER, values)
    yield partial(db.session.execute, _WAITING, {"workspace": workspace.id, "email": email})
    instead = f"{NOBODY}-{erasure.id}"
    for statement in mentions.scrubbings(workspace, email, instead=instead):
        yield partial(db.session.execute, statement)


def whose(erasure: Erasure) -> HasId:
    """The workspace that erases."""
    return db.session.get_one(Workspace, erasure.workspace_id)


def keep(erasure: Erasure) -> None:
    """Go on holding a round in hand."""
    erasure.due_at = clock.now() + OVERDUE


def end_round(erasure: Erasure) -> bool:
    """Note that a round is done; True when it was the last, and the address is forgotten, too."""
    erasure.rounds += 1
    if erasure.rounds < ROUNDS:
        erasure.due_at = clock.now() + PAUSE
        return False
    erasure.email, erasure.recipient_ids, erasure.due_at = None, [], None
    erasure.finished_at = clock.now()
    return True


def _under_way(workspace: HasId, email: str) -> bool:
    one = select(Erasure.id).where(Erasure.workspace_id == workspace.id, Erasure.email == email)
    return db.session.execute(one.limit(1)).first() is not None


def _suppress(workspace: HasId, email: str) -> None:
    """Keep the hash alone; who suppressed it by hand before has still done so."""
    values = {"workspace_id": workspace.id, "email_hash": suppressions.hash_of(email)}
    db.session.execute(
        insert(Suppression)
        .values(**values, email=None, reason=REASON, source=SOURCE)
        .on_conflict_do_update(
            index_elements=["workspace_id", "email_hash"], set_={"email": None, "reason": REASON}
        )
    )


def _forget_messages(workspace: HasId, email: str, ids: Collection[int]) -> None:
    """What was sent to them still counts, and tells no more to whom it went or from where read."""
    found = db.session.scalars(
        update(Message)
        .where(
            Message.workspace_id == workspace.id,
            or_(func.lower(Message.address) == email, Message.recipient_id == any_id(ids)),
        )
        .values(address=NOBODY)
        .returning(Message.id)
    ).all()
    theirs = any_id(found)
    db.session.execute(
        update(DeliveryEvent)
        .where(DeliveryEvent.workspace_id == workspace.id, DeliveryEvent.message_id == theirs)
        .values(reply="")
    )
    for event in (OpenEvent, ClickEvent):
        db.session.execute(
            update(event)
            .where(event.workspace_id == workspace.id, event.message_id == theirs)
            .values(ip="", user_agent="")
        )


def _forget_rows(workspace: HasId, email: str, ids: Collection[int], until: object) -> None:
    """Rows that are about them alone, if they were there before: whoever comes back is new."""
    for model, own, since in (
        (ConsentEvent, ConsentEvent.email == email, ConsentEvent.created_at),
        (Signup, Signup.email == email, Signup.asked_at),
        (Recipient, Recipient.id == any_id(ids), Recipient.created_at),
        (RecipientChange, RecipientChange.recipient_id == any_id(ids), RecipientChange.changed_at),
    ):
        db.session.execute(
            delete(model).where(model.workspace_id == workspace.id, own, since <= until)
        )
    # A file that was being imported at that moment may have brought them back since.
    meanwhile = select(Import.id).where(
        Import.workspace_id == workspace.id, Import.started_at <= until
    )
    db.session.execute(
        delete(Recipient).where(
            Recipient.workspace_id == workspace.id,
            Recipient.email == email,
            Recipient.import_id.in_(meanwhile),
        )
    )
    db.session.execute(
        delete(RecipientWords).where(
            RecipientWords.workspace_id == workspace.id,
            RecipientWords.recipient_id == any_id(ids),
        )
    )
