"""Bringing one campaign in order now, by the repairs that a round makes and one that it does not.

Everything here is safe at any moment and any number of times: what is right is not touched.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import text

from campaign_app.extensions import db
from campaign_app.lib.errors import Conflict
from campaign_app.lib.tenancy import HasId
from campaign_app.models.campaigns import EDITABLE, Campaign, CampaignStatus
from campaign_app.sending import ending, late_journals, marking, recount, recover, retries
from campaign_app.services import audit, reopening, transitions

# What may not be sent now leaves the way free for what may.
_WITHDRAW = text(
    """
    UPDATE batches b SET state = 'pending'
    FROM campaigns c LEFT JOIN senders s ON s.id = c.sender_id
    WHERE c.id = b.campaign_id AND b.workspace_id = :workspace AND b.campaign_id = :campaign
      AND b.state = 'dispatched' AND (c.status <> 'sending' OR s.state IS DISTINCT FROM 'active')
    RETURNING b.id
    """
)
_UNHEARD = text(
    """
    SELECT GREATEST(0, LEAST(
        (SELECT count(*) FROM batches b
         WHERE b.workspace_id = :workspace AND b.campaign_id = :campaign
           AND b.state = 'dispatched' AND b.not_before <= now()),
        s.max_connections - (SELECT count(*) FROM sender_slots t
                             WHERE t.sender_id = s.id AND t.slot >= 0 AND t.lease_until > now())))
    FROM senders s
    WHERE s.workspace_id = :workspace AND s.id = :sender AND s.state = 'active'
    """
)


@dataclass(slots=True)
class Report:
    """What was found and put right, in messages and batches.

    `doorbells`: drains that could run and do not; the door rings them. `to_plan`: nobody has worked
    out the audience yet; the door asks for that, too.
    """

    checked: int = 0
    """Batches looked at."""
    taken_back: int = 0
    """Batches of workers that died."""
    given_back: int = 0
    """Messages of theirs that had never left."""
    recorded: int = 0
    """Messages of theirs with a known end."""
    unconfirmed: int = 0
    """Messages of theirs whose end nobody knows."""
    settled: int = 0
    """Unconfirmed messages that a journal found later could tell of."""
    retried: int = 0
    """Messages whose time to be tried again had come."""
    repaired: int = 0
    """Batches whose counts or state did not match their messages."""
    missing: int = 0
    """Messages of the audience that are in no batch: nothing here can mend that."""
    withdrawn: int = 0
    """Batches that waited for a worker and may not be sent now."""
    doorbells: int = 0
    to_plan: bool = False
    completed: bool = False
    """Its last message had ended, and nobody had noticed."""
    reopened: bool = False
    """It was held to be complete, and was not."""

    @property
    def is_clean(self) -> bool:
        """True when everything was in order."""
        return not self.findings

    @property
    def findings(self) -> list[str]:
        """What was found, in plain words, one sentence each."""
        return [
            words.format(number=f"{number:,}", **(_ONE if number == 1 else _MORE))
            for name, words in _WORDS.items()
            if (number := int(getattr(self, name)))
        ]

    def as_dict(self) -> dict[str, Any]:
        """The numbers and the findings, for JSON."""
        return {**asdict(self), "is_clean": self.is_clean, "findings": self.findings}


_ONE, _MORE = {"s": "", "es": "", "was": "was"}, {"s": "s", "es": "es", "was": "were"}
_WORDS = {
    "taken_back": "{number} batch{es} of a worker that died {was} taken back.",
    "given_back": "{number} message{s} had not left yet and will be sent.",
    "recorded": "{number} message{s} of theirs had been answered; that is written down now.",
    "unconfirmed": "{number} message{s} had left without an answer: decide what becomes of them.",
    "settled": "{number} unconfirmed message{s} could be settled from a worker's notes.",
    "retried": "{number} message{s} whose time had come will be tried again now.",
    "repaired": "{number} batch{es} did not match the messages in them and {was} counted anew.",
    "missing": "{number} message{s} cannot be found. Tell whoever runs this Carillon.",
    "withdrawn": "{number} batch{es} waited for a worker although nothing may be sent now.",
    "to_plan": "The audience had not been worked out yet; a worker was asked to do so.",
    "doorbells": "{number} connection{s} could have been sending and {was} not: called now.",
    "reopened": "The campaign was not complete after all: it goes on.",
    "completed": "Every message had ended: the campaign is complete.",
}
"""In the order of the report."""


def reconcile(workspace: HasId, campaign: Campaign, *, journals: Path) -> Report:
    """Check a campaign and put right what can be; commits as it goes.

    `journals` is the folder of this host's journals. Raises Conflict for a campaign that has not
    been started.
    """
    if campaign.status in EDITABLE:
        raise Conflict(f"“{campaign.name}” has not been started: there is nothing to check.")
    report = Report()
    for step in _STEPS:
        step(workspace, campaign, report, journals)
    if not report.is_clean:
        audit.record(
            workspace,
            "campaign.reconciled",
            f"A check of “{campaign.name}” found: {' '.join(report.findings)}",
            subject_id=campaign.id,
        )
    db.session.commit()
    return report


def _recover(workspace: HasId, campaign: Campaign, report: Report, journals: Path) -> None:
    del workspace
    while True:
        found = recover.take_back(journals, campaign_id=campaign.id)
        report.taken_back += found.batches
        report.given_back += found.given_back
        report.recorded += found.recorded
        report.unconfirmed += found.unconfirmed
        if found.batches < recover.MOST:
            break
    report.settled = late_journals.settle(journals, campaign_id=campaign.id).messages


def _retry_due(workspace: HasId, campaign: Campaign, report: Report, journals: Path) -> None:
    del workspace, journals
    while True:
        number = retries.make_ready(campaign_id=campaign.id)
        db.session.commit()
        report.retried += number
        if number < retries.AT_ONCE:
            return


def _recount(workspace: HasId, campaign: Campaign, report: Report, journals: Path) -> None:
    del journals
    if campaign.planned_at is None:
        report.to_plan = campaign.status == CampaignStatus.SENDING
        return
    report.checked, report.repaired = recount.repair(workspace, campaign)
    transitions.hold(campaign)
    was_over = campaign.status == CampaignStatus.COMPLETED
    reopening.recount(workspace, campaign)
    report.reopened = was_over and campaign.status != CampaignStatus.COMPLETED
    db.session.commit()
    report.missing = max(0, recount.missing(workspace, campaign))


def _complete(workspace: HasId, campaign: Campaign, report: Report, journals: Path) -> None:
    del workspace, journals
    was_sending = campaign.status == CampaignStatus.SENDING
    ending.settle_one(campaign)
    report.completed = was_sending and campaign.status == CampaignStatus.COMPLETED


def _call(workspace: HasId, campaign: Campaign, report: Report, journals: Path) -> None:
    """Who should be sending and is not."""
    del journals
    whose = {"workspace": workspace.id, "campaign": campaign.id}
    report.withdrawn = len(db.session.scalars(_WITHDRAW, whose).all())
    if campaign.status == CampaignStatus.SENDING and campaign.sender_id is not None:
        marking.mark(campaign.sender_id)
        values = whose | {"sender": campaign.sender_id}
        report.doorbells = int(db.session.scalar(_UNHEARD, values) or 0)
    db.session.commit()


_Step = Callable[[HasId, Campaign, Report, Path], None]
_STEPS: tuple[_Step, ...] = (_recover, _retry_due, _recount, _complete, _call)
