"""Lists as files, and whose they are."""

from __future__ import annotations

import csv
import io

import openpyxl
import pytest
from flask import Flask
from werkzeug.test import TestResponse

from campaign_app.extensions import db
from campaign_app.models.recipients import ConsentAction, Suppression
from campaign_app.services import consent, suppressions
from campaign_app.services.consent import Why
from tests import factories
from tests.people import Person


def table(answer: TestResponse) -> list[list[str]]:
    assert answer.status_code == 200
    return list(csv.reader(io.StringIO(answer.get_data().decode("utf-8-sig"))))


def sheet(answer: TestResponse) -> list[list[object]]:
    book = openpyxl.load_workbook(io.BytesIO(answer.get_data()))
    return [[cell.value for cell in row] for row in book.worksheets[0].iter_rows()]


@pytest.fixture
def ana(alice: Person):
    return factories.recipient(
        alice.workspace, email="ana@example.com", attributes={"city": "=HYPERLINK(1)"}
    )


def test_recipients_have_a_column_for_each_attribute(alice: Person, ana):
    factories.recipient(alice.workspace, attributes={"plan": "pro"})
    head, first, second = table(alice.client.get("/exports/recipients.csv"))
    assert head[-2:] == ["city", "plan"]
    assert first[0] == "ana@example.com"
    assert (first[-2:], second[-2:]) == (["'=HYPERLINK(1)", ""], ["", "pro"])


def test_the_pages_filter_is_the_files(alice: Person, ana):
    factories.recipient(alice.workspace, status="unsubscribed", email="gone@example.com")
    _, *rows = sheet(alice.client.get("/exports/recipients.xlsx?status=unsubscribed"))
    assert [row[0] for row in rows] == ["gone@example.com"]
    _, *rows = table(alice.client.get("/exports/recipients.csv?q=ana@"))
    assert [row[0] for row in rows] == ["ana@example.com"]


def test_a_group_is_a_file_named_after_it(alice: Person, ana):
    group = factories.group(alice.workspace, members=[ana], name="Autumn")
    factories.recipient(alice.workspace)
    answer = alice.client.get(f"/exports/groups/{group.id}.csv")
    head, row = table(answer)
    assert row[head.index("groups")] == "Autumn"
    assert "Autumn.csv" in answer.headers["Content-Disposition"]


def test_whoever_is_not_mailed_has_the_reason_beside_them(alice: Person, charlie: Person, ana):
    factories.recipient(alice.workspace, email="bo@example.com")
    factories.recipient(alice.workspace, email="cy@example.com")
    for owner, email, reason in (
        (alice, "ana@example.com", "Asked by phone"),
        (alice, "bo@example.com", ""),
        (charlie, "cy@example.com", "No concern of Alice’s"),
    ):
        suppressions.put(owner.workspace, [email], reason=reason, source="page")
    db.session.commit()
    head, *rows = table(alice.client.get("/exports/recipients.csv"))
    place = head.index("suppressed")
    assert [row[place] for row in rows] == ["Asked by phone", "Suppressed", ""]


def test_a_search_longer_than_a_page_is_whole(alice: Person):
    factories.crowd(alice.workspace, 1_200)
    factories.recipient(alice.workspace, email="other@example.com")
    _, *rows = table(alice.client.get("/exports/recipients.csv?q=p"))
    assert [row[0] for row in rows] == [f"p{n}@example.com" for n in range(1_200)]


def test_a_list_longer_than_a_page_is_whole(alice: Person):
    group = factories.crowd(alice.workspace, 2_300)
    _, *rows = table(alice.client.get(f"/exports/groups/{group.id}.csv"))
    assert [row[0] for row in rows] == [f"p{n}@example.com" for n in range(2_300)]


def test_the_suppression_list_leaves_out_of_whom_only_a_hash_is_kept(alice: Person):
    factories.save(Suppression(workspace_id=alice.workspace.id, email="no@example.com"))
    factories.save(Suppression(workspace_id=alice.workspace.id, email=None, email_hash=b"x"))
    _, *rows = table(alice.client.get("/exports/suppressions.csv"))
    assert [row[0] for row in rows] == ["no@example.com"]


def test_the_consent_log_of_one_address(alice: Person, ana):
    for email in ("ana@example.com", "other@example.com"):
        why = Why("At the fair", "page", alice.user)
        consent.record(alice.workspace, [email], ConsentAction.SUBSCRIBED, why)
    db.session.commit()
    _, *rows = table(alice.client.get("/exports/consent.csv?email=ana@example.com"))
    assert [row[1:6] for row in rows] == [
        ["ana@example.com", "subscribed", "At the fair", "page", "Alice"]
    ]
    assert len(table(alice.client.get("/exports/consent.csv"))) == 3


@pytest.mark.parametrize("name", ["recipients", "suppressions", "consent"])
def test_a_stranger_exports_an_empty_list(alice: Person, charlie: Person, ana, name: str):
    factories.save(Suppression(workspace_id=alice.workspace.id, email="no@example.com"))
    consent.unsubscribe(alice.workspace, ana, reason="", source="page")
    db.session.commit()
    assert len(table(charlie.client.get(f"/exports/{name}.csv"))) == 1
    assert len(table(alice.client.get(f"/exports/{name}.csv"))) == 2


def test_a_download_that_is_read_slowly_keeps_no_transaction_open(live_app: Flask):
    alice = Person.enter(live_app, factories.membership())
    group = factories.crowd(alice.workspace, 2_300)
    answer = alice.client.get(f"/exports/groups/{group.id}.csv")
    pieces = answer.iter_encoded()
    assert b"p0@example.com" in next(pieces)
    assert not db.session().in_transaction()
    assert b"p2299@example.com" in b"".join(pieces)
