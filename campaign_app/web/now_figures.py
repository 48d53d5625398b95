"""The figures and words of the page "Right now": one place for its HTML and its JSON."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from campaign_app.lib import clock, shares
from campaign_app.models.imports import Import, ImportState
from campaign_app.models.senders import Sender, SenderState
from campaign_app.services import imports
from campaign_app.services.health import Health
from campaign_app.services.now import AtWork, Now, UnderWay
from campaign_app.services.workload import Queue
from campaign_app.web.campaign_figures import waits
from campaign_app.web.moments import duration, friendly, localised

TICKS_LATE = 30
"""Seconds without a round after which the page says so: three of Beat's ticks."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the machinery, in plain words. `colour` is that of its dot.

    `at` is a moment that the words lead to: "last round" 3 s ago.
    """

    name: str
    words: str
    colour: str = "green"
    at: datetime | None = None


def of(now: Now, health: Health) -> dict[str, Any]:
    """Everything that moves. Rows come by their id, `c7`, `s3`; `stamp` tells of changed rows."""
    figures = {
        "tiles": _tiles(now),
        "queue": _queue(now.queue),
        "tick": _moment(health.at["beat"]),
        **{f"c{one.campaign.id}": _campaign(one) for one in now.campaigns},
        **{f"s{one.sender.id}": _sender(one) for one in now.senders},
        **{f"i{row.id}": _import(row) for row in now.imports},
    }
    return {**figures, "stamp": _stamp(now, health)}


def system(health: Health) -> list[Part]:
    """Is everything there? What is missing comes with what that means."""
    if not health.broker:
        words = "Redis does not answer, so nobody can tell. Mail under way goes on, slowly."
        return [Part("Workers", words, "yellow")]
    return [
        _processes(health, "sending", "Sending", "No e-mail leaves until one is started."),
        _rounds(health),
        _processes(health, "jobs", "Background jobs", "Imports wait until one is started."),
    ]


def _processes(health: Health, part: str, name: str, otherwise: str) -> Part:
    alive = health.alive[part]
    if not alive:
        return Part(name, f"No process is alive. {otherwise}", "red")
    return Part(name, f"{alive} process{'es' if alive > 1 else ''} alive")


def _rounds(health: Health) -> Part:
    """The dispatcher and, through it, the timer."""
    if not health.alive["dispatch"]:
        words = "No process is alive. No campaign starts, and nothing is tried again."
        return Part("Dispatcher", words, "red")
    at, age = _moment(health.at["beat"]), health.ages["beat"]
    if at is None or age is None or age > TICKS_LATE:
        words = "The timer is silent: scheduled campaigns and second tries wait for it."
        return Part("Dispatcher", words, "yellow" if health.alive["beat"] else "red", at)
    return Part("Dispatcher", "Last round", at=at)


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, tz=UTC)


def _tiles(now: Now) -> dict[str, Any]:
    counts = [one.counts for one in now.campaigns]
    etas = [one.eta for one in now.campaigns if one.eta is not None]
    return {
        "rate": round(sum(one.rate for one in now.campaigns)),
        "campaigns": _campaigns(now),
        "left": sum(one.pending + one.sending for one in counts),
        "eta": f"about {duration(max(etas))} at this rate" if etas else _resting(now),
        "retries": now.queue.retries,
        "next_retry": _next_retry(now.queue),
        "unconfirmed": now.unconfirmed,
        "doubt": "left to your decision" if now.unconfirmed else "nothing is in doubt",
        "opens": now.sums.opens,
        "clicks": f"{now.sums.clicks:,} click{'s' if now.sums.clicks != 1 else ''}, 15 min",
    }


def _campaigns(now: Now) -> str:
    count = len(now.campaigns)
    return f"{count} campaign{'s' if count != 1 else ''} under way" if count else "nothing is sent"


def _resting(now: Now) -> str:
    return "nothing moves just now" if now.campaigns else "nothing waits"


def _next_retry(queue: Queue) -> str:
    if not queue.retries:
        return "nothing waits for that"
    if queue.next_retry is None:
        return "later"
    due = datetime.fromtimestamp(queue.next_retry, tz=UTC)
    if due <= clock.now():
        return "the first are due"
    return f"from {friendly(due).removeprefix('today ')} on"


def _queue(queue: Queue) -> dict[str, Any]:
    oldest = friendly(queue.oldest).removeprefix("today ") if queue.oldest else ""
    batches = f"in {queue.ready:,} batch{'es' if queue.ready != 1 else ''}"
    return {
        "ready": queue.messages,
        "batches": f"{batches}, the oldest due since {oldest}" if oldest else "",
        "in_flight": queue.in_flight,
        "soon": queue.retries_soon,
    }


def _campaign(one: UnderWay) -> dict[str, Any]:
    return {
        "percent": one.percent,
        "done": one.counts.done,
        "total": one.counts.total,
        "failed": one.counts.failed,
        "rate": f"{one.rate:,.0f}" if one.rate >= 1 else "–",
        "left": f"about {duration(one.eta)}" if one.eta is not None else "–",
        **waits(one.campaign, one.waiting),
    }


def _sender(one: AtWork) -> dict[str, Any]:
    return {
        "connections": one.account.connections,
        "pace": pace(one.sender),
        "caps": caps(one),
        "words": words_of(one.sender),
    }


def pace(sender: Sender) -> str:
    """How fast it may go: as it is set, or as it has slowed down to by itself."""
    if sender.brake_rate is not None:
        return f"Slowed to {sender.brake_rate:,.0f} / min"
    if sender.delay_seconds:
        return f"One e-mail every {sender.delay_seconds:g} s"
    return "Full speed"


def caps(one: AtWork) -> list[dict[str, Any]]:
    """What counts against each of its caps."""
    spans = (
        ("minute", one.account.minute, one.sender.per_minute),
        ("hour", one.account.hour, one.sender.per_hour),
        ("day", one.account.day, one.sender.per_day),
    )
    return [
        {"span": span, "used": used, "cap": cap, "percent": min(100.0, shares.percent(used, cap))}
        for span, used, cap in spans
        if cap
    ]


def words_of(sender: Sender) -> str:
    """The server's last words while they matter."""
    if sender.state_reason and sender.state != SenderState.ACTIVE:
        return localised(sender.state_reason)
    return sender.brake_reason if sender.brake_rate is not None else ""


def _import(row: Import) -> dict[str, Any]:
    progress = imports.progress(row)
    left = f"about {duration(progress.eta_seconds)} left" if progress.eta_seconds else ""
    undone = row.removed + row.restored + row.spared
    number = undone if row.state == ImportState.UNDOING else row.rows
    return {"percent": progress.percent, "rows": number, "left": left}


def _stamp(now: Now, health: Health) -> str:
    """Changes when a row comes, goes or turns into another state: then the board is fetched."""
    parts = [
        *(f"c{one.campaign.id}{one.campaign.status}" for one in now.campaigns),
        *(f"s{one.sender.id}{one.sender.state}{words_of(one.sender)}" for one in now.senders),
        *(f"i{row.id}{row.state}" for row in now.imports),
        *(part.words for part in system(health)),
        *now.jobs,
        str(bool(now.unconfirmed)),
        str(now.sums.waiting_chunks),
        str(now.sums.upcoming_id),
        str(now.sums.last_entry),
    ]
    return f"{zlib.crc32('|'.join(parts).encode()):x}"
