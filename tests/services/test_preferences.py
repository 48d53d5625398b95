"""What readers choose behind the unsubscribe link."""

from __future__ import annotations

import pytest

from campaign_app.extensions import db
from campaign_app.models.recipients import ConsentEvent, Recipient
from campaign_app.services import group_filling, groups, preferences
from campaign_app.services.consent import Why
from campaign_app.services.preferences import Preferences
from tests import factories
from tests.people import Person


@pytest.fixture
def ana(alice: Person) -> Recipient:
    """Ana gets the news, and is in a group that she does not know of."""
    ana = factories.recipient(alice.workspace)
    factories.group(alice.workspace, members=[ana], name="News", public=True)
    factories.group(alice.workspace, members=[ana], name="Big spenders")
    factories.group(alice.workspace, name="internal 7", public=True, public_name="Offers")
    return ana


def of(owner: Person, ana: Recipient) -> Preferences:
    db.session.expire_all()
    known = preferences.of(owner.workspace, ana.email, recipient_id=ana.id)
    assert known
    return known


def choose(owner: Person, ana: Recipient, *names: str) -> None:
    known = of(owner, ana)
    wanted = {offer.group_id for offer in known.offers if offer.name in names}
    preferences.choose(owner.workspace, known, wanted)
    db.session.commit()


def chosen(owner: Person, ana: Recipient) -> list[str]:
    return [offer.name for offer in of(owner, ana).offers if offer.chosen]


def test_only_public_groups_are_offered_by_their_public_names(alice: Person, ana: Recipient):
    assert [offer.name for offer in of(alice, ana).offers] == ["News", "Offers"]
    assert chosen(alice, ana) == ["News"]


def test_a_choice_moves_between_the_offered_groups_and_is_written_down(alice: Person, ana):
    choose(alice, ana, "Offers")
    assert chosen(alice, ana) == ["Offers"]
    assert len(groups.of(alice.workspace, [ana.id])[ana.id]) == 2
    [event] = db.session.query(ConsentEvent).filter_by(workspace_id=alice.workspace.id)
    assert (event.action, event.reason) == ("preferences", "Joined “Offers”; left “News”")


def test_choosing_none_is_opting_out_of_everything(alice: Person, ana: Recipient):
    choose(alice, ana)
    assert of(alice, ana).recipient.status == "unsubscribed"


def test_whoever_has_opted_out_does_not_come_back_by_an_old_link(alice: Person, ana: Recipient):
    choose(alice, ana)
    choose(alice, ana, "News", "Offers")
    assert of(alice, ana).recipient.status == "unsubscribed"


def test_nobody_puts_them_back_into_a_group_they_left(alice: Person, ana: Recipient):
    news = next(one for one in groups.standing(alice.workspace) if one.name == "News")
    choose(alice, ana, "Offers")
    why = Why("Uploaded", "import")
    group_filling.put(alice.workspace, news.id, [ana.email, "new@example.com"], why=why)
    db.session.commit()
    assert groups.sizes(alice.workspace)[news.id] == 1
    assert chosen(alice, ana) == ["Offers"]
    choose(alice, ana, "News", "Offers")
    assert chosen(alice, ana) == ["News", "Offers"]


def test_a_strangers_groups_are_neither_offered_nor_joined(alice, charlie: Person, ana: Recipient):
    theirs = factories.group(charlie.workspace, name="Theirs", public=True)
    known = of(alice, ana)
    assert "Theirs" not in [offer.name for offer in known.offers]
    wanted = {theirs.id, *(offer.group_id for offer in known.offers)}
    preferences.choose(alice.workspace, known, wanted)
    db.session.commit()
    assert groups.sizes(charlie.workspace) == {}
