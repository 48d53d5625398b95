"""What a store of uploaded files does, whether it is a folder here or a bucket elsewhere.

A file comes in parts. Their addresses are signed, so that whoever holds one may send that part and
nothing else; the store says by each part's ETag what has arrived.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Protocol

from campaign_app.lib.errors import Conflict, Unavailable

BUCKET_KEY = "s3:"
"""What the keys of a bucket's files begin with."""
MEBIBYTE = 1024 * 1024
SMALLEST_PART = 8 * MEBIBYTE
"""A minute at 1 Mbit/s: what a broken connection costs. S3 takes no less than 5 MiB."""
MOST_PARTS = 1_000
"""S3 takes 10,000, but lists 1,000 at once, and each needs its address."""
NO_ROOM = "The server has no room for this file at the moment. Please try again later."
AWAY = "The storage does not answer at the moment. Please try again in a minute."


class NoRoom(Unavailable):
    """The disk is full."""

    status = 507

    def __init__(self, message: str = NO_ROOM) -> None:
        super().__init__(message)


class Gone(Conflict):
    """The upload is over: complete, aborted, or too old."""

    def __init__(self) -> None:
        super().__init__("This upload is over. Begin a new one.")


@dataclass(frozen=True, slots=True)
class Plan:
    """A file that comes in parts: where it will be, and how it is cut. Sizes are bytes."""

    key: str
    external_id: str
    """The bucket's own name for the upload; empty here."""
    size: int
    part_size: int

    @property
    def count(self) -> int:
        """How many parts it has; an empty file has one, which is empty."""
        return max(1, -(-self.size // self.part_size))

    def length(self, number: int) -> int:
        """The bytes of a part; they are numbered from 1."""
        return min(self.part_size, self.size - self.offset(number))

    def offset(self, number: int) -> int:
        """Where in the file a part begins."""
        return (number - 1) * self.part_size


@dataclass(frozen=True, slots=True)
class Part:
    """A part that has arrived."""

    number: int
    etag: str
    size: int


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where an S3 bucket is, and what opens it."""

    endpoint_url: str
    """Empty: Amazon's own."""
    name: str
    access_key: str
    secret_key: str
    region: str


class Store(Protocol):
    """Where files are kept, by their keys."""

    @property
    def origin(self) -> str:
        """What the addresses of its parts begin with; empty for our own."""

    def keep(self, stream: IO[bytes]) -> tuple[str, int]:
        """Keep a stream; gives the file's key and its size. Raises NoRoom, Unavailable."""

    def begin(self, size: int) -> Plan:
        """Make room for a file. Raises NoRoom, Unavailable."""

    def addresses(self, plan: Plan, numbers: Sequence[int], *, until: datetime) -> list[str]:
        """Where each of these parts is to be PUT, until then. One of our own begins with "/"."""

    def parts(self, plan: Plan) -> list[Part] | None:
        """What has arrived, by number; None once it is one file. Raises Gone, Unavailable."""

    def assemble(self, plan: Plan, parts: Sequence[Part]) -> None:
        """Make the file of its parts; one that is made already is no error. Raises Gone."""

    def abort(self, plan: Plan) -> None:
        """Forget the parts, and the file if it is made already; what is gone is no error."""

    def local_path(self, key: str, *, head: int | None = None) -> AbstractContextManager[Path]:
        """The file, or at least its first `head` bytes, as a file of this machine.

        Raises Invalid when it is gone, Unavailable when the store does not answer.
        """

    def discard(self, key: str) -> None:
        """Remove a file; one that is gone already is no error."""

    def drop_leftovers(self, known: Collection[str], *, older_than: timedelta) -> None:
        """Remove from this machine whatever is older and has none of the known keys."""


def part_size_for(size: int) -> int:
    """The bytes of each part of a file: whole mebibytes, and MOST_PARTS parts at most."""
    needed = -(-size // MOST_PARTS)
    return max(SMALLEST_PART, -(-needed // MEBIBYTE) * MEBIBYTE)
