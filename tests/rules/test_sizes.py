"""Where to stop and think: the sizes that keep files and functions readable."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.rules import source
from tests.rules.source import Source

FILE, FUNCTION, TEST = 300, 30, 20
FOLDERS = ("campaign_app", "local_stack", "tests", "bench")

LONGER_FILES: dict[str, str] = {}
"""File → why it may be longer."""

LONGER_FUNCTIONS: dict[str, str] = {}
"""File and function → why it may be longer."""


def functions(file: Source) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(file.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def lines(file: Source) -> int:
    return len(file.text.splitlines())


def indented_imports(file: Source) -> set[ast.Import | ast.ImportFrom]:
    """Inside functions and classes, wherever those stand."""
    blocks = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return {
        node
        for block in ast.walk(file.tree)
        if isinstance(block, blocks)
        for node in ast.walk(block)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }


def length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def limit(file: Source, name: str) -> int:
    return TEST if file.name.startswith("tests/") and name.startswith("test_") else FUNCTION


def test_no_file_is_longer_than_a_sitting():
    offenders = {
        file.name: lines(file)
        for file in source.files(*FOLDERS)
        if lines(file) > FILE and file.name not in LONGER_FILES
    }
    assert not offenders, f"Find the second subject in it and give that a file: {offenders}"


def test_no_function_is_longer_than_a_glance():
    offenders = {
        f"{file.name}:{node.name}": length(node)
        for file in source.files(*FOLDERS)
        for node in functions(file)
        if length(node) > limit(file, node.name)
        and f"{file.name}:{node.name}" not in LONGER_FUNCTIONS
    }
    assert not offenders, f"Name the steps inside it: {offenders}"


def test_the_exceptions_are_still_needed():
    long = {
        f"{file.name}:{node.name}"
        for file in source.files(*FOLDERS)
        for node in functions(file)
        if length(node) > limit(file, node.name)
    }
    long |= {file.name for file in source.files(*FOLDERS) if lines(file) > FILE}
    stale = {*LONGER_FILES, *LONGER_FUNCTIONS} - long
    assert not stale, f"Take these off the list: {stale}"


def test_imports_stand_at_the_top():
    offenders = [
        f"{file.name}:{node.lineno}"
        for file in source.files(*FOLDERS)
        for node in indented_imports(file)
        if "noqa" not in file.text.splitlines()[node.lineno - 1]
    ]
    assert not offenders, f"Import at the top: inside a function it hides a cycle: {offenders}"
