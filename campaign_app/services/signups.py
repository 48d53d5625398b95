"""Signing up: asking by a form, confirming by the mail, and forgetting who did not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy import and_, case, delete, or_, update
from sqlalchemy.dialects.postgresql import insert

from campaign_app.extensions import db
from campaign_app.lib import address, clock
from campaign_app.lib.errors import Conflict, Invalid
from campaign_app.lib.tenancy import HasId, get_owned
from campaign_app.models.recipients import (
    ConsentAction,
    GroupMember,
    GroupRefusal,
    Recipient,
    Suppression,
)
from campaign_app.models.signups import Signup, SignupForm
from campaign_app.services import consent, opt_ins, recipients, suppressions
from campaign_app.services.attributes import MAX_VALUE
from campaign_app.services.consent import Why

VALID_FOR = timedelta(days=7)
"""How long the link of a confirmation mail works."""
KEPT_FOR = timedelta(days=30)
"""After which a request is forgotten; what was confirmed stays in the consent log."""
AGAIN_AFTER = timedelta(minutes=10)
MOST_MAILS = 5
"""Mails to one address for one request: a form is no way to fill a stranger's mailbox."""
OWN_WISH = opt_ins.OWN_WISH | {"complaint", "form", "erasure", "smtp"}
"""Sources of suppressions that the confirmed wish of their owner outweighs."""


@dataclass(frozen=True, slots=True)
class Ref:
    """A workspace, by its id alone."""

    id: int


@dataclass(frozen=True, slots=True)
class Answers:
    """What somebody typed into a form, and where they sat."""

    email: str
    name: str = ""
    attributes: Mapping[str, str] | None = None
    ip: str = ""
    agreed: bool = False
    """Whether they ticked the form's sentence."""


def ask(form: SignupForm, answers: Answers) -> None:
    """Take a request down; its confirmation mail is due at once: ring for it after the commit.

    An address that a colleague suppressed by hand gets none, and nobody can tell. Raises Invalid
    for what is no address and for who does not agree, Conflict for a closed form.
    """
    if not form.is_open or form.sender_id is None:
        raise Conflict("This form is closed.")
    workspace, email = Ref(form.workspace_id), address.normalise(answers.email)
    if not answers.agreed:
        raise Invalid("Please tick the box below to agree.", field="consent")
    if may_be_asked(workspace, email):
        _note(form, email, answers)


def may_be_asked(workspace: HasId, email: str) -> bool:
    """Whether no colleague has put the address on the suppression list by hand."""
    suppression = suppressions.find(workspace, email)
    return suppression is None or suppression.source in OWN_WISH


def find(signup_id: int) -> Signup | None:
    """The request behind a public link; None when it is gone."""
    return db.session.get(Signup, signup_id, execution_options={"all_workspaces": True})


def is_valid(signup: Signup) -> bool:
    """Whether it can still be confirmed, or has been."""
    return signup.confirmed_at is not None or signup.asked_at > clock.now() - VALID_FOR


def confirm(signup: Signup, *, ip: str) -> bool:
    """Subscribe them and put them into the form's group; False when that had happened before.

    Raises Invalid when the link is too old.
    """
    if not is_valid(signup):
        raise Invalid("This link is too old. Sign up again to get a new one.")
    now, workspace = clock.now(), Ref(signup.workspace_id)
    form = get_owned(workspace, SignupForm, signup.form_id)
    won = db.session.scalar(
        update(Signup)
        .where(
            Signup.workspace_id == workspace.id,
            Signup.id == signup.id,
            Signup.confirmed_at.is_(None),
        )
        .values(confirmed_at=now, mail_at=None)
        .returning(Signup.id)
    )
    if won is None:
        return False
    asked = Why(f"Asked by the form “{form.title}”", "form", evidence=_evidence(signup, signup.ip))
    consent.record(workspace, [signup.email], ConsentAction.ASKED, asked, at=signup.asked_at)
    why = replace(
        asked, reason=f"Confirmed the sign-up by “{form.title}”", evidence=_evidence(signup, ip)
    )
    _join(workspace, form, _subscribe(workspace, signup, why))
    return True


def forget_old() -> int:
    """Forget requests of long ago, confirmed or not; gives how many. The caller commits."""
    gone = db.session.scalars(
        delete(Signup)
        .where(Signup.asked_at < clock.now() - KEPT_FOR)
        .returning(Signup.id)
        .execution_options(all_workspaces=True)
    )
    return len(gone.all())


def _note(form: SignupForm, email: str, answers: Answers) -> None:
    """Write a request down, or write over the one that waits for its confirmation."""
    now = clock.now()
    values = {
        "version": form.version,
        "name": " ".join(answers.name.split())[: recipients.MAX_NAME],
        "attributes": _attributes(form, answers.attributes or {}),
        "ip": answers.ip,
        "asked_at": now,
        "attempts": 0,
        "problem": "",
    }
    whose = {"workspace_id": form.workspace_id, "form_id": form.id, "email": email}
    may_go = and_(
        Signup.mails < MOST_MAILS,
        or_(Signup.mailed_at.is_(None), Signup.mailed_at < now - AGAIN_AFTER),
    )
    db.session.execute(
        insert(Signup)
        .values(**whose, **values, mail_at=now, mails=1)
        .on_conflict_do_update(
            index_elements=["form_id", "email"],
            index_where=Signup.confirmed_at.is_(None),
            set_={
                **values,
                "mail_at": case((may_go, now), else_=Signup.mail_at),
                "mails": Signup.mails + case((may_go, 1), else_=0),
            },
        )
    )


def _attributes(form: SignupForm, given: Mapping[str, str]) -> dict[str, str]:
    """What the form asks for, and nothing else that somebody sends along."""
    known = {key: given.get(key, "").strip()[:MAX_VALUE] for key in form.attributes}
    return {key: value for key, value in known.items() if value}


def _evidence(signup: Signup, ip: str) -> dict[str, object]:
    return {"form": signup.form_id, "version": signup.version, "ip": ip}


def _subscribe(workspace: HasId, signup: Signup, why: Why) -> Recipient:
    db.session.execute(
        delete(Suppression).where(
            Suppression.workspace_id == workspace.id,
            Suppression.email_hash == suppressions.hash_of(signup.email),
            Suppression.source.in_(OWN_WISH),
        )
    )
    is_new = bool(recipients.ensure(workspace, {signup.email: signup.name}, why=why))
    person = recipients.by_email(workspace, signup.email)
    assert person is not None  # noqa: S101 - the line before has made sure
    if not is_new and not consent.come_back(workspace, person, why):
        consent.record(workspace, [signup.email], ConsentAction.SUBSCRIBED, why)
    db.session.refresh(person)
    person.name = signup.name or person.name
    person.attributes = {**person.attributes, **signup.attributes}
    person.updated_at = clock.now()
    db.session.flush()
    return person


def _join(workspace: HasId, form: SignupForm, person: Recipient) -> None:
    place = {"group_id": form.group_id, "recipient_id": person.id}
    db.session.execute(
        delete(GroupRefusal).where(
            GroupRefusal.workspace_id == workspace.id,
            GroupRefusal.group_id == form.group_id,
            GroupRefusal.recipient_id == person.id,
        )
    )
    db.session.execute(
        insert(GroupMember).values(workspace_id=workspace.id, **place).on_conflict_do_nothing()
    )
