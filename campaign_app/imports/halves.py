"""Two connections write an import's batches, half of the people each.

What an import waits for is one process of PostgreSQL, which uses one core; two of them write nearly
twice as much. The halves of a batch are two transactions, and a crash may come between them. So the
second half commits first, under a number of its own that no other can have, and whoever does the
batch again finds it written and takes its counts from there. The first half commits last, together
with the import's progress.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from itertools import compress
from zlib import crc32

from sqlalchemy import Connection

from campaign_app.imports import claims
from campaign_app.imports.job import Job
from campaign_app.imports.merge import Merger, Orders, Written, begin, disturbances, take_turn
from campaign_app.imports.prepare import Batch

FEWEST_ROWS = 1_000
"""Of a batch that is worth two transactions."""
LOCK_SECONDS = 2.0
SWITCH_SECONDS = 0.001
"""How long a thread may keep Python's lock from one whose database has answered. By default it is
0.005, which is longer than most statements take here, and a batch is fifteen of them.
"""


class Halves:
    """Writes batches by halves. The caller commits what `write` leaves open on its connection."""

    def __init__(
        self, job: Job, orders: Orders, second: Connection, pool: ThreadPoolExecutor
    ) -> None:
        self._job = job
        self._workspace_id = orders.workspace_id
        self._first = Merger(job.connection, orders)
        self._second = Merger(second, orders)
        self._pool = pool

    @classmethod
    @contextmanager
    def ready(cls, job: Job, orders: Orders) -> Iterator[Halves]:
        """With both connections, their temporary tables, and a thread for the second one."""
        with (
            job.connection.engine.connect() as second,
            ThreadPoolExecutor(max_workers=1, thread_name_prefix="second-half") as pool,
        ):
            halves = cls(job, orders, second, pool)
            with _quick_turns(), halves._first.ready(), halves._second.ready():
                yield halves

    def write(self, batch: Batch, number: int) -> Written:
        """Write a batch, of which `number` is its place in the file, from 1.

        After a disturbance the halves are written one after the other.
        """
        self._first.mind_the_plan()
        at_once = iter([True])
        return self._job.again(lambda: self._write(batch, 2 * number, next(at_once, False)))

    def _write(self, batch: Batch, number: int, at_once: bool) -> Written:
        take_turn(self._job.connection, self._workspace_id)
        if batch.halves is None:
            return self._first.merge(batch, number)
        mine, others = batch.halves
        if not at_once:
            return self._write_second(others, number + 1) + self._first.merge(mine, number)
        # Whoever waits for people of one half and holds some of the other would be waited for by
        # the other half, which waits here where PostgreSQL cannot see the circle.
        second = self._pool.submit(self._write_second, others, number + 1, LOCK_SECONDS)
        try:
            return self._first.merge(mine, number) + second.result()
        finally:
            self._let_go(second)

    def _let_go(self, second: Future[Written]) -> None:
        """End what the first half has open before waiting for the second, if it failed."""
        if not second.done():
            self._job.connection.rollback()
            wait([second])

    def _write_second(self, half: Batch, number: int, lock_seconds: float = 0) -> Written:
        connection = self._second.connection
        try:
            with disturbances():
                begin(connection, lock_seconds=lock_seconds)
                claims.hold(connection, self._job.import_id, self._job.claim.token)
                written = self._second.written(number)
                if written is None:
                    written = self._second.merge(half, number, is_noted=True)
                connection.commit()
        finally:
            connection.rollback()
        return written


@contextmanager
def _quick_turns() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def split(batch: Batch) -> None:
    """Fill in the halves of a batch that is worth it: its people in two parts, by their addresses.

    Somebody is always in the same part, whoever else is in the batch: one part may be written
    already, and somebody who is erased since must not move others into it.
    """
    if batch.rows < FEWEST_ROWS:  # by rows, which are the same whenever the file is read
        return
    seconds = [crc32(email.encode()) & 1 for email in batch.emails]
    firsts = [not second for second in seconds]
    batch.halves = _part(batch, firsts), _part(batch, seconds)


def _part(batch: Batch, chosen: list[bool] | list[int]) -> Batch:
    """Those whom a merger needs to know."""
    return Batch(
        emails=list(compress(batch.emails, chosen)),
        texts=list(compress(batch.texts, chosen)),
        firsts=list(compress(batch.firsts, chosen)),
    )
