"""The guard of tenancy reads no SQL that is written by hand: here it is read."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.rules.source import Source, application

OF_CHECKED_IDS = {"campaign_app/services/regroup.py"}
"""Takes ids of messages that its callers have read from their workspace, and locked."""


def statements(source: Source) -> Iterator[tuple[str, int]]:
    """The words of each `text(…)` as they are written, with the module's own constants put in."""
    constants = {
        ast.unparse(node.targets[0]): node.value
        for node in source.tree.body
        if isinstance(node, ast.Assign)
    }
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("text", "sql"):
            named = [constants[name.id] for name in names(node) if name.id in constants]
            yield (
                " ".join(words for part in (*named, node) for words in literals(part)),
                node.lineno,
            )


def names(node: ast.AST) -> Iterator[ast.Name]:
    return (part for part in ast.walk(node) if isinstance(part, ast.Name))


def literals(node: ast.AST) -> Iterator[str]:
    return (str(part.value) for part in ast.walk(node) if isinstance(part, ast.Constant))


def test_every_statement_of_a_service_says_whose_rows_it_means():
    offenders = [
        f"{source.name}:{line}"
        for source in application("services", "web", "public", "cli")
        if source.name not in OF_CHECKED_IDS
        for words, line in statements(source)
        if " FROM " in words and "workspace_id = :workspace" not in " ".join(words.split())
    ]
    assert not offenders, f"Add workspace_id = :workspace to the WHERE: {offenders}"
