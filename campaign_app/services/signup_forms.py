"""A group's sign-up form: what it says, whether it is open, and what it said before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

from sqlalchemy import func, select

from campaign_app.extensions import db
from campaign_app.lib.errors import Invalid
from campaign_app.lib.tenancy import HasId, owned_by
from campaign_app.models.people import User, Workspace
from campaign_app.models.recipients import Group
from campaign_app.models.senders import Sender
from campaign_app.models.signups import Signup, SignupForm, SignupWording
from campaign_app.services import audit, senders
from campaign_app.services.attributes import KEY, MAX_KEY, RESERVED

MAX_TITLE, MAX_TEXT, MAX_ATTRIBUTES = 100, 2_000, 10
CONSENT = "Yes, send me e-mails. I can unsubscribe at any time by the link in each of them."
"""What a new form asks for, until its owner writes something else."""
SEEN = ("title", "intro", "consent", "ask_name", "attributes")
"""What whoever signs up has read: a change of these is another version."""


@dataclass(frozen=True, slots=True)
class FormDetails:
    """What an owner says of a form."""

    title: str
    consent: str
    intro: str = ""
    thanks: str = ""
    ask_name: bool = True
    attributes: Sequence[str] = ()
    next_url: str = ""
    sender_id: int | None = None
    is_open: bool = True


@dataclass(frozen=True, slots=True)
class PublicForm:
    """A form as strangers meet it; `list_name` is who asks."""

    form: SignupForm
    list_name: str

    @property
    def is_open(self) -> bool:
        """Whether somebody can sign up now."""
        return self.form.is_open and self.form.sender_id is not None


@dataclass(frozen=True, slots=True)
class Standing:
    """How many wait to confirm, how many did in the last 30 days, and the last mail's problem."""

    waiting: int
    confirmed: int
    problem: str


def of_group(workspace: HasId, group: Group) -> SignupForm | None:
    """The group's form, if it has one."""
    return db.session.scalars(
        owned_by(workspace, SignupForm).where(SignupForm.group_id == group.id)
    ).one_or_none()


def public(form_id: int) -> PublicForm | None:
    """The form behind a public link, and whose list it is; None when it is gone."""
    row = db.session.execute(
        select(SignupForm, func.coalesce(func.nullif(Sender.from_name, ""), Workspace.name))
        .join(Workspace, Workspace.id == SignupForm.workspace_id)
        .join(Group, Group.id == SignupForm.group_id)
        .outerjoin(Sender, Sender.id == SignupForm.sender_id)
        # A group that was deleted or merged is emptied later: nobody is to join it by then.
        .where(SignupForm.id == form_id, ~Group.hidden)
        .execution_options(all_workspaces=True)  # its signed link is all that a stranger has
    ).one_or_none()
    return PublicForm(*row) if row else None


def offered(workspace: HasId) -> Sequence[SignupForm]:
    """The open forms of the groups that are offered to readers: their ways back."""
    return db.session.scalars(
        owned_by(workspace, SignupForm)
        .join(Group, Group.id == SignupForm.group_id)
        .where(
            Group.workspace_id == workspace.id,
            Group.public,
            ~Group.hidden,
            SignupForm.is_open,
            SignupForm.sender_id.is_not(None),
        )
        .order_by(SignupForm.title)
    ).all()


def save(workspace: HasId, group: Group, details: FormDetails, *, user: User) -> SignupForm:
    """Make the group's form, or change it. Raises Invalid, naming the field; NotFound."""
    values = _checked(workspace, details)
    form = of_group(workspace, group)
    if form is None:
        whose = {"workspace_id": workspace.id, "group_id": group.id}
        form = SignupForm(**whose, version=0, **values)
        db.session.add(form)
        summary = f"{user.name} made a sign-up form for “{group.name}”"
        audit.record(workspace, "form.made", summary, user=user, subject_id=group.id)
    changed = form.version == 0 or any(getattr(form, name) != values[name] for name in SEEN)
    for name, value in values.items():
        setattr(form, name, value)
    if changed:
        form.version += 1
        db.session.flush()
        words = {name: values[name] for name in SEEN}
        whose = {"workspace_id": workspace.id, "form_id": form.id}
        db.session.add(SignupWording(**whose, version=form.version, words=words))
    db.session.flush()
    return form


def wording(workspace: HasId, form_id: int, version: int) -> SignupWording | None:
    """What a form said in one of its versions."""
    return db.session.scalars(
        owned_by(workspace, SignupWording).where(
            SignupWording.form_id == form_id, SignupWording.version == version
        )
    ).one_or_none()


def standing(workspace: HasId, form: SignupForm) -> Standing:
    """How the form does."""
    own = (Signup.workspace_id == workspace.id, Signup.form_id == form.id)
    confirmed = Signup.confirmed_at.is_not(None)
    row = db.session.execute(
        select(func.count().filter(~confirmed), func.count().filter(confirmed))
        .select_from(Signup)
        .where(*own)
    ).one()
    problem = db.session.scalar(
        select(Signup.problem)
        .where(*own, Signup.problem != "", ~confirmed)
        .order_by(Signup.id.desc())
        .limit(1)
    )
    return Standing(row[0], row[1], problem or "")


def _checked(workspace: HasId, details: FormDetails) -> dict[str, object]:
    values = {
        name: value.strip() if isinstance(value, str) else value
        for name, value in asdict(details).items()
    }
    values["title"] = " ".join(details.title.split())
    values["attributes"] = _attributes(details.attributes)
    for name, most in (
        ("title", MAX_TITLE),
        ("consent", MAX_TEXT),
        ("intro", MAX_TEXT),
        ("thanks", MAX_TEXT),
        ("next_url", MAX_TEXT),
    ):
        if len(str(values[name])) > most:
            raise Invalid(f"This can have {most:,} characters.", field=name)
    for name, problem in (
        ("title", "Give the form a title."),
        ("consent", "Say what they agree to."),
    ):
        if not values[name]:
            raise Invalid(problem, field=name)
    _check_url(str(values["next_url"]))
    if details.sender_id is not None:
        senders.get(workspace, details.sender_id)
    return values


def _attributes(keys: Sequence[str]) -> list[str]:
    plain = list(dict.fromkeys(key.strip() for key in keys if key.strip()))
    for key in plain:
        if not KEY.fullmatch(key) or len(key) > MAX_KEY or key in RESERVED:
            raise Invalid(
                f"“{key[:MAX_KEY]}” cannot be an attribute: begin with a letter and use only"
                " letters (A to Z), digits and underscores.",
                field="attributes",
            )
    if len(plain) > MAX_ATTRIBUTES:
        raise Invalid(f"Ask for {MAX_ATTRIBUTES} attributes at most.", field="attributes")
    return plain


def _check_url(url: str) -> None:
    """Only https leads on from our page: nothing that a browser would run or read aloud."""
    if not url:
        return
    try:
        parts = urlsplit(url)
        fine = parts.scheme == "https" and bool(parts.hostname) and not parts.username
    except ValueError:
        fine = False
    if not fine or not url.isprintable() or " " in url:
        raise Invalid("Write a whole address that begins with https://.", field="next_url")
