"""Users, their workspaces and memberships: signing up, signing in, changing one's own data."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import bindparam, select
from sqlalchemy.orm import contains_eager, joinedload

from campaign_app.extensions import db
from campaign_app.lib import address, clock, passwords, zones
from campaign_app.lib.errors import Invalid, NotFound
from campaign_app.models.people import Membership, Role, User, Workspace
from campaign_app.services import audit
from campaign_app.services.uniqueness import claimed

MAX_NAME = 100
_PLACES = (
    select(Membership)
    .options(joinedload(Membership.workspace))
    .order_by(Membership.id)
    .execution_options(all_workspaces=True)  # the user's own, whichever workspace
)
# Made once: every request asks this.
_OF_SESSION = (
    _PLACES.join(Membership.user)
    .where(User.id == bindparam("user"), User.session_version == bindparam("version"))
    .options(contains_eager(Membership.user))
)
KNOWN = "There is already an account with this address. Log in instead."


def session_user(user_id: int, *, session_version: int) -> User | None:
    """The user a session belongs to, or None when a change of password has ended it."""
    return db.session.scalars(
        select(User).where(User.id == user_id, User.session_version == session_version)
    ).one_or_none()


def session_places(user_id: int, *, session_version: int) -> Sequence[Membership]:
    """Everywhere the user of a session belongs, with the user: one trip for every page's two asks.

    Empty when a change of password has ended the session, or the user belongs nowhere.
    """
    values = {"user": user_id, "version": session_version}
    return db.session.scalars(_OF_SESSION, values).all()


def membership(user: User, *, workspace_id: int | None = None) -> Membership:
    """The user's place in the chosen workspace, else in their first.

    Raises NotFound when the user belongs to none.
    """
    mine = db.session.scalars(_PLACES.where(Membership.user_id == user.id)).all()
    return chosen(mine, workspace_id=workspace_id)


def names(ids: Collection[int]) -> dict[int, str]:
    """What these users are called, by their ids."""
    rows = db.session.execute(select(User.id, User.name).where(User.id.in_(ids)))
    return {row.id: row.name for row in rows}


def chosen(places: Sequence[Membership], *, workspace_id: int | None) -> Membership:
    """The place in this workspace, else the first. Raises NotFound when there is none."""
    for one in places:
        if one.workspace_id == workspace_id:
            return one
    if not places:
        raise NotFound("You do not belong to a workspace yet.")
    return places[0]


def by_email(email: str) -> User:
    """The user with this address. Raises NotFound, for operators: never show it to strangers."""
    user = _find(email)
    if user is None:
        raise NotFound(f"There is no user with the address {email}.")
    return user


def sign_up(
    *, name: str, email: str, password: str, time_zone: str = "UTC", workspace: str = ""
) -> Membership:
    """A new user, the owner of a new workspace (named after them unless `workspace` says).

    Raises Invalid, with the field, for a weak password, an unknown zone or a known address.
    """
    name, email = _name(name), address.normalise(email)
    passwords.check(password, personal=(name, email))
    user = User(
        name=name,
        email=email,
        password_hash=passwords.hash_password(password),
        time_zone=zones.normalise(time_zone),
    )
    with claimed(KNOWN, field="email"):
        db.session.add(user)
    place = Workspace(name=_name(workspace or f"{name}’s workspace", field="workspace"))
    membership = Membership(workspace=place, user=user, role=Role.OWNER)
    db.session.add(membership)
    db.session.flush()
    audit.record(
        place, "workspace.created", f"{name} opened the workspace “{place.name}”", user=user
    )
    return membership


def authenticate(*, email: str, password: str) -> User | None:
    """The user who knows this password; None for a wrong one as for an unknown address.

    Both take the same time. A hash made with older parameters is renewed on the way.
    """
    user = _find(email)
    if user is None:
        passwords.verify_nobody(password)
        return None
    if not passwords.verify(user.password_hash, password):
        return None
    if passwords.is_outdated(user.password_hash):
        user.password_hash = passwords.hash_password(password)
    user.last_login_at = clock.now()
    return user


def change_password(user: User, *, current: str, new: str) -> None:
    """Set a new password and end every session of the user's; the caller begins a new one.

    Raises Invalid when `current` is wrong (field `current`) or `new` too weak (field `password`).
    """
    if not passwords.verify(user.password_hash, current):
        raise Invalid("This is not your present password.", field="current")
    passwords.check(new, personal=(user.name, user.email))
    user.password_hash = passwords.hash_password(new)
    user.session_version += 1


def update_profile(user: User, *, name: str, time_zone: str) -> None:
    """Change the user's own name and zone. Raises Invalid, with the field."""
    user.name = _name(name)
    user.time_zone = zones.normalise(time_zone)


def rename_workspace(workspace: Workspace, *, name: str, user: User) -> None:
    """Give the workspace another name. Raises Invalid."""
    old, workspace.name = workspace.name, _name(name)
    if workspace.name != old:
        summary = f"{user.name} renamed the workspace to “{workspace.name}”"
        audit.record(workspace, "workspace.renamed", summary, user=user)


def _find(email: str) -> User | None:
    folded, problem = address.check(email)
    if problem:
        return None
    return db.session.scalars(select(User).where(User.email == folded)).one_or_none()


def _name(text: str, *, field: str = "name") -> str:
    name = " ".join(text.split())
    if not name:
        raise Invalid("Enter a name.", field=field)
    if len(name) > MAX_NAME:
        raise Invalid(f"Use at most {MAX_NAME} characters.", field=field)
    return name
