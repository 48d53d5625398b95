"""The rows that were turned away, as a CSV file a person can mend and upload again."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import TextIO

from campaign_app.imports.prepare import Rejected
from campaign_app.lib.spreadsheets import defuse

HEADER = ("Row", "Column", "Value", "Reason", "What to do")


class RejectsFile:
    """Writes rejected rows to a CSV file, made when the first row comes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: TextIO | None = None
        path.unlink(missing_ok=True)

    def __enter__(self) -> RejectsFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file:
            self._file.close()

    def add(self, rejected: Iterable[Rejected]) -> None:
        """Append rows and hand them to the system, so that the file can be read at any time."""
        for row in rejected:
            file = self._file or self._open()
            words = map(defuse, (row.column, row.value, row.reason, row.remedy))
            csv.writer(file).writerow([row.row, *words])
        if self._file:
            self._file.flush()

    def _open(self) -> TextIO:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # The byte order mark tells Excel that this is UTF-8.
        self._file = self._path.open("w", encoding="utf-8-sig", newline="")
        csv.writer(self._file).writerow(HEADER)
        return self._file
