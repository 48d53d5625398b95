"""Saved e-mails to start campaigns from."""

from __future__ import annotations

from campaign_app.extensions import db
from campaign_app.lib import clock, like, paging
from campaign_app.lib.errors import Invalid
from campaign_app.lib.paging import Page
from campaign_app.lib.tenancy import HasId, get_owned, owned_by
from campaign_app.models.people import User
from campaign_app.models.templates import Template
from campaign_app.services import audit, contents
from campaign_app.services.contents import Content
from campaign_app.services.uniqueness import claimed

PAGE_SIZE = 24
MAX_NAME = 120
TAKEN = "There is a template called “{}” already."


def get(workspace: HasId, template_id: int) -> Template:
    """The workspace's own template. Raises NotFound."""
    return get_owned(workspace, Template, template_id)


def page(workspace: HasId, *, search: str = "", number: int = 1) -> Page[Template]:
    """Templates whose name holds `search`, the latest changed first."""
    query = owned_by(workspace, Template)
    if search:
        query = query.where(Template.name.ilike(like.containing(search)))
    query = query.order_by(Template.updated_at.desc(), Template.id.desc())
    return paging.read(query, number=number, size=PAGE_SIZE)


def create(workspace: HasId, *, name: str, content: Content, user: User) -> Template:
    """Save an e-mail. Raises Invalid, naming the field."""
    safe = contents.checked(content)
    template = Template(
        workspace_id=workspace.id,
        name=_name(name),
        subject=safe.subject,
        html=safe.html,
        text=safe.text,
    )
    with claimed(TAKEN.format(template.name)):
        db.session.add(template)
    _record(workspace, template, "created", user)
    return template


def edit(workspace: HasId, template: Template, *, name: str, content: Content, user: User) -> None:
    """Change a saved e-mail; campaigns made from it stay. Raises Invalid, naming the field."""
    safe, name = contents.checked(content), _name(name)
    with claimed(TAKEN.format(name)):
        template.name = name
        template.subject, template.html, template.text = safe.subject, safe.html, safe.text
        template.updated_at = clock.now()
    _record(workspace, template, "edited", user)


def delete(workspace: HasId, template: Template, *, user: User) -> None:
    """Delete a saved e-mail; campaigns made from it stay."""
    _record(workspace, template, "deleted", user)
    db.session.delete(template)
    db.session.flush()


def _name(name: str) -> str:
    plain = " ".join(name.split())
    if not 0 < len(plain) <= MAX_NAME:
        raise Invalid(f"Give it a name of up to {MAX_NAME} characters.", field="name")
    return plain


def _record(workspace: HasId, template: Template, verb: str, user: User) -> None:
    summary = f"{user.name} {verb} the template “{template.name}”"
    audit.record(workspace, f"template.{verb}", summary, user=user, subject_id=template.id)
