"""How far a campaign is: counts, rate, time left, and what it waits for.

Every number is a sum over `batches`, never a COUNT over `messages`: half a millisecond for a
quarter of a million messages. A finished campaign's counts are frozen in its own row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Protocol

from sqlalchemy import text

from campaign_app.extensions import db
from campaign_app.lib import clock
from campaign_app.lib.tenancy import HasId, get_owned
from campaign_app.models.campaigns import Campaign, CampaignStatus
from campaign_app.models.senders import Sender, SenderState

RATE_SAMPLES = 7
"""Kept per campaign: the rate is that of the last minute."""
SAMPLE_SECONDS = 9.0
"""The least time between two of them."""
SETTLING_SECONDS = 10.0
"""After a change of the rate: before that, the set rate says more than what is measured."""
SETTLING_MESSAGES = 10
"""At a slow rate, ten seconds hold too few of them to measure anything."""
HELD_SHARE = 0.8
"""Who does this much of its set rate is held by it."""


@dataclass(frozen=True, slots=True)
class Counts:
    """A campaign's messages by status. `deferred` is part of `pending`."""

    total: int = 0
    pending: int = 0
    sending: int = 0
    sent: int = 0
    deferred: int = 0
    failed: int = 0
    unconfirmed: int = 0
    skipped: int = 0
    cancelled: int = 0

    @property
    def done(self) -> int:
        """Messages that will not move any more by themselves."""
        return self.sent + self.failed + self.unconfirmed + self.skipped + self.cancelled

    def as_dict(self) -> dict[str, int]:
        """The counts for JSON, `done` included."""
        return {**asdict(self), "done": self.done}


class Countable(Protocol):
    """A campaign, as far as its counts go."""

    @property
    def id(self) -> int: ...
    @property
    def total(self) -> int: ...
    @property
    def final_counts(self) -> dict[str, int] | None: ...


SUMMED = ("opened", "sent", "deferred", "failed", "unconfirmed", "skipped", "cancelled")
# Written by hand: as an expression, it took longer to put into words than to run.
_SUMS = text(
    f"""
    SELECT campaign_id, {", ".join(f"sum({name}) AS {name}" for name in SUMMED)}
    FROM batches WHERE workspace_id = :workspace AND campaign_id = ANY(:campaigns)
    GROUP BY campaign_id
    """  # noqa: S608  the columns are constants
)


def counts(workspace: HasId, campaigns: Sequence[Countable]) -> dict[int, Counts]:
    """The counts of these campaigns, by their ids."""
    moving = [campaign.id for campaign in campaigns if campaign.final_counts is None]
    sums = _sums(workspace, moving) if moving else {}
    return {
        campaign.id: (
            from_frozen(campaign.final_counts)
            if campaign.final_counts is not None
            else from_sums(campaign.total, sums.get(campaign.id, {}))
        )
        for campaign in campaigns
    }


def from_frozen(frozen: dict[str, int]) -> Counts:
    """The counts as they were frozen in the campaign's row."""
    names = {field.name for field in fields(Counts)}
    return Counts(**{name: value for name, value in frozen.items() if name in names})


def from_sums(total: int, sums: dict[str, int]) -> Counts:
    """The counts from the sums over a campaign's batches."""
    sending = sums.get("opened", 0)
    ended = {name: sums.get(name, 0) for name in SUMMED[1:]}
    done = sum(ended.values()) - ended["deferred"]
    return Counts(total=total, sending=sending, pending=total - done - sending, **ended)


def _sums(workspace: HasId, campaign_ids: list[int]) -> dict[int, dict[str, int]]:
    values = {"workspace": workspace.id, "campaigns": campaign_ids}
    rows = db.session.execute(_SUMS, values).all()
    return {row.campaign_id: {name: int(getattr(row, name)) for name in SUMMED} for row in rows}


def sampled(campaign: Campaign, done: int, *, at: datetime) -> list[list[float]]:
    """The campaign's samples with one more, unless the last is fresh: rounds are also rung."""
    if campaign.progress and at.timestamp() - campaign.progress[-1][0] < SAMPLE_SECONDS:
        return campaign.progress
    return [*campaign.progress, [at.timestamp(), done]][-RATE_SAMPLES:]


def rate_per_minute(campaign: Campaign, done: int) -> float:
    """Messages a minute since the oldest sample of the last minute or so; 0 before the first."""
    if campaign.status != CampaignStatus.SENDING or not campaign.progress:
        return 0.0
    since, was = campaign.progress[0][:2]
    seconds = clock.now().timestamp() - since
    return max(0.0, (done - was) * 60 / seconds) if seconds >= 1 else 0.0


def samples_after(campaign: Campaign, so_far: Counts, *, tpm: int | None) -> list[list[float]]:
    """The samples once its rate becomes `tpm`: counted anew, unless that changes nothing.

    What was measured at another rate would keep the estimate wrong for a minute.
    """
    rate = rate_per_minute(campaign, so_far.done)
    if matters(was=campaign.tpm, becomes=tpm, measured=rate):
        return anew(so_far, expected=tpm)
    return campaign.progress


def matters(*, was: float | None, becomes: float | None, measured: float) -> bool:
    """Whether what does `measured` a minute will do more or less with the other limit."""
    was_held = was is not None and measured >= was * HELD_SHARE
    return (becomes is not None and becomes < measured) or (was_held and becomes != was)


def anew(so_far: Counts, *, expected: float | None) -> list[list[float]]:
    """Samples that begin now; until they tell something, the rate is the `expected` one."""
    now = clock.now().timestamp()
    return [[now, so_far.done] if expected is None else [now, so_far.done, expected]]


def _expected_rate(campaign: Campaign, done: int) -> float:
    """What is measured; while there is too little of that, what is expected."""
    rate = rate_per_minute(campaign, done)
    if campaign.status != CampaignStatus.SENDING or not campaign.progress:
        return rate
    since, _, *told = campaign.progress[0]
    expected = told[0] if told else campaign.tpm
    if not expected:
        return rate
    settling = min(60.0, max(SETTLING_SECONDS, SETTLING_MESSAGES * 60 / expected))
    is_fresh = clock.now().timestamp() - since < settling
    return float(expected) if is_fresh else rate


def eta_seconds(campaign: Campaign, so_far: Counts) -> int | None:
    """Seconds until all that is due is done at the present rate; None when it does not move.

    Deferred messages wait for their time, whatever the rate, so they are not counted.
    """
    rate = _expected_rate(campaign, so_far.done)
    left = so_far.total - so_far.done - so_far.deferred
    return None if rate <= 0 or left <= 0 else max(1, round(left * 60 / rate))


def waiting_for(
    workspace: HasId, campaign: Campaign, so_far: Counts, *, sender: Sender | None = None
) -> str:
    """Why the campaign does not go faster, in a few words; empty when nothing holds it back.

    Whoever has the campaign's sender at hand saves asking for it.
    """
    if campaign.status == CampaignStatus.PAUSED:
        return campaign.pause_reason or "paused by you"
    if campaign.status != CampaignStatus.SENDING:
        return ""
    if prepares := _prepares(campaign, so_far):
        return prepares
    if campaign.sender_id is not None:
        held_by = sender or get_owned(workspace, Sender, campaign.sender_id)
        if held := _sender_holds(held_by, campaign.tpm):
            return held
    if so_far.deferred and so_far.deferred == so_far.total - so_far.done:
        return f"{so_far.deferred:,} will be tried again: the servers asked to wait"
    return f"held at {campaign.tpm:,}/min" if campaign.tpm else ""


def _prepares(campaign: Campaign, so_far: Counts) -> str:
    if campaign.planned_at is None:
        return "working out who gets it"
    if campaign.retry_through is not None:
        return f"making failed messages ready to be tried again, {so_far.failed:,} to go"
    return ""


def _sender_holds(sender: Sender, tpm: int | None) -> str:
    if sender.state == SenderState.STOPPED:
        return f"sender stopped: {sender.state_reason}"
    if sender.state == SenderState.COOLING and sender.cooling_until is not None:
        # The page replaces the moment by the user's local time: «until {time}: words».
        until = sender.cooling_until.isoformat(timespec="seconds")
        return f"sender cooling until {until}: {sender.state_reason}"
    if sender.brake_rate and (tpm is None or sender.brake_rate < tpm):
        rate = f"{max(1, round(sender.brake_rate)):,}"
        return f"slowed down to {rate} a minute, rising: the server said “{sender.brake_reason}”"
    if sender.delay_seconds and (tpm is None or 60 / sender.delay_seconds < tpm):
        return f"one e-mail every {sender.delay_seconds:g} s, as the sender is set"
    return ""
