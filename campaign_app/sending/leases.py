"""Leases on batches and slots: for a minute of database time, renewed four times within it.

A worker that dies loses its leases within a minute. One that is only suspended must not write or
send after it wakes, so each lease also has a deadline by this machine's own clock, a little
earlier than the database's, and the journal asks for it just before a body leaves.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from campaign_app.lib import logs
from campaign_app.sending.journal import Journal, JournalError

LEASE_SECONDS = 60
RENEWALS = 4
"""How often a lease is renewed in its time."""
MARGIN = 1 / 8
"""How much earlier than the database's our own deadline is, as a share of the lease."""

Place = tuple[int, int]
"""A sender's id and the number of one of its slots."""

log = logs.get(__name__)

# A row that is locked is being written by its own drain, or taken over: the next beat will see.
# Waiting for it could end in a deadlock, because a drain locks several. A slot that names no worker
# was given back while this was on its way: renewed, nobody could win it for a minute.
_RENEW_SLOTS = text(
    """
    UPDATE sender_slots SET lease_until = now() + make_interval(secs => s.seconds)
    FROM (
        SELECT sender_id, slot, held.seconds FROM sender_slots JOIN unnest(
            CAST(:senders AS bigint[]), CAST(:slots AS int[]), CAST(:fences AS bigint[]),
            CAST(:seconds AS int[])) AS held(sender_id, slot, fence, seconds)
        USING (sender_id, slot, fence)
        WHERE sender_slots.worker <> '' FOR UPDATE OF sender_slots SKIP LOCKED) AS s
    WHERE (sender_slots.sender_id, sender_slots.slot) = (s.sender_id, s.slot)
    RETURNING s.sender_id, s.slot
    """
)
_RENEW_BATCHES = text(
    """
    UPDATE batches SET lease_until = now() + make_interval(secs => b.seconds)
    FROM (
        SELECT id, held.seconds FROM batches JOIN unnest(
            CAST(:ids AS bigint[]), CAST(:fences AS bigint[]), CAST(:seconds AS int[]))
            AS held(id, fence, seconds) USING (id, fence)
        WHERE batches.state = 'sending' FOR UPDATE OF batches SKIP LOCKED) AS b
    WHERE batches.id = b.id
    RETURNING b.id
    """
)


def boot_clock() -> float:
    """Seconds that also pass while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class LeaseLostError(JournalError):
    """Somebody else may have the batches by now: send nothing, write nothing."""


@dataclass(slots=True)
class Lease:
    """What one drain holds: a slot and some batches. Shared with the heartbeat's thread."""

    sender_id: int
    slot: int
    slot_fence: int
    deadline: float
    """By `boot_clock`; nothing may be sent or written after it."""
    batches: dict[int, int] = field(default_factory=dict)
    """Fence by batch id."""
    seconds: int = LEASE_SECONDS

    @property
    def is_lost(self) -> bool:
        """True when the database may have given our batches to somebody else."""
        return boot_clock() >= self.deadline

    @property
    def due_in(self) -> float:
        """Seconds until it should be renewed; again soon, where the last time was in vain."""
        left = self.deadline - boot_clock()
        return max(self.seconds / 60, left - self.seconds * (1 - MARGIN - 1 / RENEWALS))

    def extend(self, asked_at: float) -> None:
        """Count the deadline anew from the moment before the database was asked."""
        self.deadline = deadline(asked_at, self.seconds)


def deadline(asked_at: float, seconds: int) -> float:
    """When to stop, by `boot_clock`, with a lease of `seconds` that was asked for at `asked_at`."""
    return asked_at + seconds * (1 - MARGIN)


class GuardedJournal(Journal):
    """A journal that lets no body leave after the lease's deadline."""

    lease: Lease | None = None

    def begin(self, message_id: int) -> None:
        """Note that this body leaves now. Raises LeaseLostError: then it must not.

        First the line, then the look at the clock: a process suspended between the two has its
        `A` on disk, so whoever recovers the batch does not send this message again. One that wakes
        in time to stop takes the line back, and the message is not in doubt.
        """
        super().begin(message_id)
        if self.lease is not None and self.lease.is_lost:
            self.retract(message_id)
            raise LeaseLostError("The lease ran out.")


class Heartbeat:
    """Renews the leases of every drain of this process, from one thread with one connection.

    A connection of its own: drains that wait for the pool must not lose their leases meanwhile.
    """

    def __init__(self) -> None:
        self._leases: dict[int, Lease] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def watched(self) -> int:
        """How many leases are being renewed."""
        return len(self._leases)

    def watch(self, lease: Lease, engine: Engine) -> None:
        """Renew this lease from now on."""
        with self._lock:
            self._leases[id(lease)] = lease
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._beat, args=[engine], name="lease-heartbeat", daemon=True
                )
                self._thread.start()

    def forget(self, lease: Lease) -> None:
        """Stop renewing this lease."""
        with self._lock:
            self._leases.pop(id(lease), None)

    @contextmanager
    def watching(self, lease: Lease, engine: Engine) -> Iterator[None]:
        """Renew this lease while the block lasts."""
        self.watch(lease, engine)
        try:
            yield
        finally:
            self.forget(lease)

    def _beat(self, engine: Engine) -> None:
        own = create_engine(engine.url, poolclass=NullPool)
        while (leases := self._wait()) is not None:
            try:
                renew(own, leases)
            except SQLAlchemyError as error:
                # The next beat tries again; should none get through, the deadlines stop the drains.
                log.warning("leases not renewed", error=type(error).__name__)

    def _wait(self) -> list[Lease] | None:
        """The leases to renew, when it is time; None when the thread may end."""
        with self._lock:
            pause = min((one.due_in for one in self._leases.values()), default=1.0)
        time.sleep(pause)
        with self._lock:
            if not self._leases:
                self._thread = None
                return None
            return [one for one in self._leases.values() if not one.is_lost]


def renew(engine: Engine, leases: Sequence[Lease]) -> None:
    """Renew slots and batches of several drains at once. A lease already lost stays lost.

    A lease is good for longer only when its slot and everything it holds was renewed.
    """
    if not leases:
        return
    asked_at = boot_clock()
    living = {(one.sender_id, one.slot): one for one in leases}
    held = {place: dict(one.batches) for place, one in living.items()}
    with engine.begin() as connection:
        slots = {(row[0], row[1]) for row in connection.execute(_RENEW_SLOTS, _slots(leases))}
        batches = set(connection.scalars(_RENEW_BATCHES, _batches(living, held)))
    for place, lease in living.items():
        if place in slots and batches.issuperset(set(held[place]) & set(lease.batches)):
            lease.extend(asked_at)


def _slots(leases: Iterable[Lease]) -> dict[str, list[int]]:
    rows = [(one.sender_id, one.slot, one.slot_fence, one.seconds) for one in leases]
    return _columns(("senders", "slots", "fences", "seconds"), rows)


def _batches(
    leases: Mapping[Place, Lease], held: Mapping[Place, Mapping[int, int]]
) -> dict[str, list[int]]:
    rows = [
        (batch_id, fence, leases[place].seconds)
        for place, batches in held.items()
        for batch_id, fence in batches.items()
    ]
    return _columns(("ids", "fences", "seconds"), rows)


def _columns(names: Sequence[str], rows: Sequence[Sequence[int]]) -> dict[str, list[int]]:
    return {name: [row[number] for row in rows] for number, name in enumerate(names)}


heartbeat = Heartbeat()
