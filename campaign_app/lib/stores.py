"""The stores of this installation: a file's key tells in which one it lies."""

from __future__ import annotations

import importlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import IO

from campaign_app.lib.errors import Unavailable
from campaign_app.lib.folder_store import FolderStore
from campaign_app.lib.storage import BUCKET_KEY, Bucket, Store
from campaign_app.lib.tickets import TicketOffice

__all__ = ["Bucket", "Stores", "open_at"]


class Stores:
    """The folder, which is always there, and the bucket, if one is configured."""

    def __init__(
        self, state_path: Path, tickets: TicketOffice, bucket: Store | None = None
    ) -> None:
        self.state_path = state_path
        """Where the folder's files lie, and the rejected rows of all imports."""
        self.tickets = tickets
        """Makes the addresses of the folder's parts, and reads them."""
        self.folder = FolderStore(state_path, tickets)
        self.bucket = bucket

    @cached_property
    def origin(self) -> str:
        """Where browsers send parts besides to ourselves: "https://bucket.example", or ""."""
        return self.bucket.origin if self.bucket else ""

    @property
    def new(self) -> Store:
        """Where new files go."""
        return self.bucket or self.folder

    def of(self, key: str) -> Store:
        """Where a file is. Raises Unavailable when that is a bucket nobody configured here."""
        if not key.startswith(BUCKET_KEY):
            return self.folder
        if self.bucket is None:
            raise Unavailable("This file lies in a bucket that is not configured any more.")
        return self.bucket

    def keep(self, stream: IO[bytes]) -> tuple[str, int]:
        """Keep a stream that has come in whole; gives the file's key and its size in bytes.

        Raises NoRoom, Unavailable; nothing is left behind then.
        """
        return self.new.keep(stream)

    @contextmanager
    def local_path(self, key: str, *, head: int | None = None) -> Iterator[Path]:
        """The file as one of this machine, for as long as the block lasts.

        With `head`, that many of its first bytes are enough, if it is text. Raises Invalid when it
        is gone, Unavailable when its store does not answer.
        """
        with self.of(key).local_path(key, head=head) as path:
            yield path

    def drop_leftovers(self, known: Collection[str], *, older_than: timedelta) -> None:
        """Remove from this machine what is older and belongs to none of the known keys."""
        self.folder.drop_leftovers(known, older_than=older_than)
        if self.bucket:
            self.bucket.drop_leftovers(known, older_than=older_than)

    def discard(self, key: str) -> None:
        """Remove a file; one that is gone already is no error."""
        self.of(key).discard(key)


def open_at(state_path: Path, tickets: TicketOffice, bucket: Bucket | None = None) -> Stores:
    """The folder below `state_path`, and the bucket if there is one."""
    if bucket is None:
        return Stores(state_path, tickets)
    # Half a second and 40 MB in each process: nobody else pays for them.
    module = importlib.import_module("campaign_app.lib.bucket_store")
    return Stores(state_path, tickets, module.BucketStore(bucket, state_path))
