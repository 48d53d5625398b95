"""The compiled mails of the campaigns that are being sent, kept per process."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.utils import format_datetime

from sqlalchemy import select

from campaign_app.extensions import db
from campaign_app.lib import clock
from campaign_app.lib.errors import Invalid
from campaign_app.models.campaigns import Campaign, Link
from campaign_app.models.messages import MessageStatus
from campaign_app.models.senders import Sender
from campaign_app.sending.claims import Turn
from campaign_app.sending.compose import Addressee, Compiled, Source, compile_campaign
from campaign_app.sending.handover import Outgoing
from campaign_app.sending.results import Result

KEPT = 32
"""Compiled campaigns kept at a time; one takes about as much memory as its HTML, twice."""

Key = tuple[int, str, str, str, bool]


@dataclass(frozen=True, slots=True)
class Letters:
    """A compiled campaign with what its envelopes and Message-IDs need."""

    compiled: Compiled
    mail_from: str
    key: str

    def write(self, turns: Sequence[Turn]) -> tuple[list[Outgoing], list[Result]]:
        """The messages of these turns; those that cannot be written come back as failed."""
        date = format_datetime(clock.now())
        messages, failed = [], []
        for turn in turns:
            addressee = Addressee(
                turn.message_id, turn.address, turn.name, turn.attributes, self.key
            )
            try:
                data = self.compiled.render(addressee, date=date)
            except Invalid as error:
                failed.append(_unwritable(turn, error))
            else:
                messages.append(
                    Outgoing(turn.message_id, self.mail_from, turn.address, data, is_stuffed=True)
                )
        return messages, failed


def _unwritable(turn: Turn, error: Invalid) -> Result:
    words = f"It could not be written: {error.message}"
    return Result(turn.message_id, MessageStatus.FAILED, attempts=1, phase="compose", reply=words)


_cache: OrderedDict[Key, Letters] = OrderedDict()
_lock = threading.Lock()


def source_of(campaign: Campaign, sender: Sender) -> Source:
    """The campaign as it is written under this sender."""
    return Source(
        campaign_id=campaign.id,
        workspace_id=campaign.workspace_id,
        subject=campaign.subject,
        html=campaign.html,
        text=campaign.text,
        from_name=sender.from_name,
        from_email=sender.from_email,
        reply_to=sender.reply_to,
        mark_subject=sender.mark_subject,
    )


def letters(
    campaign_id: int, sender: Sender, *, public_url: str, sign: Callable[[int], str]
) -> Letters:
    """The campaign, ready to be written to anybody.

    A started campaign cannot be edited, so only the sender's own words can make it stale. Raises
    Invalid when the template cannot be read.
    """
    key = (campaign_id, sender.from_name, sender.from_email, sender.reply_to, sender.mark_subject)
    with _lock:
        if key in _cache:
            _cache.move_to_end(key)
            return _cache[key]
    made = _compile(campaign_id, sender, public_url, sign)
    with _lock:
        _cache[key] = made
        while len(_cache) > KEPT:
            _cache.popitem(last=False)
    return made


def _compile(
    campaign_id: int, sender: Sender, public_url: str, sign: Callable[[int], str]
) -> Letters:
    campaign = db.session.scalars(
        select(Campaign).where(
            Campaign.workspace_id == sender.workspace_id, Campaign.id == campaign_id
        )
    ).one()
    links = db.session.execute(
        select(Link.url, Link.number).where(
            Link.workspace_id == sender.workspace_id, Link.campaign_id == campaign_id
        )
    ).all()
    compiled = compile_campaign(
        source_of(campaign, sender),
        links={link.url: link.number for link in links},
        public_url=public_url,
        sign=sign,
    )
    started = f"{int(campaign.started_at.timestamp()):x}" if campaign.started_at else ""
    return Letters(compiled, sender.from_email, started)
