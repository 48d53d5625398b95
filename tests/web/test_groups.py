"""The groups' pages and the suppression list, as Alice, Bob and Charlie see them."""

from __future__ import annotations

from campaign_app.extensions import db
from campaign_app.services import groups, suppressions
from tests import factories
from tests.people import Person


def test_a_group_is_made_and_shown_with_its_size(alice: Person, bob: Person, charlie: Person):
    assert "No groups yet" in alice.client.get("/groups/").text
    alice.client.post("/groups/", data={"name": "Harvest"})
    assert "Harvest" in bob.client.get("/groups/").text
    assert "Harvest" not in charlie.client.get("/groups/").text


def test_a_taken_name_comes_back_with_the_reason(alice: Person):
    factories.group(alice.workspace, name="Autumn")
    answer = alice.client.post("/groups/", data={"name": "autumn"})
    assert answer.status_code == 422
    assert "called “autumn” already" in answer.text


def test_a_group_shows_its_members_only(alice: Person):
    ana = factories.recipient(alice.workspace, email="ana@x.com")
    factories.recipient(alice.workspace, email="bor@x.com")
    group = factories.group(alice.workspace, members=[ana])
    text = alice.client.get(f"/groups/{group.id}").text
    assert "ana@x.com" in text
    assert "bor@x.com" not in text


def test_an_empty_group_says_how_to_fill_it(alice: Person):
    group = factories.group(alice.workspace)
    text = alice.client.get(f"/groups/{group.id}").text
    assert "Nobody in this group yet" in text
    assert f'href="/groups/{group.id}/add"' in text


def test_an_action_in_a_group_leads_back_to_it(alice: Person):
    ana = factories.recipient(alice.workspace)
    group = factories.group(alice.workspace, members=[ana])
    form = {"action": "leave", "id": ana.id, "group": group.id, "in_group": "1"}
    answer = alice.client.post("/recipients/bulk", data={**form, "target_group": group.id})
    assert answer.location == f"/groups/{group.id}"
    assert groups.sizes(alice.workspace) == {}


def test_renaming_and_its_refusal(alice: Person):
    factories.group(alice.workspace, name="Taken")
    group = factories.group(alice.workspace, name="Old")
    answer = alice.client.post(f"/groups/{group.id}/rename", data={"name": "Taken"})
    assert (answer.status_code, "already" in answer.text) == (422, True)
    alice.client.post(f"/groups/{group.id}/rename", data={"name": "New"})
    db.session.refresh(group)
    assert group.name == "New"


def test_deleting_warns_of_campaigns_that_wait(alice: Person):
    ana = factories.recipient(alice.workspace)
    group = factories.group(alice.workspace, members=[ana])
    factories.campaign(alice.workspace, groups=[group], name="Spring")
    assert "Chosen for “Spring”" in alice.client.get(f"/groups/{group.id}").text
    answer = alice.client.post(f"/groups/{group.id}/delete", follow_redirects=True)
    assert "still on your list" in answer.text
    assert ana.email in alice.client.get("/recipients/").text


def test_pasting_leads_back_or_names_the_wrong_lines(alice: Person):
    group = factories.group(alice.workspace)
    add = f"/groups/{group.id}/add"
    good = alice.client.post(add, data={"addresses": "ana@x.com\nbor@x.com"})
    assert good.location == f"/groups/{group.id}"
    mixed = alice.client.post(add, data={"addresses": "cene@x.com\nrubbish"}).text
    assert "Line 2: “rubbish” has no @" in mixed
    assert groups.sizes(alice.workspace) == {group.id: 3}


def test_an_empty_paste_is_refused(alice: Person):
    group = factories.group(alice.workspace)
    answer = alice.client.post(f"/groups/{group.id}/add", data={"addresses": " "})
    assert (answer.status_code, "Paste at least one" in answer.text) == (422, True)


def test_hidden_groups_have_no_page(alice: Person):
    group = factories.group(alice.workspace, hidden=True, name="own audience")
    assert alice.client.get(f"/groups/{group.id}").status_code == 404
    assert "own audience" not in alice.client.get("/groups/").text


def test_a_stranger_sees_404(alice: Person, charlie: Person):
    group = factories.group(alice.workspace)
    for path in ("", "/add"):
        assert charlie.client.get(f"/groups/{group.id}{path}").status_code == 404
    for path in ("rename", "delete", "add"):
        assert charlie.client.post(f"/groups/{group.id}/{path}").status_code == 404


def test_an_address_is_suppressed_found_and_let_go(alice: Person, charlie: Person):
    page = "/recipients/suppressions/"
    alice.client.post(page, data={"email": "Ana@x.com", "reason": "Lawyer"})
    assert "Lawyer" in alice.client.get(f"{page}?q=an").text
    row = suppressions.find(alice.workspace, "ana@x.com")
    assert row is not None
    assert charlie.client.post(f"{page}{row.id}/remove").status_code == 404
    alice.client.post(f"{page}{row.id}/remove", data={"reason": "Mistake"})
    assert "No address is suppressed" in alice.client.get(page).text


def test_a_wrong_suppression_comes_back_with_the_reason(alice: Person):
    page = "/recipients/suppressions/"
    answer = alice.client.post(page, data={"email": "ana", "reason": "x"})
    assert (answer.status_code, "has no @" in answer.text) == (422, True)
    assert "Say why" in alice.client.post(page, data={"email": "ana@x.com"}).text


def test_addresses_are_removed_by_a_paste_that_says_what_came_of_it(alice: Person, charlie: Person):
    ana = factories.recipient(alice.workspace, email="ana@x.com")
    group = factories.group(alice.workspace, members=[ana])
    form = {"addresses": "Ana <ANA@x.com>\nbor@x.com\nnonsense"}
    text = alice.client.post(f"/groups/{group.id}/remove", data=form).text
    assert "1 removed from the group." in text
    assert "1 of these addresses was not in the group." in text
    assert "Line 3" in text
    assert groups.sizes(alice.workspace) == {}
    assert charlie.client.get(f"/groups/{group.id}/remove").status_code == 404
