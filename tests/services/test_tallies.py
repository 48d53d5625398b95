"""Counts are exact at every moment, whoever writes, and nobody waits for them."""

from __future__ import annotations

import threading

import pytest
from flask import Flask
from sqlalchemy import Connection, func, select, text
from sqlalchemy.exc import OperationalError

from campaign_app.extensions import db
from campaign_app.models.people import Workspace
from campaign_app.models.recipients import Group, GroupMember, Recipient, RecipientStatus
from campaign_app.models.tallies import Tally
from campaign_app.services import groups, recipients, tallies
from tests import factories
from tests.people import Person

ADD = text(
    "INSERT INTO group_members (workspace_id, group_id, recipient_id)"
    " SELECT workspace_id, :group, id FROM recipients WHERE id % 3 = :rest ON CONFLICT DO NOTHING"
)
REMOVE = text("DELETE FROM group_members WHERE group_id = :group AND recipient_id % 5 = :rest")
MOVE = text("UPDATE recipients SET status = :status WHERE id % 4 = :rest")


def counted(workspace: Workspace) -> tuple[dict[int, int], dict[str, int]]:
    """What is there, counted row by row."""
    members = select(GroupMember.group_id, func.count()).group_by(GroupMember.group_id)
    statuses = select(Recipient.status, func.count()).group_by(Recipient.status)
    whose = GroupMember.workspace_id == workspace.id
    mine = Recipient.workspace_id == workspace.id
    return (
        {row[0]: row[1] for row in db.session.execute(members.where(whose))},
        {row[0]: row[1] for row in db.session.execute(statuses.where(mine))},
    )


def told(workspace: Workspace, rows: list[Group]) -> tuple[dict[int, int], dict[str, int]]:
    """What the tallies say."""
    statuses = tallies.by_status(workspace)
    return (
        tallies.of_groups(workspace, [row.id for row in rows]),
        {status: number for status, number in statuses.items() if number},
    )


def test_statuses_and_tags_are_counted(alice: Person, charlie: Person):
    ana = factories.recipient(alice.workspace, tags=["new", "vip"])
    factories.recipient(alice.workspace, tags=["vip"], status="bounced")
    assert tallies.by_tag(alice.workspace) == {"new": 1, "vip": 2}
    ana.tags, ana.status = ["old"], RecipientStatus.BOUNCED
    db.session.commit()
    assert tallies.by_tag(alice.workspace) == {"old": 1, "vip": 1}
    assert tallies.by_status(alice.workspace)[RecipientStatus.BOUNCED] == 2
    assert not any(tallies.by_status(charlie.workspace).values())
    assert tallies.by_tag(charlie.workspace) == {}


def test_a_deleted_recipient_leaves_every_count(alice: Person):
    ana = factories.recipient(alice.workspace, tags=["vip"])
    group = factories.group(alice.workspace, members=[ana])
    recipients.delete_one(alice.workspace, ana, user=alice.user)
    assert groups.sizes(alice.workspace) == {}
    assert tallies.by_tag(alice.workspace) == {}
    assert tallies.of_group(alice.workspace, group.id) == 0


def test_folding_changes_no_count(alice: Person):
    rows = [factories.recipient(alice.workspace) for _ in range(5)]
    group = factories.group(alice.workspace, members=rows)
    groups.leave(alice.workspace, group, [rows[0].id])
    before = told(alice.workspace, [group])
    tallies.fold(alice.workspace.id)
    assert told(alice.workspace, [group]) == before == counted(alice.workspace)
    mine = Tally.workspace_id == alice.workspace.id
    assert db.session.scalar(select(func.count()).select_from(Tally).where(mine)) == 2


def test_what_is_left_of_the_dead_is_swept_and_nothing_else(alice: Person, charlie: Person):
    rows = [factories.recipient(owner.workspace, tags=["vip"]) for owner in (alice, charlie)]
    gone, kept = (factories.group(alice.workspace, members=rows[:1]) for _ in range(2))
    groups.delete_one(alice.workspace, gone, user=alice.user)
    db.session.execute(text("DELETE FROM workspaces WHERE id = :id"), {"id": charlie.workspace.id})
    tallies.sweep()
    left = set(db.session.execute(text("SELECT workspace_id, group_id FROM tallies")).all())
    assert left == {(alice.workspace.id, 0), (alice.workspace.id, kept.id)}
    assert tallies.by_tag(alice.workspace) == {"vip": 1}
    assert groups.sizes(alice.workspace) == {kept.id: 1}


class Crowd:
    """People and groups on a database of its own, where commits are real."""

    def __init__(self) -> None:
        self.workspace = factories.workspace()
        rows = [Recipient(workspace_id=self.workspace.id, email=f"p{n}@x.com") for n in range(60)]
        db.session.add_all(rows)
        self.groups = [factories.group(self.workspace) for _ in range(3)]
        db.session.commit()
        self.workspace_id = self.workspace.id  # threads cannot share the session that reads them
        self.group_ids = [group.id for group in self.groups]

    def write(self, number: int) -> None:
        """Change groups and statuses again and again, over a connection of its own."""
        with db.engine.connect() as connection:
            for turn in range(number, number + 12):
                try:
                    self._once(connection, turn)
                except OperationalError:  # two of them wanted the same members: one gives way
                    connection.rollback()

    def _once(self, connection: Connection, turn: int) -> None:
        group = self.group_ids[turn % 3]
        connection.execute(ADD, {"group": group, "rest": turn % 3})
        connection.execute(REMOVE, {"group": group, "rest": turn % 5})
        if turn % 5:
            connection.commit()
        else:
            connection.rollback()

    def move(self) -> None:
        """Change statuses meanwhile, one statement after the other."""
        with db.engine.connect() as connection:
            for turn in range(20):
                status = list(RecipientStatus)[turn % 4].value
                connection.execute(MOVE, {"status": status, "rest": turn % 4})
                connection.commit()


@pytest.fixture
def crowd(live_app: Flask) -> Crowd:
    return Crowd()


def test_counts_stay_exact_while_many_write_and_somebody_folds(crowd: Crowd, live_app: Flask):
    def fold() -> None:
        with live_app.app_context():
            for _ in range(20):
                tallies.fold(crowd.workspace_id)
                db.session.commit()

    def within(work: object, *arguments: int) -> None:
        with live_app.app_context():
            work(*arguments)

    work = [(crowd.write, 0), (crowd.write, 1), (crowd.write, 2), (crowd.move,)]
    threads = [threading.Thread(target=within, args=one) for one in work]
    threads += [threading.Thread(target=fold) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told(crowd.workspace, crowd.groups) == counted(crowd.workspace)


def test_nobody_waits_for_a_count(crowd: Crowd):
    with db.engine.connect() as one, db.engine.connect() as other:
        first, second = (group.id for group in crowd.groups[:2])
        other.execute(text("SET lock_timeout = '20s'"))
        one.execute(ADD, {"group": first, "rest": 0})
        other.execute(ADD, {"group": second, "rest": 1})
        one.execute(ADD, {"group": second, "rest": 0})
        other.execute(ADD, {"group": first, "rest": 1})
        one.commit()
        other.commit()
    assert told(crowd.workspace, crowd.groups) == counted(crowd.workspace)
