"""Words of recipients are found once they are indexed, whoever wrote them down."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from campaign_app.extensions import db
from campaign_app.lib import clock
from campaign_app.models.imports import Import, ImportState
from campaign_app.models.recipients import Recipient
from campaign_app.services import recipient_filter, recipient_index, recipient_search, recipients
from campaign_app.services.recipient_filter import Filter
from tests import factories
from tests.people import Person


def index(person: Person) -> None:
    while recipient_index.step(person.workspace.id):
        pass


def ana(person: Person, **attributes: object) -> Recipient:
    return factories.recipient(
        person.workspace, email="a.kos@mail.example", name="Ana Žižek-Kos", attributes=attributes
    )


def found(person: Person, search: str) -> bool:
    return bool(recipient_search.found(person.workspace, Filter(search)))


@pytest.mark.parametrize(
    "search",
    ["berlin", "BERLIN mitte", "mitte ana", "zizek", "ŽIŽEK", "kos žiž", "2024-05-03", "berl",
     "mail.example berlin", "münchner", "munch", "c-77", "ana istanbul"],
)  # fmt: skip
def test_words_of_everything_known_are_found(alice: Person, search: str):
    ana(
        alice,
        city="Berlin Mitte",
        since="2024-05-03",
        street="Münchner Str.",
        n="C-77",
        o="İstanbul",
    )
    assert not found(alice, f"nobody {search}")
    index(alice)
    assert found(alice, search)


@pytest.mark.parametrize("search", ["erlin", "berlin hamburg", "c-7", "be", "city", "…", "%", "'"])
def test_what_is_not_a_word_of_theirs_finds_nobody(alice: Person, search: str):
    ana(alice, city="Berlin", n="C-77")
    index(alice)
    assert not found(alice, search)


@pytest.mark.parametrize("odd", ['a "quoted" word', "line\nbreak", "back\\slash", "tab\tstop", "'"])
def test_odd_characters_part_words(alice: Person, odd: str):
    ana(alice, note=odd)
    index(alice)
    for word in odd.replace("\\", " ").replace('"', " ").replace("'", " ").split():
        assert found(alice, f"ana {word}")


def test_a_change_is_found_and_what_was_before_is_not(alice: Person):
    row = ana(alice, city="Berlin")
    index(alice)
    recipients.save_attributes(row, [("city", "Oslo")])
    db.session.commit()
    assert recipient_index.progress(alice.workspace).waiting == 1
    index(alice)
    assert found(alice, "ana oslo")
    assert not found(alice, "ana berlin")


def test_tags_are_found_as_long_as_somebody_has_them(alice: Person, charlie: Person):
    row = ana(alice, city="Berlin")
    row.tags = ["big spender", "vip"]
    db.session.commit()
    index(alice)
    assert found(alice, "berlin vip")
    assert found(alice, "big spender")
    assert not found(charlie, "vip")
    row.tags = ["big spender"]
    db.session.commit()
    index(alice)
    assert found(alice, "spender")
    assert not found(alice, "vip")


def test_no_writer_is_forgotten(alice: Person):
    ana(alice, city="Berlin")
    index(alice)
    statement = 'UPDATE recipients SET attributes = \'{"city": "Rome"}\' WHERE workspace_id = :id'
    db.session.execute(text(statement), {"id": alice.workspace.id})
    index(alice)
    assert found(alice, "ana rome")


def test_a_status_alone_indexes_nobody_again(alice: Person):
    row = ana(alice)
    index(alice)
    row.status = "bounced"
    db.session.commit()
    assert recipient_index.progress(alice.workspace).waiting == 0


def test_a_deleted_persons_words_are_forgotten(alice: Person):
    row = ana(alice, city="Berlin")
    index(alice)
    recipients.delete_one(alice.workspace, row, user=alice.user)
    index(alice)
    left = db.session.scalar(
        text("SELECT count(*) FROM recipient_words WHERE recipient_id = :id"), {"id": row.id}
    )
    assert left == 0


def test_progress_tells_how_many_wait(alice: Person, charlie: Person):
    people = [factories.recipient(alice.workspace) for _ in range(4)]
    assert recipient_index.progress(alice.workspace).percent == 0
    index(alice)
    people[0].name = "Zoë"
    db.session.commit()
    progress = recipient_index.progress(alice.workspace)
    assert (progress.waiting, progress.total, progress.percent) == (1, 4, 75)
    assert recipient_index.progress(charlie.workspace).percent == 100


def test_an_import_at_work_is_waited_for(alice: Person):
    factories.recipient(alice.workspace)
    assert recipient_index.waiting() == [alice.workspace.id]
    place = {"workspace_id": alice.workspace.id, "storage_key": "a", "size": 10}
    row = factories.save(Import(**place, filename="a.csv", state=ImportState.RUNNING))
    assert recipient_index.waiting() == []
    row.state, row.finished_at = ImportState.DONE, clock.now() - timedelta(seconds=1)
    db.session.commit()
    assert recipient_index.waiting() == [alice.workspace.id]


def test_filters_and_words_add_up(alice: Person):
    bounced = factories.recipient(
        alice.workspace, attributes={"city": "Berlin"}, status="bounced", tags=["vip"]
    )
    factories.recipient(alice.workspace, attributes={"city": "Berlin"})
    index(alice)
    chosen = Filter("berlin", status=bounced.status, tag="vip")
    assert list(recipient_search.found(alice.workspace, chosen)) == [bounced.id]
    assert recipient_filter.count_to_the_end(alice.workspace, chosen) == 1
    assert recipient_filter.count_to_the_end(alice.workspace, Filter("berlin")) == 2


def test_a_stranger_finds_nothing_by_the_same_words(alice: Person, charlie: Person):
    ana(alice, city="Berlin")
    factories.recipient(charlie.workspace, attributes={"city": "Bern"})
    index(alice)
    index(charlie)
    assert not found(charlie, "berlin")
    assert found(charlie, "bern")
