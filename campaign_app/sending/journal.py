"""A connection's journal: what was begun and what was answered, so that a kill -9 loses nothing.

A file per connection, one line per fact: `A <id>` just before a message's body leaves,
`D <id> <code>` after the reply to its dot. It is written with plain appends and no fsync: it has
to survive the process, not the host, and costs about two microseconds a line.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType


class JournalError(Exception):
    """The journal cannot be written (a full disk, most likely): nothing may be handed over."""


class Journal:
    """The writer. One connection has one journal; it is not for sharing between threads."""

    def __init__(self, path: Path) -> None:
        """Open, or go on with, the journal at `path`; its folder must exist."""
        self.path = path
        self._held = b""
        self._torn = False
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        self._file = os.open(path, flags, 0o600)

    def begin(self, message_id: int) -> None:
        """Note that this message's body leaves now. Raises JournalError: then it must not."""
        self._write(b"%bA %d\n" % (self._held, message_id))

    def done(self, message_id: int, code: int, *, hold: bool = False) -> None:
        """Note the reply to this message's dot.

        With `hold` the line waits for the next `begin` or `flush`, which saves a system call where
        the next message's body leaves at once.
        """
        self._held += b"D %d %d\n" % (message_id, code)
        if not hold:
            self.flush()

    def flush(self) -> None:
        """Write what was held."""
        if self._held:
            self._write(self._held)

    def clear(self) -> None:
        """Empty the journal: everything in it has been committed."""
        self._held = b""
        os.ftruncate(self._file, 0)
        self._torn = False

    def close(self) -> None:
        """Close the file and leave it where it is. Closing twice is harmless."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def remove(self) -> None:
        """Close the journal and delete its file."""
        self.close()
        self.path.unlink(missing_ok=True)

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _write(self, lines: bytes) -> None:
        # After a short write the next line would be glued to half a line and be unreadable.
        if self._torn:
            raise JournalError("The journal was cut short by a failed write.")
        try:
            written = os.write(self._file, lines)
        except OSError as error:
            raise JournalError(f"The journal cannot be written: {error.strerror}.") from error
        if written != len(lines):
            self._torn = True
            raise JournalError("The journal cannot be written: the disk is full.")
        self._held = b""


class NoJournal:
    """For a test mail, which no campaign accounts for."""

    def begin(self, message_id: int) -> None:
        """Nothing to note."""

    def done(self, message_id: int, code: int, *, hold: bool = False) -> None:
        """Nothing to note."""

    def flush(self) -> None:
        """Nothing is held."""


def read(path: Path) -> dict[int, int | None]:
    """What the journal at `path` knows: message id → code of its reply, None while unanswered.

    A missing file is an empty journal. A last line without its line end was being written when the
    process died: its message had not left yet, or its reply is not known for certain.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return {}
    known: dict[int, int | None] = {}
    for line in content.split(b"\n")[:-1]:
        match line.split():
            case [b"A", message_id] if message_id.isdigit():
                known[int(message_id)] = None
            case [b"D", message_id, code] if message_id.isdigit() and code.isdigit():
                known[int(message_id)] = int(code)
    return known
