"""Leases on batches and slots: for a minute of database time, renewed four times within it.

A worker that dies loses its leases within a minute. One that is only suspended must not write or
send after it wakes, so each lease also has a deadline by this machine's own clock, a little
earlier than the database's, and the journal asks for it just before a body leaves.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from campaign_app.lib import logs
from campaign_app.sending.journal import Journal, JournalError

LEASE_SECONDS = 60
RENEWALS = 4
"""How often a lease is renewed in its time."""
MARGIN = 1 / 8
"""How much earlier than the database's our own deadline is, as a share of the lease."""

log = logs.get(__name__)

_RENEW_BATCHES = text(
    """
    UPDATE batches SET lease_until = now() + make_interval(secs => :seconds)
    FROM unnest(CAST(:ids AS bigint[]), CAST(:fences AS bigint[])) AS held(id, fence)
    WHERE batches.id = held.id AND batches.fence = held.fence AND batches.state = 'sending'
    """
)
_RENEW_SLOT = text(
    """
    UPDATE sender_slots SET lease_until = now() + make_interval(secs => :seconds)
    WHERE sender_id = :sender AND slot = :slot AND fence = :fence
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
    """Renews the leases of every drain of this process from one thread."""

    def __init__(self) -> None:
        self._leases: dict[int, tuple[Lease, Engine]] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def watched(self) -> int:
        """How many leases are being renewed."""
        return len(self._leases)

    def watch(self, lease: Lease, engine: Engine) -> None:
        """Renew this lease from now on."""
        with self._lock:
            self._leases[id(lease)] = (lease, engine)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._beat, name="lease-heartbeat", daemon=True
                )
                self._thread.start()

    def forget(self, lease: Lease) -> None:
        """Stop renewing this lease."""
        with self._lock:
            self._leases.pop(id(lease), None)

    def _beat(self) -> None:
        while True:
            time.sleep(self._pause())
            with self._lock:
                leases = list(self._leases.values())
                if not leases:
                    self._thread = None
                    return
            for lease, engine in leases:
                _renew_or_log(engine, lease)

    def _pause(self) -> float:
        with self._lock:
            shortest = min(
                (lease.seconds for lease, _ in self._leases.values()), default=LEASE_SECONDS
            )
        return shortest / RENEWALS


def _renew_or_log(engine: Engine, lease: Lease) -> None:
    try:
        renew(engine, lease)
    except SQLAlchemyError as error:
        # The next beat tries again; should none get through, the deadline stops the drain.
        log.warning("lease not renewed", sender=lease.sender_id, error=type(error).__name__)


def renew(engine: Engine, lease: Lease) -> None:
    """Renew a drain's slot and batches. A late renewal cannot revive a lease already lost."""
    asked_at = boot_clock()
    if lease.is_lost:
        return
    held = dict(lease.batches)
    seconds = {"seconds": lease.seconds}
    with engine.begin() as connection:
        slot = {"sender": lease.sender_id, "slot": lease.slot, "fence": lease.slot_fence}
        renewed = connection.execute(_RENEW_SLOT, seconds | slot).rowcount
        if held:
            values = {"ids": list(held), "fences": list(held.values())}
            renewed = connection.execute(_RENEW_BATCHES, seconds | values).rowcount
    if renewed:
        lease.extend(asked_at)


heartbeat = Heartbeat()
