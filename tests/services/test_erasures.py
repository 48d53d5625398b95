"""Erasing a person: nothing names them afterwards, and nothing brings them back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import String, cast, func, select, text

from campaign_app.extensions import Base, db
from campaign_app.imports.prepare import Rejected
from campaign_app.imports.rejects import RejectsFile
from campaign_app.lib import clock
from campaign_app.lib.errors import Conflict, Invalid
from campaign_app.models.erasures import Erasure
from campaign_app.models.idempotency import IdempotencyKey
from campaign_app.models.imports import Import, ImportBatch
from campaign_app.models.messages import Message
from campaign_app.models.people import Workspace
from campaign_app.models.recipient_bulk import Action, BulkAction, RecipientChange
from campaign_app.models.recipients import Recipient, WaitingAddresses
from campaign_app.models.signups import Signup
from campaign_app.services import (
    audit,
    consent,
    erasures,
    mentions,
    pasting,
    personal_data,
    recipients,
    suppressions,
)
from campaign_app.tasks import jobs
from tests import factories, mailings
from tests.people import Person
from tests.services.test_signups import ask, make_form

ANA = "ana@example.com"
OTHERS = ("diana@example.com", "ana@example.com.au", "x-ana@example.com")
"""Addresses that hold Ana's, and are not hers."""


@pytest.fixture
def ana(alice: Person, app: Flask) -> Recipient:
    """Ana left traces wherever somebody can."""
    ana = recipients.add(
        alice.workspace, email=ANA, name="Ana", pairs=[("city", "Split")], user=alice.user
    )
    factories.group(alice.workspace, members=[ana])
    mail(alice, ana)
    consent.unsubscribe(alice.workspace, ana, reason=f"{ANA} wrote to us", source="page")
    ask(make_form(alice), email=ANA)
    write_down(alice, ana)
    import_from(alice, ana, Path(app.extensions["stores"].state_path))
    act_upon(alice, ana)
    return ana


def mail(alice: Person, ana: Recipient) -> None:
    """She is mailed, opens and clicks, and a server names her in its refusal."""
    sent = factories.message(factories.campaign(alice.workspace), ana)
    mailings.refuse(sent, f"5.2.2 <{ANA}> is full")
    for table in ("open_events", "click_events"):
        more = ", link_number" if table == "click_events" else ""
        db.session.execute(
            text(
                f"INSERT INTO {table} (workspace_id, campaign_id, message_id, ip{more})"
                f" SELECT workspace_id, campaign_id, id, '192.0.2.7'{', 1' if more else ''}"
                " FROM messages"
            )
        )


def import_from(alice: Person, ana: Recipient, state: Path) -> None:
    """What an import has kept of her: examples, what an undo needs, a file of rejected rows."""
    place = {"workspace_id": alice.workspace.id}
    done = factories.save(
        Import(**place, filename="a.csv", storage_key="a", size=1, rejected_key="rejected/e.csv")
    )
    done.report = {"examples": {"duplicates": [{"value": ANA.upper()}]}}
    former = {"names": ["Bo", "Ana"], "attributes": [{}, {"mail": ANA}], "tags": ["{}", "{}"]}
    rest = {"made": [], "joined": [], "joined_groups": [], "updated": [clock.now()] * 2}
    batch = {**place, "import_id": done.id, "number": 1, "changed": [1, ana.id]}
    factories.save(ImportBatch(**batch, **former, **rest))
    with RejectsFile(state / "rejected/e.csv") as file:
        file.add([rejected(ANA), rejected("bo@example")])


def act_upon(alice: Person, ana: Recipient) -> None:
    """What a bulk action and a program have kept of her."""
    place = {"workspace_id": alice.workspace.id}
    bulk = factories.save(BulkAction(**place, action=Action.DELETE, order={"search": ANA}))
    factories.save(
        RecipientChange(**place, bulk_id=bulk.id, recipient_id=ana.id, email=ANA, former={})
    )
    group = factories.group(alice.workspace)
    addresses = "\n".join(["bo@example.com", ANA, *OTHERS])
    factories.save(
        WaitingAddresses(**place, group_id=group.id, addresses=addresses, reason="", source="api")
    )
    factories.save(IdempotencyKey(**place, key="k", request_digest="d", answer=f'{{"to":"{ANA}"}}'))


def write_down(alice: Person, ana: Recipient) -> None:
    """What colleagues have written of her, at a friend's and in the log."""
    factories.recipient(alice.workspace, email=OTHERS[0], attributes={"friend": f"to={ANA}."})
    audit.record(alice.workspace, "note", f"{', '.join(OTHERS)} and {ana.email}", user=alice.user)
    db.session.commit()


def rejected(value: str) -> Rejected:
    return Rejected(row=2, column="email", value=value, reason="Twice", remedy="Remove it.")


def erase(owner: Person, email: str = ANA) -> Erasure:
    """All rounds, as the worker does them."""
    erasure = erasures.begin(owner.workspace, email, typed=email, user=owner.user)
    db.session.commit()
    for _ in range(erasures.ROUNDS):
        erasure.due_at = clock.now()
        db.session.commit()
        jobs.erase_people()
        db.session.expire_all()
    return erasure


def places(needle: str) -> Iterator[str]:
    """Every column of every table where the words stand, as a dump of the database has them."""
    for table in Base.metadata.sorted_tables:
        for column in table.columns:
            words = func.lower(cast(column, String)).contains(needle, autoescape=True)
            found = select(func.count()).select_from(table).where(words)
            if db.session.scalar(found.execution_options(all_workspaces=True)):
                yield f"{table.name}.{column.name}"


def test_nothing_names_the_person_afterwards(alice: Person, ana: Recipient, app: Flask):
    before = set(places(ANA))
    assert len(before) >= 14, before
    recipient_id = ana.id
    erase(alice)
    with_others_apart = [place for place in places(ANA) if not only_others(place)]
    assert with_others_apart == []
    assert list(places("192.0.2.7")) == []
    assert personal_data_is_empty(alice.workspace)
    kept = (Path(app.extensions["stores"].state_path) / "rejected/e.csv").read_text("utf-8-sig")
    assert (ANA in kept, "bo@example" in kept) == (False, True)
    assert recipient_id not in db.session.scalars(text("SELECT id FROM recipients")).all()


def only_others(place: str) -> bool:
    """Whether a column names nobody but those whose addresses hold Ana's."""
    table, column = place.split(".")
    words = " ".join(map(str, db.session.scalars(text(f"SELECT {column}::text FROM {table}"))))
    for other in OTHERS:
        words = words.lower().replace(other, "")
    return ANA not in words


def personal_data_is_empty(workspace: Workspace) -> bool:
    found = personal_data.gather(workspace, ANA)
    return [kind for kind, rows in found.items() if rows] == ["suppression"]


def test_others_whose_addresses_look_alike_stay(alice: Person, ana: Recipient):
    erase(alice)
    waiting = db.session.query(WaitingAddresses).filter_by(workspace_id=alice.workspace.id).one()
    assert waiting.addresses.splitlines() == ["bo@example.com", *OTHERS]
    assert any(OTHERS[0] in entry.summary for entry, _ in audit.recent(alice.workspace))
    batch = db.session.query(ImportBatch).filter_by(workspace_id=alice.workspace.id).one()
    assert batch.names == ["Bo", ""]


def test_reports_keep_their_numbers(alice: Person, ana: Recipient):
    erase(alice)
    message = db.session.query(Message).filter_by(workspace_id=alice.workspace.id).one()
    assert (message.status, message.address) == ("sent", "erased")


def test_pasting_the_address_again_brings_nobody_back(alice: Person, ana: Recipient):
    erase(alice)
    group = factories.group(alice.workspace)
    lines = f"bo@example.com\nAna <{ANA.upper()}>"
    pasted = pasting.paste(alice.workspace, group, text=lines, user=alice.user)
    assert (pasted.new, pasted.joined, pasted.suppressed) == (1, 1, 0)
    assert [(one.line, "was erased" in one.message) for one in pasted.problems] == [(2, True)]
    assert suppressions.contains(alice.workspace, [ANA]) == {ANA}
    assert list(places(ANA)) == list(places(OTHERS[0]))


def test_an_import_under_way_brings_nobody_back(alice: Person, ana: Recipient):
    running = db.session.query(Import).filter_by(workspace_id=alice.workspace.id).one()
    running.started_at = clock.now() - timedelta(minutes=1)
    erasure = erasures.begin(alice.workspace, ANA, typed=ANA, user=alice.user)
    db.session.commit()
    for email in (ANA, "bo@example.com"):
        factories.recipient(alice.workspace, email=email, import_id=running.id)
    jobs.erase_people()
    left = db.session.query(Recipient.email).filter_by(workspace_id=alice.workspace.id)
    assert erasure.rounds == 1
    assert {row.email for row in left} == {"bo@example.com", OTHERS[0]}


def test_only_the_hash_is_kept_and_it_is_said_that_it_was_done(alice: Person, ana: Recipient):
    erasure = erase(alice)
    assert (erasure.email, erasure.recipient_ids, erasure.due_at) == (None, [], None)
    assert erasure.finished_at
    suppression = suppressions.find(alice.workspace, ANA)
    assert suppression
    assert (suppression.email, suppression.source) == (None, "erasure")


def test_the_address_is_typed_by_who_erases(alice: Person, ana: Recipient):
    with pytest.raises(Invalid, match="whole address"):
        erasures.begin(alice.workspace, ANA, typed="ana@example", user=alice.user)
    erasures.begin(alice.workspace, ANA, typed=f" {ANA.upper()} ", user=alice.user)
    with pytest.raises(Conflict, match="already"):
        erasures.begin(alice.workspace, ANA, typed=ANA, user=alice.user)


def test_a_neighbour_keeps_what_is_theirs(alice: Person, charlie: Person, ana: Recipient):
    theirs = factories.recipient(charlie.workspace, email=ANA)
    consent.unsubscribe(charlie.workspace, theirs, reason=f"for {ANA}", source="page")
    sent = factories.message(factories.campaign(charlie.workspace), theirs)
    db.session.commit()
    erase(alice)
    found = personal_data.gather(charlie.workspace, ANA)
    assert {kind for kind, rows in found.items() if rows} == {"recipient", "consent", "messages"}
    assert sent.address == ANA


def test_somebody_who_left_the_list_is_found_by_their_messages(alice: Person):
    bo = factories.recipient(alice.workspace, email="bo@example.com")
    sent = factories.message(factories.campaign(alice.workspace), bo)
    recipients.delete_one(alice.workspace, bo, user=alice.user)
    db.session.commit()
    assert len(personal_data.gather(alice.workspace, "bo@example.com")["messages"]) == 1
    erase(alice, "bo@example.com")
    assert sent.address == "erased"


def test_what_a_dead_planner_left_is_nobodys_message(alice: Person, ana: Recipient):
    campaign = factories.campaign(alice.workspace)
    left = factories.message(campaign, ana)
    campaign.planned_at = None
    db.session.commit()
    messages = personal_data.gather(alice.workspace, ANA)["messages"]
    assert messages
    assert left.id not in {row["message"] for row in messages}


def test_an_underscore_stands_for_no_other_sign(alice: Person):
    gone = factories.recipient(alice.workspace, email="ana.k@example.com")
    sent = factories.message(factories.campaign(alice.workspace), gone)
    recipients.delete_one(alice.workspace, gone, user=alice.user)
    assert erasures.known_ids(alice.workspace, "ana.k@example.com") == [sent.recipient_id]
    assert erasures.known_ids(alice.workspace, "ana_k@example.com") == []
    assert not personal_data.gather(alice.workspace, "ana_k@example.com")["messages"]


def test_two_workers_do_not_share_a_round(alice: Person, ana: Recipient):
    erasure = erasures.begin(alice.workspace, ANA, typed=ANA, user=alice.user)
    db.session.commit()
    assert erasures.claim(erasure.id)
    assert erasures.claim(erasure.id) is None


def test_a_request_that_came_meanwhile_is_somebody_new(alice: Person):
    form = make_form(alice)
    erasure = erasures.begin(alice.workspace, ANA, typed=ANA, user=alice.user)
    db.session.commit()
    ask(form, email=ANA)
    jobs.erase_people()
    assert erasure.rounds == 1
    assert db.session.query(Signup).filter_by(workspace_id=alice.workspace.id).count() == 1


def test_what_is_left_alone_exists():
    names = set(Base.metadata.tables) | {
        f"{table.name}.{column.name}"
        for table in Base.metadata.sorted_tables
        for column in table.columns
    }
    stale = mentions.LEFT_ALONE.keys() - names
    assert not stale, f"Take these off the list: {stale}"
