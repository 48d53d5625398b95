"""The pages of saved templates."""

from __future__ import annotations

from campaign_app.extensions import db
from campaign_app.models.templates import Template
from tests import factories
from tests.people import Person

FORM = {"name": "News", "subject": "Hi {{ name }}", "html": "<p>Hello {{ name }}</p>"}


def test_an_empty_list_leads_to_the_first_template(alice: Person):
    page = alice.client.get("/templates/").text
    assert "No template yet" in page
    assert "/templates/new" in page


def test_a_template_is_written_shown_and_listed(alice: Person):
    answer = alice.client.post("/templates/new", data=FORM)
    row = db.session.query(Template).filter_by(workspace_id=alice.workspace.id).one()
    assert answer.location == f"/templates/{row.id}"
    assert "Hi Alice" in alice.client.get(answer.location).text
    assert "Hello Alice" in alice.client.get(f"/templates/{row.id}/preview.html").text
    assert "News" in alice.client.get("/templates/").text
    assert "Nothing found" in alice.client.get("/templates/?q=other").text


def test_mistakes_are_shown_and_nothing_typed_is_lost(alice: Person):
    factories.template(alice.workspace, name="News")
    taken = alice.client.post("/templates/new", data=FORM)
    assert taken.status_code == 422
    assert "There is a template called “News” already." in taken.text
    assert "Hi {{ name }}" in taken.text
    broken = alice.client.post("/templates/new", data={**FORM, "name": "B", "html": "{{ name"})
    assert "Line 1" in broken.text


def test_a_campaign_is_saved_as_a_template(alice: Person):
    campaign = factories.campaign(alice.workspace, name="Autumn", subject="Leaves")
    page = alice.client.get(f"/templates/new?campaign={campaign.id}").text
    assert 'value="Autumn"' in page
    assert 'value="Leaves"' in page


def test_a_template_is_changed_and_deleted(alice: Person):
    row = factories.template(alice.workspace, name="Before")
    alice.client.post(f"/templates/{row.id}/edit", data={**FORM, "name": "After"})
    db.session.refresh(row)
    assert row.name == "After"
    page = alice.client.post(f"/templates/{row.id}/delete", follow_redirects=True).text
    assert "“After” is deleted." in page


def test_a_stranger_sees_nothing_of_it(alice: Person, charlie: Person):
    row, campaign = factories.template(alice.workspace), factories.campaign(alice.workspace)
    for path in ("", "/edit", "/preview.html"):
        assert charlie.client.get(f"/templates/{row.id}{path}").status_code == 404
    for action in ("edit", "delete"):
        assert charlie.client.post(f"/templates/{row.id}/{action}").status_code == 404
    assert charlie.client.get(f"/templates/new?campaign={campaign.id}").status_code == 404
