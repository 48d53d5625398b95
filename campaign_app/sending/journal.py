"""A connection's journal: what was begun and what was answered, so that a kill -9 loses nothing.

A file per connection, one line per fact: `A <id>` just before a message's body leaves,
`D <id> <code>` after the reply to its dot, and `W <id> <words>` with it where it was a refusal: by
its code alone, a full quota of the sender's would be taken for a dead mailbox. The file is mapped
into memory and never fsynced: it has to survive the process, not the host. A line is a copy into
the kernel's page cache, which a system call and the interpreter's lock would make ten times as
dear. Its room is allocated beforehand, or a full disk would end the process at such a copy.
"""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from types import TracebackType

from campaign_app.sending.handover import Reply

ROOM = 16_384
"""Bytes to begin with, enough for a window; a multiple of the page size."""


class JournalError(Exception):
    """The journal cannot be written (a full disk, most likely): nothing may be handed over."""


class Journal:
    """The writer. One connection has one journal; it is not for sharing between threads."""

    def __init__(self, path: Path) -> None:
        """Open, or go on with, the journal at `path`; its folder must exist.

        Raises OSError when there is no room for it.
        """
        self.path = path
        self._held = b""
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._end = len(_written(os.pread(self._file, os.fstat(self._file).st_size, 0)))
            self._room = -(-self._end // ROOM) * ROOM + ROOM
            os.posix_fallocate(self._file, 0, self._room)
            self._map = mmap.mmap(self._file, self._room)
        except OSError:
            os.close(self._file)
            raise

    def begin(self, message_id: int) -> None:
        """Note that this message's body leaves now. Raises JournalError: then it must not."""
        self._write(b"%bA %d\n" % (self._held, message_id))

    def retract(self, message_id: int) -> None:
        """Take back the `begin` just written: this body has not left, and it never will."""
        length = len(b"A %d\n" % message_id)
        self._end -= length
        self._map[self._end : self._end + length] = bytes(length)

    def done(self, message_id: int, code: int, *, words: str = "", hold: bool = False) -> None:
        """Note the reply to this message's dot; with `hold`, together with what follows at once.

        `words` are a `Reply`'s text: bounded, and of one line.
        """
        self._held += b"D %d %d\n" % (message_id, code)
        if words:
            self._held += b"W %d %b\n" % (message_id, words.encode("utf-8", "replace"))
        if not hold:
            self.flush()

    def flush(self) -> None:
        """Write what was held. Raises JournalError."""
        if self._held:
            self._write(self._held)

    def clear(self) -> None:
        """Empty the journal: everything in it has been committed."""
        self._held = b""
        self._map[: self._end] = bytes(self._end)
        self._end = 0

    def close(self) -> None:
        """Close the file and leave it where it is. Closing twice is harmless."""
        if self._file >= 0:
            self._map.close()
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
        end = self._end + len(lines)
        if end > self._room:
            self._grow()
        try:
            self._map[self._end : end] = lines
        except ValueError as error:
            raise JournalError("The journal cannot be written: it was closed.") from error
        self._end = end
        self._held = b""

    def _grow(self) -> None:
        try:
            os.posix_fallocate(self._file, self._room, ROOM)
            self._map.resize(self._room + ROOM)
        except OSError as error:
            raise JournalError(f"The journal cannot be written: {error.strerror}.") from error
        self._room += ROOM


class NoJournal:
    """For a test mail, which no campaign accounts for."""

    def begin(self, message_id: int) -> None:
        """Nothing to note."""

    def done(self, message_id: int, code: int, *, words: str = "", hold: bool = False) -> None:
        """Nothing to note."""

    def flush(self) -> None:
        """Nothing is held."""


def read(path: Path) -> dict[int, Reply | None]:
    """What the journal at `path` knows: message id → the reply to it, None while unanswered.

    A missing file is an empty journal. A last line without its line end was being written when the
    process died: its message had not left yet, or its reply is not known for certain.
    """
    try:
        content = _written(path.read_bytes())
    except FileNotFoundError:
        return {}
    known: dict[int, Reply | None] = {}
    for line in content.split(b"\n")[:-1]:
        match line.split(b" ", 2):
            case [b"A", message_id] if message_id.isdigit():
                known[int(message_id)] = None
            case [b"D", message_id, code] if message_id.isdigit() and code.isdigit():
                known[int(message_id)] = Reply(int(code), "")
            case [b"W", message_id, words] if message_id.isdigit():
                _add_words(known, int(message_id), words)
    return known


def _add_words(known: dict[int, Reply | None], message_id: int, words: bytes) -> None:
    if reply := known.get(message_id):
        known[message_id] = Reply(reply.code, words.decode("utf-8", "replace"))


def _written(content: bytes) -> bytes:
    """The part of a journal before the room that nothing has been written to."""
    return content.partition(b"\0")[0]
