"""Calls read as sentences: whose rows, then which; tasks by ids; the commit before the bell."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.rules import source
from tests.rules.source import Source

POSITIONAL = 4
"""The workspace, the row, from what to what; whatever else there is says what it is."""
NO_IDS = {"from_beat"}
"""What tasks take besides: whether it was beat that rang."""
DOORS = ("web", "api", "public", "cli")


def functions(file: Source) -> Iterator[ast.FunctionDef]:
    return (node for node in ast.walk(file.tree) if isinstance(node, ast.FunctionDef))


def positional(node: ast.FunctionDef) -> list[str]:
    return [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]


def services() -> Iterator[tuple[str, list[str]]]:
    """Each public function of a service, and what it takes by position."""
    for file in source.application("services"):
        for node in file.tree.body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                yield f"{file.name}:{node.name}", positional(node)


def test_services_ask_first_whose_rows_are_meant():
    offenders = [name for name, taken in services() if "workspace" in taken[1:]]
    assert not offenders, f"Let the workspace be the first argument: {offenders}"


def test_services_are_told_the_rest_by_keyword():
    offenders = [name for name, taken in services() if len(taken) > POSITIONAL]
    assert not offenders, f"Put a * behind the workspace and the row: {offenders}"


def test_tasks_take_ids():
    offenders = [
        f"{file.name}:{node.name}({name})"
        for file in source.application("tasks")
        for node in functions(file)
        if any("task" in ast.unparse(one) for one in node.decorator_list)
        for name in positional(node)
        if not name.endswith("_id") and name not in NO_IDS
    ]
    assert not offenders, f"A message may be old: let the task read the row by its id: {offenders}"


def test_doors_commit_before_they_ring():
    offenders = [
        f"{file.name}:{line}"
        for file in source.application(*DOORS)
        for node in functions(file)
        for line in unannounced(node)
    ]
    assert not offenders, f"Commit first, or the worker finds nothing to do: {offenders}"


def unannounced(node: ast.FunctionDef) -> list[int]:
    """The lines that ring before anything is committed in the function."""
    made = list(source.calls(node))
    first = min((line for name, line in made if name.endswith(".commit")), default=node.end_lineno)
    bells = (line for name, line in made if name.rpartition(".")[2].startswith("ring"))
    return [line for line in bells if line <= (first or 0)]
