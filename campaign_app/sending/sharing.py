"""Who may run how many drains: a large campaign delays a neighbour by no more than its own time.

The dispatcher divides the drains in every round and whenever somebody presses Send. A workspace
that works alone may have nearly all of them: some stay free, so that whoever comes next need not
wait. While others work, too, it may have a quarter, or its even share where that is less. One that
has more gives drains up within a second, so many as it has too many; and none of its doorbells that
are still on their way wins a slot.

Redis carries the numbers to the drains. What it forgets, the next round tells again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic

from redis.exceptions import RedisError

from campaign_app.extensions import redis
from campaign_app.lib import logs
from campaign_app.sending import changes

TURN_SECONDS = 30.0
"""A drain goes on longer than this only while nobody else waits for a worker."""
TOLD_SECONDS = 25
"""What the dispatcher said holds for two of its rounds and a half."""
ASKERS = (-1, -2)
"""Who may ask for one of a sender's connections: the rights to mail its confirmations."""

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class Demand:
    """What a sender has and wants: `busy` drains, and `wanted` more."""

    sender_id: int
    workspace_id: int
    wanted: int
    busy: int


@dataclass(slots=True)
class Shares:
    """What came of dividing the drains.

    `bells`: drains to ring, by sender, in this order; `urgent` of them, the first ones, are for
    workspaces that have none. `leaving`: how many of a sender's drains shall give way. `most`: how
    many drains a sender's whole workspace may hold.
    """

    bells: list[int] = field(default_factory=list)
    urgent: int = 0
    leaving: dict[int, int] = field(default_factory=dict)
    most: dict[int, int] = field(default_factory=dict)


def divide(demands: Sequence[Demand], capacity: int, *, planning: Sequence[int] = ()) -> Shares:
    """Divide `capacity` drains; `planning` names workspaces that want a worker to plan with."""
    at_work = [one for one in demands if one.wanted > 0 or one.busy]
    places: dict[int, list[Demand]] = {}
    for one in at_work:
        places.setdefault(one.workspace_id, []).append(one)
    most = allowed(capacity, workspaces=len({*places, *planning}))
    shares = Shares(most={one.sender_id: most for one in at_work})
    queues: dict[int, list[int]] = {}
    for workspace, senders in places.items():
        senders.sort(key=lambda one: one.busy)
        room = max(0, most - sum(one.busy for one in senders))
        queues[workspace] = _by_turns({one.sender_id: one.wanted for one in senders})[:room]
        _give_way(shares, senders, sum(one.busy for one in senders) - most)
    new = {w: queue for w, queue in queues.items() if not any(one.busy for one in places[w])}
    free = capacity - sum(one.busy for one in at_work) + sum(shares.leaving.values())
    first = _round_robin(new)
    rest = _round_robin({w: queue for w, queue in queues.items() if w not in new})
    shares.bells = (first + rest)[: max(free, len(new))]
    shares.urgent = min(len(first), len(shares.bells))
    return shares


def allowed(capacity: int, *, workspaces: int) -> int:
    """How many drains one workspace may hold while so many are at work."""
    if workspaces <= 1:
        return max(1, capacity - capacity // 8)
    return max(1, min(capacity // 4, (capacity - capacity // 8) // workspaces))


def announce(shares: Shares) -> None:
    """Tell the drains, and wake those that sleep when some of them shall give way. Never raises."""
    try:
        pipe = redis.client.pipeline(transaction=False)
        for sender_id, most in shares.most.items():
            pipe.set(f"carillon:most:{sender_id}", most, ex=TOLD_SECONDS)
            pipe.set(
                f"carillon:leave:{sender_id}", shares.leaving.get(sender_id, 0), ex=TOLD_SECONDS
            )
        pipe.execute()
    except RedisError as error:
        log.warning("shares not announced", error=type(error).__name__)
    if shares.leaving:
        changes.announce()


def most_drains(sender_id: int) -> int | None:
    """How many drains the sender's workspace may hold now; None when nobody said."""
    return _told(f"carillon:most:{sender_id}")


@contextmanager
def asking(sender_id: int, asker: int) -> Iterator[None]:
    """Let one of the sender's drains give its connection up, within its window; one of ASKERS asks.

    A drain that has not yet when the block ends may stay. Only the block raises.
    """
    key = _asked(sender_id, asker)
    with _unless_away():
        redis.client.set(key, 1, ex=TOLD_SECONDS)
    changes.announce()
    try:
        yield
    finally:
        with _unless_away():
            redis.client.delete(key)


class Stay:
    """How long a drain may stay; asked before a transaction begins, for it asks Redis."""

    def __init__(self, sender_id: int, others_wait: Callable[[], bool]) -> None:
        self._leave = f"carillon:leave:{sender_id}"
        self._asked = [_asked(sender_id, asker) for asker in ASKERS]
        self._others_wait = others_wait
        self._began = monotonic()

    def must_give_way(self) -> bool:
        """True for as many of the sender's drains as its workspace has too many, or are asked."""
        calls = self._calls()
        try:
            return any(self._answers(key) for key in calls)
        except RedisError:
            return False

    def is_unwanted(self) -> bool:
        """True while some of the sender's drains shall give way; this one may be among them."""
        return bool(self._calls())

    def is_over(self) -> bool:
        """True when its turn is over and somebody waits for a worker."""
        return monotonic() - self._began > TURN_SECONDS and self._others_wait()

    def _calls(self) -> list[str]:
        """The keys by which somebody wants a drain to leave; one question, for every window."""
        keys = [self._leave, *self._asked]
        try:
            values = redis.client.mget(keys)
        except RedisError:
            return []
        return [key for key, value in zip(keys, values, strict=True) if value and int(value) > 0]

    def _answers(self, key: str) -> bool:
        """Whether this drain is the one that the key calls: each is called but once."""
        if key == self._leave:
            return int(redis.client.decr(key)) >= 0
        return bool(redis.client.delete(key))


def _give_way(shares: Shares, senders: Sequence[Demand], many: int) -> None:
    """Let those with the most drains give way first."""
    if many > 0:
        leaving = _by_turns({one.sender_id: one.busy for one in senders})[-many:]
        shares.leaving |= {sender_id: leaving.count(sender_id) for sender_id in set(leaving)}


def _by_turns(counts: dict[int, int]) -> list[int]:
    """Each sender as often as it counts: one of each, then a second of each."""
    return _round_robin({sender_id: [sender_id] * count for sender_id, count in counts.items()})


def _round_robin(queues: dict[int, list[int]]) -> list[int]:
    longest = max(map(len, queues.values()), default=0)
    return [
        queue[turn] for turn in range(longest) for queue in queues.values() if turn < len(queue)
    ]


def _asked(sender_id: int, asker: int) -> str:
    return f"carillon:asked:{sender_id}:{asker}"


@contextmanager
def _unless_away() -> Iterator[None]:
    try:
        yield
    except RedisError as error:
        log.warning("no drain asked to leave", error=type(error).__name__)


def _told(key: str) -> int | None:
    try:
        value = redis.client.get(key)
    except RedisError:
        return None
    return int(value) if isinstance(value, bytes) else None
