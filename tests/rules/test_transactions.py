"""Who may commit, who may ask the database, and who may write which rows."""

from __future__ import annotations

import ast
import re

from tests.rules import source

DOORS = ("web", "api", "public", "cli", "tasks")
"""Tasks are doors, too: from the queue."""
ENGINES = ("sending", "imports", "tracking", "bounces")
TRANSACTION = {"commit", "rollback", "expire_all", "remove", "refresh"}
"""What a door may do with the session: end the transaction, and forget what it read."""

INSERT = re.compile(r"INSERT\s+INTO\s+(\w+)(.*?)(?:\"\"\"|\Z)", re.DOTALL | re.IGNORECASE)
COPIED = re.compile(r"\b(?:SELECT\s+|select\(\s*)(?:\w+\.)?workspace_id\b")
UNKEYED = {
    "messages": "Message",
    "delivery_events": "DeliveryEvent",
    "open_events": "OpenEvent",
    "click_events": "ClickEvent",
}
"""Tables without foreign keys, and their models: a wrong workspace would not be refused."""
CLASSES = "|".join(UNKEYED.values())
BUILT = re.compile(rf"\binsert\(({CLASSES})\)\.from_select\((.*?)\)\n", re.DOTALL)
UNKEYED_MODELS = re.compile(
    rf"\b(?:(?<!class )(?:{CLASSES})\(|insert\((?:{CLASSES})\)(?!\.from_select\())"
)


def test_only_doors_and_engines_commit():
    offenders = [
        f"{file.name}:{line}"
        for file in source.application()
        if file.layer not in DOORS + ENGINES
        for name, line in source.calls(file.tree)
        if name.endswith(".commit")
    ]
    assert not offenders, f"Let the door commit instead: {offenders}"


def test_doors_hold_no_queries():
    offenders = [
        f"{file.name}:{line} {name}"
        for file in source.application(*DOORS)
        for name, line in source.calls(file.tree)
        if name.startswith("db.session.") and name.split(".")[2] not in TRANSACTION
    ]
    assert not offenders, f"Move the query into a service: {offenders}"


def test_doors_know_nothing_of_sql():
    offenders = [
        f"{file.name}:{node.lineno}"
        for file in source.application(*DOORS)
        for node in ast.walk(file.tree)
        if isinstance(node, ast.ImportFrom) and re.match(r"sqlalchemy(?!\.exc$)", node.module or "")
    ]
    assert not offenders, f"Move the statement into a service: {offenders}"


def inserts(table: str) -> list[tuple[str, str]]:
    """Each statement that inserts into the table, with its file."""
    return [
        (file.name, statement)
        for file in source.application()
        for found, statement in [*INSERT.findall(file.text), *BUILT.findall(file.text)]
        if found in (table, UNKEYED[table])
    ]


def test_the_planner_is_the_only_one_to_make_messages():
    writers = {name for name, _ in inserts("messages")}
    assert writers == {"campaign_app/sending/message_halves.py"}


def test_rows_without_foreign_keys_copy_their_workspace_from_another_row():
    offenders = [
        name
        for table in sorted(UNKEYED)
        for name, statement in inserts(table)
        if not COPIED.search(statement)
    ]
    assert not offenders, f"Begin with SELECT …workspace_id from the campaign's row: {offenders}"


def test_rows_without_foreign_keys_are_made_by_statements_that_can_be_checked():
    offenders = [
        file.name
        for file in source.application()
        if file.layer != "models" and UNKEYED_MODELS.search(file.text)
    ]
    assert not offenders, f"Write INSERT … SELECT instead of adding an object: {offenders}"
