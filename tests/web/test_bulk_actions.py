"""The pages of bulk actions, merging and copying, as Alice, Bob and Charlie see them."""

from __future__ import annotations

import pytest

from campaign_app.extensions import db
from campaign_app.models.campaigns import Campaign, CampaignGroup
from campaign_app.models.recipient_bulk import Action, BulkAction
from campaign_app.models.recipients import Group, Recipient
from campaign_app.services import audience_choice, groups, recipient_bulk, recipient_index
from campaign_app.services.bulk_orders import Order
from tests import factories
from tests.people import Person


def spare(campaign: Campaign, group: Group) -> None:
    """Leave a group out of a campaign's audience."""
    whose = {"workspace_id": campaign.workspace_id, "campaign_id": campaign.id}
    factories.save(CampaignGroup(**whose, group_id=group.id, excluded=True))


def long_one(person: Person) -> BulkAction:
    """An action that was asked for and waits for a worker."""
    factories.recipient(person.workspace)
    bulk, _ = recipient_bulk.ask(person.workspace, Order(Action.TAG, tag="vip"), user=person.user)
    db.session.commit()
    return bulk


def test_a_short_action_is_done_and_offers_its_undo(alice: Person):
    ana = factories.recipient(alice.workspace, email="ana@x.com")
    form = {"action": "tag", "id": ana.id, "new_tag": "VIP"}
    page = alice.client.post("/recipients/bulk", data=form, follow_redirects=True)
    assert "Tagged 1 recipient with “vip”." in page.text
    [bulk] = recipient_bulk.recent(alice.workspace)
    assert f'action="/recipients/bulk/{bulk.id}/undo"' in page.text
    page = alice.client.post(f"/recipients/bulk/{bulk.id}/undo", follow_redirects=True)
    assert "1 brought back" in page.text
    assert "Undone: Tagged 1 recipient" in alice.client.get("/recipients/").text
    assert db.session.get_one(Recipient, ana.id).tags == []


def test_one_at_work_is_shown_after_a_reload_and_can_be_stopped(alice: Person, bob: Person):
    bulk = long_one(alice)
    assert f"/recipients/bulk/{bulk.id}/stop" in bob.client.get("/recipients/").text
    assert "Tag everybody who matched" in bob.client.get("/recipients/bulk/rows").text
    bob.client.post(f"/recipients/bulk/{bulk.id}/stop")
    db.session.refresh(bulk)
    assert bulk.state == "stopped"
    again = bob.client.post(f"/recipients/bulk/{bulk.id}/stop", follow_redirects=True)
    assert "It had ended already." in again.text


def test_what_is_over_leads_back_to_the_list_as_it_is_now(alice: Person):
    here = {"HX-Current-URL": "http://localhost/recipients/?tag=vip"}
    text = alice.client.get("/recipients/bulk/strip", headers=here).text
    assert 'href="/recipients/?tag=vip"' in text


def test_a_stranger_can_neither_stop_nor_undo(alice: Person, charlie: Person):
    bulk = long_one(alice)
    for verb in ("stop", "undo"):
        assert charlie.client.post(f"/recipients/bulk/{bulk.id}/{verb}").status_code == 404
    assert "No bulk actions yet" in charlie.client.get("/recipients/bulk/").text


def test_a_tag_that_is_no_word_is_refused(alice: Person):
    ana = factories.recipient(alice.workspace)
    form = {"action": "tag", "id": ana.id, "new_tag": "a,b"}
    page = alice.client.post("/recipients/bulk", data=form, follow_redirects=True)
    assert "without commas" in page.text
    assert not recipient_bulk.recent(alice.workspace)


@pytest.mark.parametrize(
    "unreadable",
    [
        {"status": "gone"},
        {"group": "0"},
        {"group": "9" * 20},
        {"segment": "seven"},
        {"tag": "x" * 51},
        {"q": "x" * 201},
    ],
)
def test_an_action_on_a_filter_that_cannot_be_read_is_refused(alice: Person, unreadable):
    factories.recipient(alice.workspace)
    form = {"action": "delete", "everybody": "1", **unreadable}
    page = alice.client.post("/recipients/bulk", data=form, follow_redirects=True)
    assert "The filter could not be read, so nothing was done" in page.text
    assert not recipient_bulk.recent(alice.workspace)


def test_an_action_on_a_filter_is_done_to_those_who_were_shown(alice: Person):
    factories.recipient(alice.workspace, tags=["big spender"])
    factories.recipient(alice.workspace)
    form = {"action": "delete", "everybody": "1", "tag": " Big  Spender", "group": "", "q": ""}
    alice.client.post("/recipients/bulk", data=form)
    assert [bulk.changed for bulk in recipient_bulk.recent(alice.workspace)] == [1]


def test_tags_and_segments_filter_the_list(alice: Person, charlie: Person):
    factories.recipient(alice.workspace, email="ana@x.com", tags=["vip"])
    factories.recipient(alice.workspace, email="bor@x.com")
    text = alice.client.get("/recipients/?tag=vip").text
    assert "ana@x.com" in text
    assert "bor@x.com" not in text
    assert "vip (1)" in text
    assert "Nobody here fits" in alice.client.get("/recipients/?tag=none").text
    assert "vip (" not in charlie.client.get("/recipients/").text


def test_a_segment_that_is_not_ours_is_not_found(alice: Person):
    assert alice.client.get("/recipients/?segment=999999999").status_code == 404


def test_a_search_says_that_words_are_still_being_indexed(alice: Person):
    factories.recipient(alice.workspace, attributes={"city": "Oslo"})
    page = alice.client.get("/recipients/?q=oslo").text
    assert "still being indexed (0% done)" in page
    assert "Nobody matches" in page
    recipient_index.step(alice.workspace.id)
    assert "All words are indexed" in alice.client.get("/recipients/words").text
    assert "person" in alice.client.get("/recipients/?q=oslo").text


def test_the_list_is_counted_to_the_end_behind_the_page(alice: Person, charlie: Person):
    factories.recipient(alice.workspace, status="bounced", tags=["vip"])
    path = "/recipients/count?status=bounced&tag=vip"
    assert 'data-counted="1"' in alice.client.get(path).text
    assert 'data-counted="0"' in charlie.client.get(path).text


def test_groups_are_merged_and_drafts_follow(alice: Person):
    ana, bor = (factories.recipient(alice.workspace) for _ in range(2))
    one = factories.group(alice.workspace, name="One", members=[ana])
    two = factories.group(alice.workspace, name="Two", members=[ana, bor])
    factories.campaign(alice.workspace, groups=[two], name="Autumn news")
    form = {"id": [one.id, two.id], "target_group": one.id}
    answer = alice.client.post("/groups/merge", data=form)
    assert answer.location == f"/groups/{one.id}"
    assert groups.sizes(alice.workspace) == {one.id: 2}
    assert groups.waiting_campaigns(alice.workspace, one) == ["Autumn news"]
    assert alice.client.get(f"/groups/{two.id}").status_code == 404


def test_whom_a_campaign_leaves_out_is_left_out_after_a_merge(alice: Person):
    ana = factories.recipient(alice.workspace)
    one, two = (factories.group(alice.workspace, members=[ana]) for _ in range(2))
    started = factories.campaign(alice.workspace, status="sending")
    spare(started, two)
    alice.client.post("/groups/merge", data={"id": [one.id, two.id], "target_group": one.id})
    assert list(audience_choice.of(alice.workspace, started).exclude_group_ids) == [one.id]


def test_groups_that_a_campaign_treats_differently_are_not_merged(alice: Person):
    one, two = (factories.group(alice.workspace) for _ in range(2))
    spare(factories.campaign(alice.workspace, groups=[one], name="Autumn news"), two)
    form = {"id": [one.id, two.id], "target_group": one.id}
    page = alice.client.post("/groups/merge", data=form, follow_redirects=True).text
    assert "“Autumn news” goes to one of these groups and leaves another out" in page
    assert alice.client.get(f"/groups/{two.id}").status_code == 200


def test_a_group_that_a_campaign_leaves_out_is_not_deleted(alice: Person):
    group = factories.group(alice.workspace)
    spare(factories.campaign(alice.workspace, name="Autumn news"), group)
    page = alice.client.post(f"/groups/{group.id}/delete", follow_redirects=True).text
    assert "“Autumn news” leaves its people out" in page
    assert groups.get(alice.workspace, group.id)


def test_a_merge_is_undone_with_its_groups(alice: Person):
    ana = factories.recipient(alice.workspace)
    one = factories.group(alice.workspace, name="One")
    two = factories.group(alice.workspace, name="Two", members=[ana])
    alice.client.post("/groups/merge", data={"id": [one.id, two.id], "target_group": one.id})
    factories.group(alice.workspace, name="two")
    [bulk] = recipient_bulk.recent(alice.workspace)
    page = alice.client.get("/recipients/bulk/").text
    assert "Merged 1 group into “One”, which added 1 recipient" in page
    alice.client.post(f"/recipients/bulk/{bulk.id}/undo")
    db.session.expire_all()
    assert (two.hidden, two.name) == (False, "Two (restored)")
    assert groups.sizes(alice.workspace) == {two.id: 1}


def test_a_merge_of_empty_groups_says_so_and_is_undone(alice: Person, charlie: Person):
    one, two = (factories.group(alice.workspace, name=name) for name in ("One", "Two"))
    campaign = factories.campaign(alice.workspace, groups=[two])
    form = {"id": [one.id, two.id], "target_group": one.id}
    page = alice.client.post("/groups/merge", data=form, follow_redirects=True).text
    assert "Merged 1 group into “One”, which added nobody." in page
    [bulk] = recipient_bulk.recent(alice.workspace)
    undo = f"/recipients/bulk/{bulk.id}/undo"
    assert f'action="{undo}"' in page
    assert charlie.client.post(undo).status_code == 404
    page = alice.client.post(undo, follow_redirects=True).text
    assert "Undid: merged 1 group" in page
    db.session.expire_all()
    assert not two.hidden
    assert list(audience_choice.of(alice.workspace, campaign).group_ids) == [two.id]


def test_merging_asks_for_two_groups_of_ours(alice: Person, charlie: Person):
    mine, other = factories.group(alice.workspace), factories.group(charlie.workspace)
    form = {"id": [mine.id, other.id], "target_group": mine.id}
    page = alice.client.post("/groups/merge", data=form, follow_redirects=True)
    assert "at least two groups" in page.text
    stranger = {"id": [mine.id], "target_group": other.id}
    assert alice.client.post("/groups/merge", data=stranger).status_code == 404


def test_a_group_is_copied_under_a_name_of_its_own(alice: Person, charlie: Person):
    ana = factories.recipient(alice.workspace)
    group = factories.group(alice.workspace, name="One", members=[ana])
    alice.client.post(f"/groups/{group.id}/copy", data={"name": "Two"})
    assert sorted(groups.sizes(alice.workspace).values()) == [1, 1]
    taken = alice.client.post(
        f"/groups/{group.id}/copy", data={"name": "two"}, follow_redirects=True
    )
    assert "called “two” already" in taken.text
    assert charlie.client.post(f"/groups/{group.id}/copy", data={"name": "x"}).status_code == 404


def test_groups_are_searched_without_case_and_accents(alice: Person):
    factories.group(alice.workspace, name="Žabari customers")
    factories.group(alice.workspace, name="Oslo")
    text = alice.client.get("/groups/?q=zabari", headers={"HX-Request": "true"}).text
    assert "Žabari customers" in text
    assert "Oslo" not in text
    assert "No group is called that" in alice.client.get("/groups/?q=rome").text
