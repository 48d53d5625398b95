"""Signing up: who may ask, what a confirmation does, and what is kept of it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from campaign_app.extensions import db
from campaign_app.lib import clock
from campaign_app.lib.errors import Conflict, Invalid, NotFound
from campaign_app.models.people import Workspace
from campaign_app.models.recipients import (
    ConsentEvent,
    GroupRefusal,
    Recipient,
    Suppression,
)
from campaign_app.models.signups import Signup, SignupForm
from campaign_app.services import groups, signup_forms, signups, suppressions
from campaign_app.services.signup_forms import FormDetails
from campaign_app.services.signups import Answers
from tests import factories
from tests.people import Person


def make_form(owner: Person, **values: object) -> SignupForm:
    group = factories.group(owner.workspace, name="News")
    defaults = {"title": "Our news", "consent": "I agree.", "attributes": ["city"]}
    sender = factories.sender(owner.workspace)
    details = FormDetails(**{**defaults, "sender_id": sender.id, **values})
    form = signup_forms.save(owner.workspace, group, details, user=owner.user)
    db.session.commit()
    return form


def answers(email: str = "ana@example.com", **values: object) -> Answers:
    return Answers(email, **{"agreed": True, "ip": "192.0.2.7", **values})


def ask(form: SignupForm, **values: object) -> Signup:
    signups.ask(form, answers(**values))
    db.session.commit()
    return waiting(form)[-1]


def waiting(form: SignupForm) -> list[Signup]:
    db.session.expire_all()
    return db.session.query(Signup).filter_by(workspace_id=form.workspace_id).order_by("id").all()


def people(workspace: Workspace) -> list[Recipient]:
    db.session.expire_all()
    return db.session.query(Recipient).filter_by(workspace_id=workspace.id).all()


def history(workspace: Workspace) -> list[ConsentEvent]:
    query = db.session.query(ConsentEvent).filter_by(workspace_id=workspace.id)
    return query.order_by(ConsentEvent.id).all()


def confirm(signup: Signup) -> bool:
    done = signups.confirm(signup, ip="192.0.2.9")
    db.session.commit()
    return done


def test_nobody_is_on_the_list_before_they_confirm(alice: Person):
    form = make_form(alice)
    signup = ask(form, name="  Ana ", attributes={"city": "Novi Sad", "role": "owner"})
    assert people(alice.workspace) == history(alice.workspace) == []
    assert (signup.name, signup.attributes) == ("Ana", {"city": "Novi Sad"})
    assert signup.mail_at is not None


def test_a_confirmation_subscribes_and_keeps_its_proof(alice: Person):
    form = make_form(alice)
    signup = ask(form, name="Ana", attributes={"city": "Novi Sad"})
    assert confirm(signup)
    [ana] = people(alice.workspace)
    assert (ana.email, ana.name, ana.attributes) == (
        *("ana@example.com", "Ana", {"city": "Novi Sad"}),
    )
    assert groups.of(alice.workspace, [ana.id])[ana.id][0].name == "News"
    asked, confirmed = history(alice.workspace)
    assert (asked.action, asked.created_at) == ("asked", signup.asked_at)
    assert asked.evidence == {"form": form.id, "version": 1, "ip": "192.0.2.7"}
    assert (confirmed.action, confirmed.evidence["ip"]) == ("subscribed", "192.0.2.9")


def test_confirming_twice_is_confirming_once(alice: Person):
    signup = ask(make_form(alice))
    assert confirm(signup)
    assert not confirm(signup)
    assert len(history(alice.workspace)) == 2


@pytest.mark.parametrize("status", ["unsubscribed", "bounced", "complained"])
def test_whoever_left_comes_back_by_their_own_act(alice: Person, status: str):
    form = make_form(alice)
    ana = factories.recipient(alice.workspace, email="ana@example.com", status=status)
    source = {"unsubscribed": "link", "bounced": "smtp", "complained": "complaint"}[status]
    suppressions.put(alice.workspace, [ana.email], reason="", source=source)
    group = groups.get(alice.workspace, form.group_id)
    ids = {"workspace_id": alice.workspace.id, "group_id": group.id, "recipient_id": ana.id}
    factories.save(GroupRefusal(**ids))
    confirm(ask(form))
    assert [person.status for person in people(alice.workspace)] == ["subscribed"]
    assert db.session.query(Suppression).filter_by(workspace_id=alice.workspace.id).all() == []
    assert groups.of(alice.workspace, [ana.id])


def test_whom_a_colleague_suppressed_is_not_even_mailed(alice: Person):
    form = make_form(alice)
    suppressions.add(alice.workspace, "ana@example.com", reason="No", user=alice.user)
    signups.ask(form, answers())
    assert waiting(form) == []


def test_an_erased_person_may_come_back_themselves(alice: Person):
    form = make_form(alice)
    digest = suppressions.hash_of("ana@example.com")
    whose = {"workspace_id": alice.workspace.id, "email": None, "email_hash": digest}
    factories.save(Suppression(**whose, source="erasure"))
    confirm(ask(form))
    assert len(people(alice.workspace)) == 1
    assert not suppressions.find(alice.workspace, "ana@example.com")


def test_a_form_fills_no_strangers_mailbox(alice: Person):
    form = make_form(alice)
    for _ in range(8):
        signup = ask(form)
        signup.mail_at, signup.mailed_at = None, clock.now() - timedelta(hours=1)
        db.session.commit()
    assert len(waiting(form)) == 1
    assert signup.mails == signups.MOST_MAILS
    assert ask(form).mail_at is None


def test_another_request_within_minutes_is_not_mailed_again(alice: Person):
    form = make_form(alice)
    signup = ask(form)
    signup.mail_at, signup.mailed_at = None, clock.now()
    db.session.commit()
    assert ask(form, name="Ana Again").mail_at is None


def test_a_link_works_for_seven_days(alice: Person):
    signup = ask(make_form(alice))
    signup.asked_at = clock.now() - timedelta(days=7, minutes=1)
    db.session.commit()
    with pytest.raises(Invalid, match="too old"):
        signups.confirm(signup, ip="")


def test_who_did_not_confirm_is_forgotten_after_thirty_days(alice: Person):
    form = make_form(alice)
    old = ask(form, email="old@example.com")
    ask(form, email="new@example.com")
    old.asked_at = clock.now() - timedelta(days=31)
    db.session.commit()
    assert signups.forget_old() == 1
    assert [row.email for row in waiting(form)] == ["new@example.com"]


@pytest.mark.parametrize("values", [{"is_open": False}, {"sender_id": None}])
def test_a_closed_form_takes_nobody(alice: Person, values):
    with pytest.raises(Conflict, match="closed"):
        signups.ask(make_form(alice, **values), answers())


def test_who_does_not_agree_is_not_signed_up(alice: Person):
    with pytest.raises(Invalid, match="tick"):
        signups.ask(make_form(alice), answers(agreed=False))


def test_a_change_of_its_words_is_another_version(alice: Person):
    form = make_form(alice)
    group = groups.get(alice.workspace, form.group_id)
    same = FormDetails("Our news", "I agree.", attributes=["city"], thanks="Thanks!")
    assert signup_forms.save(alice.workspace, group, same, user=alice.user).version == 1
    other = FormDetails("Our news", "I agree to all.", attributes=["city"])
    assert signup_forms.save(alice.workspace, group, other, user=alice.user).version == 2
    first = signup_forms.wording(alice.workspace, form.id, 1)
    assert first
    assert first.words["consent"] == "I agree."


@pytest.mark.parametrize(
    "url", ["http://example.com", "javascript:alert(1)", "https://", "https://a b", "//x.example"]
)
def test_only_https_leads_on(alice: Person, url: str):
    with pytest.raises(Invalid) as caught:
        make_form(alice, next_url=url)
    assert caught.value.field == "next_url"


def test_a_form_takes_no_strangers_sender(alice: Person, charlie: Person):
    with pytest.raises(NotFound):
        make_form(charlie, sender_id=factories.sender(alice.workspace).id)
