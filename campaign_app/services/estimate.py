"""How long a campaign will take at the pace its sender and its own rate allow."""

from __future__ import annotations

from dataclasses import dataclass

from campaign_app.models.senders import Sender

SECONDS_A_MESSAGE = 0.1
"""What a usual provider takes to accept a message over one connection: a cautious guess."""
SECONDS_A_CONNECTION = 1.0
"""What connecting, TLS and signing in take."""
DAY = 86_400


@dataclass(frozen=True, slots=True)
class Estimate:
    """`because` names the cap that makes it so long, or is empty."""

    seconds: float
    because: str = ""

    def __str__(self) -> str:
        """ "about 3 h 20 min; the daily cap of 500 makes it 3 days"."""
        return f"{duration(self.seconds)}{f'; {self.because}' if self.because else ''}"


def of(total: int, sender: Sender, *, tpm: int | None) -> Estimate:
    """The time for `total` messages, when nothing else uses the sender and no server objects."""
    free = _seconds(total, sender)
    caps = [
        (tpm, 60, f"this campaign's rate of {tpm or 0:,} a minute"),
        (sender.per_minute, 60, f"the sender's cap of {sender.per_minute or 0:,} a minute"),
        (sender.per_hour, 3600, f"the sender's hourly cap of {sender.per_hour or 0:,}"),
        (sender.per_day, DAY, f"the sender's daily cap of {sender.per_day or 0:,}"),
    ]
    seconds, because = free, ""
    for cap, window, name in caps:
        capped = seconds if cap is None else _capped(total, cap, window, seconds)
        if capped > seconds:
            seconds, because = capped, name
    if not because:
        return Estimate(seconds)
    return Estimate(seconds, f"{because} makes it that long")


def duration(seconds: float) -> str:
    """Seconds as people say them: "less than a minute", "about 3 h 20 min", "about 3 days"."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return "less than a minute"
    if minutes < 60:
        return f"about {minutes} min"
    if minutes < 48 * 60:
        hours, rest = divmod(minutes, 60)
        return f"about {hours} h {rest} min" if rest else f"about {hours} h"
    return f"about {-(-minutes // 1440):,} days"


def _seconds(total: int, sender: Sender) -> float:
    """Without caps: the gap between two hand-overs, or what the connections can carry."""
    each = SECONDS_A_MESSAGE + SECONDS_A_CONNECTION / sender.messages_per_connection
    return max(0, total - 1) * max(sender.delay_seconds, each / sender.max_connections)


def _capped(total: int, cap: int, window: int, uncapped: float) -> float:
    """Full windows wait for their end; the last one takes only what is left in it."""
    full = max(0, total - 1) // cap
    rest = total - full * cap
    return max(uncapped, full * window + uncapped * rest / max(1, total))
