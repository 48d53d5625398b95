"""The index of words: filled in the background from the queue that triggers write.

Each step takes some thousand recipients off the queue and writes what their words are now, in one
transaction; whoever dies in the middle of it has done nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, cast, delete, exists, func, select, text
from sqlalchemy.dialects.postgresql import TSQUERY

from campaign_app.extensions import db
from campaign_app.lib.arrays import any_id
from campaign_app.lib.tenancy import HasId
from campaign_app.lib.words import words
from campaign_app.models.imports import Import, ImportState
from campaign_app.models.recipient_words import RecipientWords, UnindexedRecipients
from campaign_app.services import tallies

STEP = 20_000
"""Recipients of one step: half a second."""
PIECES = 500
"""Rows of the queue that a step looks at: changes by hand are one recipient each."""
MAX_WORDS = 200
"""Different words of a recipient that are kept."""
PREFIX_FROM = 3
"""Letters from which on the beginning of a word finds it."""

_LOCK_KIND = 0x1ABE2
# The values of the attributes as JSON text: taking it apart would take as long as all the rest.
_KNOWN = text(
    """
    SELECT id, concat_ws(' ', email, name, array_to_string(tags, ' '),
                         jsonb_path_query_array(attributes, '$.*')::text)
    FROM recipients WHERE workspace_id = :workspace AND id = ANY(:ids)
    """
)
_ESCAPE = re.compile(r"\\(u[0-9a-f]{4}|.)")
"""How JSON writes a line break, a quote, a backslash: none is part of a word."""
_CHUNK, _LINE = 65_536, 256
"""Bytes that COPY asks for at once, and what a line takes, about."""
_COPY = "COPY recipient_words (recipient_id, workspace_id, words) FROM STDIN"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the index is: `waiting` of `total` recipients are not in it as they are now."""

    waiting: int
    total: int

    @property
    def percent(self) -> int:
        """0 to 99 while somebody waits, 100 when nobody does."""
        if not self.waiting:
            return 100
        return max(0, min(99, 100 - 100 * self.waiting // max(self.total, 1)))


def progress(workspace: HasId) -> Progress:
    """How many recipients still wait to be found by their words."""
    waiting = db.session.scalar(
        select(func.sum(UnindexedRecipients.number)).where(
            UnindexedRecipients.workspace_id == workspace.id
        )
    )
    total = sum(tallies.by_status(workspace).values()) if waiting else 0
    return Progress(min(int(waiting or 0), total), total)


def holds(workspace: HasId, search: str) -> ColumnElement[bool] | None:
    """The condition that somebody has all words of the search; None when it names none."""
    asked = query(workspace, search)
    return None if asked is None else RecipientWords.words.op("@@")(asked)


def query(workspace: HasId, search: str) -> ColumnElement[str] | None:
    """All words of the search as PostgreSQL asks for them; None when it names none.

    The last word need only be begun, from its third letter on, unless it has a digit: what begins
    like a customer's number can be every customer's number.
    """
    asked = words(search)
    if not asked:
        return None
    lexemes = [f"'{_lexeme(workspace.id, word)}'" for word in asked]
    if asked[-1].isalpha() and len(asked[-1]) >= PREFIX_FROM:
        lexemes[-1] += ":*"
    return cast(" & ".join(lexemes), TSQUERY)


def waiting() -> Sequence[int]:
    """The ids of workspaces that have somebody to index and no import at work.

    An import needs the processors for itself, and would be indexed twice where it overlaps.
    """
    importing = exists().where(
        Import.workspace_id == UnindexedRecipients.workspace_id,
        Import.state.in_((ImportState.WAITING, ImportState.RUNNING, ImportState.UNDOING)),
    )
    return db.session.scalars(
        select(UnindexedRecipients.workspace_id)
        .where(~importing)
        .distinct()
        .execution_options(all_workspaces=True)  # the sweep serves every workspace
    ).all()


def step(workspace_id: int) -> int:
    """Index the next of a workspace's recipients; how many, 0 when none wait or others do it."""
    # One at a time: of two, the one that read first could write last.
    if not db.session.scalar(select(func.pg_try_advisory_xact_lock(_LOCK_KIND))):
        return 0
    ids = _take(workspace_id)
    if not ids:
        return 0
    whose = {"workspace": workspace_id, "ids": ids}
    people = db.session.execute(_KNOWN, whose)
    db.session.execute(
        delete(RecipientWords).where(
            RecipientWords.workspace_id == workspace_id, RecipientWords.recipient_id == any_id(ids)
        )
    )
    cursor = db.session.connection().connection.cursor()
    cursor.copy_expert(_COPY, _Stream(_lines(workspace_id, people)), size=_CHUNK)
    cursor.close()
    return len(ids)


def settle() -> None:
    """After many steps: sort the newest entries in, and tell the planner how words are spread."""
    db.session.execute(text("SELECT gin_clean_pending_list('ix_recipient_words_words')"))
    db.session.execute(text("ANALYZE recipient_words"))


class _Stream:
    """Lines as a file that is written while it is read, so that both processors are at work."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines

    def read(self, size: int) -> str:
        """The next lines: about `size` characters, nothing at the end."""
        return "".join(islice(self._lines, size // _LINE))


def _take(workspace_id: int) -> list[int]:
    """The ids of the next pieces of the queue, as many as make up a step; they leave it."""
    pieces = db.session.execute(
        select(UnindexedRecipients.id, UnindexedRecipients.number)
        .where(UnindexedRecipients.workspace_id == workspace_id)
        .order_by(UnindexedRecipients.id)
        .limit(PIECES)
    ).all()
    number = 0
    taken: list[int] = []
    for piece in pieces:
        number += piece.number
        if taken and number > STEP:
            break
        taken.append(piece.id)
    gone = db.session.scalars(
        delete(UnindexedRecipients)
        .where(
            UnindexedRecipients.workspace_id == workspace_id,
            UnindexedRecipients.id == any_id(taken),
        )
        .returning(UnindexedRecipients.recipient_ids)
    )
    return list({row_id for piece in gone for row_id in piece})


def _lines(workspace_id: int, people: Iterable[Any]) -> Iterator[str]:
    """Rows as COPY reads them: a word holds no quote, backslash or tab, so none is escaped."""
    between = f"' '{workspace_id}:"
    for row_id, known in people:
        plain = _ESCAPE.sub(" ", known) if "\\" in known else known
        found = between.join(list(dict.fromkeys(words(plain)))[:MAX_WORDS])
        yield f"{row_id}\t{workspace_id}\t'{workspace_id}:{found}'\n"


def _lexeme(workspace_id: int, word: str) -> str:
    return f"{workspace_id}:{word}"
