"""The application's source, as the rules read it: files and their syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "campaign_app"


@dataclass(frozen=True, slots=True)
class Source:
    """A Python file; `name` is its path from the repository's root."""

    name: str
    text: str
    tree: ast.Module

    @property
    def layer(self) -> str:
        """The layer of the application it lies in; empty outside."""
        parts = Path(self.name).parts
        return parts[1] if parts[0] == "campaign_app" and len(parts) > 2 else ""


@cache
def files(*folders: str) -> tuple[Source, ...]:
    """Every Python file below these folders of the repository, in order."""
    return tuple(
        Source(str(path.relative_to(ROOT)), text, ast.parse(text))
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*.py"))
        for text in [path.read_text("utf-8")]
    )


def application(*layers: str) -> tuple[Source, ...]:
    """The files of these layers, or of the whole application."""
    return tuple(source for source in files("campaign_app") if not layers or source.layer in layers)


def calls(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Each call as its dotted name and its line: `("db.session.commit", 12)`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node.lineno
