"""The dry run: the import without its writes, told in numbers and examples."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

from sqlalchemy import text

from campaign_app.imports.importing import counts_of
from campaign_app.imports.job import COUNTS, Job, orders_of
from campaign_app.imports.merge import Compared, Merger, take_turn
from campaign_app.imports.prepare import Batch
from campaign_app.imports.rejects import RejectsFile
from campaign_app.lib.arrays import text_literal
from campaign_app.models.imports import ImportState

EXAMPLES = 5

_STORED = text(
    """
    SELECT email, name, attributes FROM recipients
    WHERE workspace_id = :workspace_id AND email = ANY(CAST(:emails AS text[]))
    """
)

Example = dict[str, Any]


def work(job: Job) -> ImportState:
    """Look at every row, and keep the findings in `report`; a stop leaves nothing behind."""
    row = job.load()
    merger = Merger(job.connection, orders_of(row))
    totals = Counter(dict.fromkeys(COUNTS, 0))
    examples = _Examples(job, row.workspace_id)
    with (
        RejectsFile(job.stores.state_path / job.rejected_key) as rejects,
        merger.ready(),
        job.batches(row) as batches,
    ):
        for batch in batches:
            rejects.add(batch.rejected)
            merger.mind_the_plan()
            take_turn(job.connection, row.workspace_id)
            found = merger.compare(batch)
            totals.update(counts_of(batch, found.counts))
            examples.add(batch, found)
            stop = job.report(bytes_read=batch.bytes_read, **totals)
            job.connection.commit()
            if stop:
                job.end(ImportState.UPLOADED)
                return ImportState.UPLOADED
    report = {**totals, "examples": examples.found}
    job.end(ImportState.CHECKED, report=report, bytes_read=row.size, rejected_key=job.rejected_key)
    return ImportState.CHECKED


class _Examples:
    """A few people, or rows, of each kind. Values of people are as the file gives them."""

    def __init__(self, job: Job, workspace_id: int) -> None:
        self._job = job
        self._workspace_id = workspace_id
        self.found: dict[str, list[Example]] = {name: [] for name in COUNTS if name != "rows"}

    def add(self, batch: Batch, compared: Compared) -> None:
        """Take what is still missing from a batch that was compared."""
        changed = {*compared.new, *compared.differing}
        same = (p for p, first in enumerate(batch.firsts) if first and p not in changed)
        self._keep("new", batch, compared.new)
        self._keep("updated", batch, compared.differing)
        self._keep("unchanged", batch, same)
        self._keep("suppressed", batch, compared.suppressed)
        again = [p for p, first in enumerate(batch.firsts) if not first]
        self._keep("duplicates", batch, again)
        self._rows("duplicates", ({"row": row, "email": email} for row, email in batch.repeated))
        self._rows(
            "invalid",
            (
                {"row": r.row, "value": r.value[:200], "reason": r.reason, "remedy": r.remedy}
                for r in batch.rejected
            ),
        )

    def _rows(self, kind: str, examples: Iterable[Example]) -> None:
        kept = self.found[kind]
        for example in examples:
            if len(kept) == EXAMPLES:
                return
            kept.append(example)

    def _keep(self, kind: str, batch: Batch, places: Iterable[int]) -> None:
        missing = EXAMPLES - len(self.found[kind])
        if not missing:
            return
        chosen = [place for place, _ in zip(places, range(missing), strict=False)]
        people = [
            {
                "email": batch.emails[place],
                "name": batch.names[place],
                "attributes": json.loads(batch.attributes[place]),
            }
            for place in chosen
        ]
        if kind == "updated" and people:
            self._add_what_is_stored(people)
        self.found[kind] += people

    def _add_what_is_stored(self, people: list[Example]) -> None:
        emails = text_literal(person["email"] for person in people)
        values = {"workspace_id": self._workspace_id, "emails": emails}
        rows = self._job.connection.execute(_STORED, values).all()
        stored = {row.email: {"name": row.name, "attributes": row.attributes} for row in rows}
        for person in people:
            person["stored"] = stored.get(person["email"])
