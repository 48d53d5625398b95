"""The form of a segment, with and without scripts, and the list."""

from __future__ import annotations

from typing import Any

from campaign_app.models.segments import Segment
from campaign_app.services import segments
from tests import factories
from tests.people import Person

ROW = {"block": "", "field": "attribute:city", "test": "is", "name": "", "value": "Ljubljana"}


def form(*rows: dict[str, str], **values: Any) -> dict[str, Any]:
    """What a browser sends: five lists of one length."""
    every = rows or (ROW,)
    lists = {key: [{**ROW, **row}[key] for row in every] for key in ROW}
    return {"segment_name": "Locals", "match": "all", **lists, **values}


def save(person: Person, *rows: dict[str, str], **values: Any) -> Segment:
    answer = person.client.post("/segments/new", data=form(*rows, **values))
    assert answer.status_code == 302, answer.text
    return segments.every(person.workspace)[-1]


def test_a_segment_is_written_and_read_again(alice: Person):
    either = [{"block": "0", "value": "Paris"}, {"block": "0", "field": "name", "test": "known"}]
    segment = save(alice, {}, *either, **{"match-0": "any"})
    assert [one["match"] for one in segment.rules["rules"] if "match" in one] == ["any"]
    page = alice.client.get(f"/segments/{segment.id}").text
    assert page.count('name="field"') == 3
    assert "city is Ljubljana and (city is Paris or name is known)" in " ".join(
        alice.client.get("/segments/").text.split()
    )


def test_rows_are_added_and_removed_with_what_is_in_them(alice: Person):
    added = alice.client.post("/segments/rules", data=form(do="add:0", match="any")).text
    assert (added.count('name="field"'), 'value="Ljubljana"' in added) == (2, True)
    block = alice.client.post("/segments/rules", data=form(do="block")).text
    assert "Any of these" in block
    gone = alice.client.post("/segments/rules", data=form(do="drop:0")).text
    assert gone.count('name="field"') == 0


def test_another_field_brings_its_own_tests(alice: Person):
    html = alice.client.post("/segments/rules", data=form({"field": "joined"})).text
    assert "in the last" in html
    assert 'type="date"' in html


def test_without_scripts_a_button_adds_a_row(alice: Person):
    answer = alice.client.post("/segments/new", data=form(do="add"))
    assert (answer.status_code, answer.text.count('name="field"')) == (200, 2)
    assert not segments.every(alice.workspace)


def test_wrong_rules_come_back_with_what_is_wrong(alice: Person):
    wrong = form({"test": "more", "value": "many"}, segment_name="")
    answer = alice.client.post("/segments/new", data=wrong)
    assert answer.status_code == 422
    assert "Write a number" in answer.text
    assert 'value="many"' in answer.text
    nameless = alice.client.post("/segments/new", data=form(segment_name=" "))
    assert "Give it a name" in nameless.text


def test_what_is_no_number_harms_no_page(alice: Person):
    odd = form({"field": "campaign", "test": "opened", "value": "²"}, do="drop:" + "9" * 5_000)
    assert alice.client.post("/segments/rules", data=odd).status_code == 200


def test_it_counts_while_it_is_written(alice: Person):
    factories.recipient(alice.workspace, attributes={"city": "LJUBLJANA"})
    factories.recipient(alice.workspace)
    counted = " ".join(alice.client.post("/segments/count", data=form()).text.split())
    assert ">1</div>" in counted
    assert "of 2 recipients as of now" in counted
    unfinished = alice.client.post("/segments/count", data=form({"value": ""})).text
    assert "Complete the rules" in unfinished


def test_copying_and_deleting(alice: Person):
    segment = save(alice)
    copied = alice.client.post(f"/segments/{segment.id}/copy", follow_redirects=True)
    assert "Locals (copy)" in copied.text
    alice.client.post(f"/segments/{segment.id}/delete")
    assert [one.name for one in segments.every(alice.workspace)] == ["Locals (copy)"]


def test_a_segment_in_use_is_kept_and_its_users_are_named(alice: Person):
    segment = save(alice)
    campaign = factories.campaign(alice.workspace, name="Autumn")
    edited = {"name": "Autumn", "exclude_segment_ids": [segment.id], "one_per_mailbox": "y"}
    assert alice.client.post(f"/campaigns/{campaign.id}/edit", data=edited).status_code == 302
    answer = alice.client.post(f"/segments/{segment.id}/delete", follow_redirects=True)
    assert "part of “Autumn”" in answer.text
    assert segments.every(alice.workspace) == [segment]


def test_the_editor_counts_what_is_ticked(alice: Person):
    people = [factories.recipient(alice.workspace, email=f"{e}@gmail.com") for e in ("ab", "a.b")]
    group = factories.group(alice.workspace, members=people)
    ticked = {"group_ids": [group.id], "one_per_mailbox": "y", "direct": "x@x.com\ny@x.com"}
    page = " ".join(alice.client.post("/campaigns/count", data=ticked).text.split())
    assert "<dt>chosen</dt><dd>2</dd>" in page
    assert "other spellings of a mailbox</dt><dd>1</dd>" in page
    assert "2 addresses written below" in page


def test_a_stranger_sees_404(alice: Person, charlie: Person):
    segment = save(alice)
    for path in ("", "/count"):
        assert charlie.client.get(f"/segments/{segment.id}{path}").status_code == 404
    for path in ("", "/copy", "/delete"):
        answer = charlie.client.post(f"/segments/{segment.id}{path}", data=form())
        assert answer.status_code == 404
    campaign = factories.campaign(alice.workspace)
    assert charlie.client.post(f"/campaigns/{campaign.id}/count").status_code == 404
    assert "Locals" not in charlie.client.get("/segments/").text
