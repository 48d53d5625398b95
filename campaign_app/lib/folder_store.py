"""Uploaded files in a folder of this machine, below STATE_DIR.

The parts of an upload are written to their places in one file, so that nothing is copied in the
end: it is moved. Beside it lies a note for each part: the claim of who is writing it, or, once it
is whole and safely on disk, its MD5. A part that is sent again takes the claim over, and whoever
wrote it before finds that at the next block; one lock orders their writes.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import secrets
import shutil
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO

from campaign_app.lib import clock
from campaign_app.lib.errors import Conflict, Invalid
from campaign_app.lib.storage import Gone, NoRoom, Part, Plan, part_size_for
from campaign_app.lib.tickets import Ticket, TicketOffice

FOLDER = "uploads"
PARTS = "parts"
PART_ADDRESS = "/parts/"
"""Where a part is PUT; its ticket follows."""
RESERVE_BYTES = 64 * 1024 * 1024
"""Room that uploads leave free: for the database and the journals."""
BLOCK = 1024 * 1024
MD5_LENGTH = 32
FILE_GONE = "The uploaded file is no longer here. Upload it again."


class FolderStore:
    """Files below `state_path`, under names that nobody can guess."""

    def __init__(self, state_path: Path, office: TicketOffice) -> None:
        self._state_path = state_path
        self._office = office

    @property
    def origin(self) -> str:
        """None: the parts are sent to ourselves."""
        return ""

    def keep(self, stream: IO[bytes]) -> tuple[str, int]:
        """Write a stream to disk; gives the file's key and its size in bytes.

        Raises NoRoom when the disk is full; nothing is left behind then.
        """
        key = f"{FOLDER}/{secrets.token_hex(16)}"
        path = self._state_path / key
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                shutil.copyfileobj(stream, file, BLOCK)
            return key, path.stat().st_size
        except OSError as error:
            path.unlink(missing_ok=True)
            raise NoRoom from error

    def begin(self, size: int) -> Plan:
        """Make the file that the parts will fill."""
        name = secrets.token_hex(16)
        folder = self._parts_of(name)
        try:
            folder.mkdir(parents=True)
            (folder / "lock").touch()
            (folder / "data").touch()
            free = shutil.disk_usage(folder).free
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise NoRoom from error
        if free < size + RESERVE_BYTES:
            shutil.rmtree(folder)
            raise NoRoom
        return Plan(f"{FOLDER}/{name}", "", size, part_size_for(size))

    def addresses(self, plan: Plan, numbers: Sequence[int], *, until: datetime) -> list[str]:
        """Our own addresses, each with its ticket."""
        expires = int(until.timestamp())
        return [
            PART_ADDRESS
            + self._office.write(
                Ticket(_name(plan.key), number, plan.offset(number), plan.length(number), expires)
            )
            for number in numbers
        ]

    def receive(self, ticket: Ticket, stream: IO[bytes]) -> str:
        """Write the part that the ticket is for; gives its ETag.

        Raises Gone when the upload is over, Invalid when the stream ends early, Conflict when the
        part is sent anew meanwhile, NoRoom.
        """
        folder = self._parts_of(ticket.upload)
        try:
            with (folder / "lock").open("rb") as lock, (folder / "data").open("r+b", 0) as data:
                # Many begin while there is room for each of them alone.
                if shutil.disk_usage(folder).free < ticket.length + RESERVE_BYTES:
                    raise NoRoom
                writing = _Writing(lock, data, folder / str(ticket.number))
                return f'"{writing.receive(ticket, stream)}"'
        except FileNotFoundError as error:
            raise Gone from error
        except OSError as error:  # of the disk: a broken stream raises errors of its own
            raise NoRoom from error

    def parts(self, plan: Plan) -> list[Part] | None:
        """What has arrived, as the notes say."""
        folder = self._parts_of(_name(plan.key))
        is_open = folder.is_dir()
        found = [
            Part(number, f'"{etag}"', plan.length(number))
            for number in range(1, plan.count + 1)
            if (etag := _etag(folder / str(number)))
        ]
        # Only now: the notes may have gone while they were read, but the file is moved first.
        if self._path(plan.key).is_file():
            return None
        if not is_open:
            raise Gone
        return found

    def assemble(self, plan: Plan, parts: Sequence[Part]) -> None:
        """Move the file to where it stays; a part that is being sent anew is too late then."""
        folder, path = self._parts_of(_name(plan.key)), self._path(plan.key)
        try:
            with (folder / "lock").open("rb") as lock, _locked(lock):
                if path.is_file():  # by somebody who had the lock before
                    return
                for part in parts:
                    if _etag(folder / str(part.number)) != part.etag.strip('"'):
                        raise Conflict(f"Part {part.number} is being sent again.")
                (folder / "data").rename(path)
                shutil.rmtree(folder, ignore_errors=True)
        except FileNotFoundError as error:
            if not path.is_file():
                raise Gone from error

    def abort(self, plan: Plan) -> None:
        """Remove the parts, and the file."""
        shutil.rmtree(self._parts_of(_name(plan.key)), ignore_errors=True)
        self.discard(plan.key)

    @contextlib.contextmanager
    def local_path(self, key: str, *, head: int | None = None) -> Iterator[Path]:
        """The file itself; `head` saves nothing here."""
        del head
        path = self._path(key)
        if not path.is_file():
            raise Invalid(FILE_GONE)
        yield path

    def discard(self, key: str) -> None:
        """Remove a file."""
        if key.startswith(f"{FOLDER}/"):
            self._path(key).unlink(missing_ok=True)

    def drop_leftovers(self, known: Collection[str], *, older_than: timedelta) -> None:
        """Remove files and parts whose rows are gone, or never came to be."""
        before = (clock.now() - older_than).timestamp()
        for path in (*self._below(""), *self._below(PARTS)):
            with contextlib.suppress(FileNotFoundError):
                if f"{FOLDER}/{path.name}" in known or path.stat().st_mtime > before:
                    continue
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink()

    def _below(self, folder: str) -> Iterator[Path]:
        root = self._state_path / FOLDER / folder
        names = root.iterdir() if root.is_dir() else ()
        return (path for path in names if len(path.name) == 32)

    def _path(self, key: str) -> Path:
        return self._state_path / key

    def _parts_of(self, name: str) -> Path:
        return self._state_path / FOLDER / PARTS / name


class _Writing:
    """One part while it is being written."""

    def __init__(self, lock: IO[bytes], data: IO[bytes], note: Path) -> None:
        self._lock = lock
        self._data = data
        self._note = note
        self._claim = secrets.token_hex(8)

    def receive(self, ticket: Ticket, stream: IO[bytes]) -> str:
        with _locked(self._lock):
            if not self._note.parent.is_dir():
                raise Gone
            self._note.write_text(self._claim)
        digest, done = hashlib.md5(usedforsecurity=False), 0
        while done < ticket.length:
            block = stream.read(min(BLOCK, ticket.length - done))
            if not block:
                raise Invalid(f"The part ended after {done:,} of its {ticket.length:,} bytes.")
            digest.update(block)
            self._write(block, ticket.offset + done)
            done += len(block)
        os.fdatasync(self._data.fileno())  # what is acknowledged outlives the machine's end
        with self._held():
            self._note.write_text(digest.hexdigest())
        return digest.hexdigest()

    def _write(self, block: bytes, position: int) -> None:
        with self._held():
            view = memoryview(block)
            while view:
                written = os.pwrite(self._data.fileno(), view, position)
                view, position = view[written:], position + written

    @contextlib.contextmanager
    def _held(self) -> Iterator[None]:
        """Keep the others away, if the claim is still ours."""
        with _locked(self._lock):
            try:
                claim = self._note.read_text()
            except FileNotFoundError:
                raise Gone from None
            if claim != self._claim:
                raise Conflict("This part is being sent again.")
            yield


@contextlib.contextmanager
def _locked(lock: IO[bytes]) -> Iterator[None]:
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(lock, fcntl.LOCK_UN)


def _etag(note: Path) -> str:
    """The MD5 of a part that is whole, else ""."""
    try:
        text = note.read_text()
    except FileNotFoundError:
        return ""
    return text if len(text) == MD5_LENGTH else ""


def _name(key: str) -> str:
    return key.rpartition("/")[2]
