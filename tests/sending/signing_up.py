"""People who sign up by a form, and the mails that ask them whether they mean it."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import text

from campaign_app.extensions import db
from campaign_app.models.people import Workspace
from campaign_app.models.senders import Sender
from campaign_app.models.signups import Signup
from campaign_app.sending import confirmations
from campaign_app.sending.deliver import End
from campaign_app.sending.workshop import Workshop
from campaign_app.services import signup_forms, signups
from campaign_app.services.signup_forms import FormDetails
from campaign_app.services.signups import Answers
from tests import factories

LINK = "http://carillon.test/s/confirm/{}".format


def sign_up(sender: Sender, *emails: str) -> list[Signup]:
    """They ask by a form of the sender; nobody has been rung yet."""
    owner = factories.membership(workspace=db.session.get(Workspace, sender.workspace_id))
    group = factories.group(owner.workspace)
    details = FormDetails("News <&> more", "I agree.", sender_id=sender.id)
    form = signup_forms.save(owner.workspace, group, details, user=owner.user)
    for email in emails:
        signups.ask(form, Answers(email, agreed=True))
    db.session.commit()
    asked = db.session.query(Signup).filter_by(workspace_id=sender.workspace_id)
    return asked.order_by(Signup.id).all()


def mail(sender_id: int, workshop: Workshop, *, link: Callable[[int], str] = LINK) -> End:
    """One turn of the sender's confirmations."""
    return confirmations.drain(sender_id, workshop=workshop, worker="test", link=link)


def let_time_pass() -> None:
    """Whatever waits for its time, a mail, a sender or a slot, need not wait any more."""
    _change("UPDATE signups SET mail_at = now() WHERE mail_at IS NOT NULL")
    _change("UPDATE senders SET state = 'active', cooling_until = NULL")
    let_slots_go()


def let_slots_go() -> None:
    """The rest of every slot is over."""
    _change("UPDATE sender_slots SET lease_until = NULL")


def _change(statement: str) -> None:
    db.session.execute(text(statement))
    db.session.commit()
