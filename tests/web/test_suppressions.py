"""The suppression list in the browser: found, brought in, and let go with a reason."""

from __future__ import annotations

from io import BytesIO

from campaign_app.services import suppression_imports, suppressions
from tests.people import Person

PAGE = "/recipients/suppressions/"


def bring(person: Person, text: str, **values: object) -> str:
    data = {"file": (BytesIO(text.encode()), "old.csv"), "reason": "Old provider", **values}
    url = f"{PAGE}import"
    return person.client.post(url, data=data, follow_redirects=True).text


def test_a_short_file_is_done_at_once(alice: Person):
    page = bring(alice, "email,reason\nana@x.com,550 gone\nbob@x.com,\nnobody,\n")
    assert "old.csv: 2 added, 1 line is no address." in page
    assert "550 gone" in page
    assert "Old provider" in page
    assert "“nobody” has no @" in page


def test_a_pasted_list_works_too(alice: Person):
    url = f"{PAGE}import"
    alice.client.post(url, data={"addresses": "a@x.com\nb@x.com", "reason": "Asked"})
    assert suppressions.contains(alice.workspace, ["a@x.com", "b@x.com"]) == {"a@x.com", "b@x.com"}


def test_a_long_list_waits_for_the_background(alice: Person):
    lines = "\n".join(f"p{n}@x.com" for n in range(suppression_imports.AT_ONCE + 1))
    assert "1,001 lines are being added in the background" in bring(alice, lines)
    row = suppression_imports.latest(alice.workspace)[0]
    assert "0 of 1,001" in alice.client.get(f"{PAGE}imports").text
    assert suppression_imports.step(row.id)
    assert row.added == 1_001


def test_nothing_and_no_reason_are_refused(alice: Person):
    answer = alice.client.post(f"{PAGE}import", data={"addresses": "", "reason": "x"})
    assert (answer.status_code, "There is no address" in answer.text) == (422, True)
    answer = alice.client.post(f"{PAGE}import", data={"addresses": "a@x.com"})
    assert (answer.status_code, "Say why" in answer.text) == (422, True)


def test_letting_go_asks_why(alice: Person, charlie: Person):
    suppressions.put(alice.workspace, ["ana@x.com"], reason="550", source="smtp")
    row = suppressions.find(alice.workspace, "ana@x.com")
    assert row is not None
    url = f"{PAGE}{row.id}/remove"
    assert "Why may it be mailed again?" in alice.client.get(url).text
    assert alice.client.post(url).status_code == 422
    assert charlie.client.get(url).status_code == 404
    answer = alice.client.post(url, data={"reason": "Wrote to us"}, follow_redirects=True)
    assert "ana@x.com can be mailed again" in answer.text


def test_the_list_is_filtered_by_its_cause(alice: Person):
    suppressions.put(alice.workspace, ["ana@x.com"], reason="550", source="smtp")
    assert "ana@x.com" in alice.client.get(f"{PAGE}?cause=smtp").text
    assert "No address is suppressed for this cause" in alice.client.get(f"{PAGE}?cause=api").text
