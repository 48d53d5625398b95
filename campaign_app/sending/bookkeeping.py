"""Writing a window's judgement down: messages, bounces, caps, and what it means for the sender."""

from __future__ import annotations

from collections.abc import Mapping

from campaign_app.lib import metrics
from campaign_app.models.senders import Sender
from campaign_app.sending import brakes, caps, troubles
from campaign_app.sending.caps import Counted
from campaign_app.sending.claims import Claim
from campaign_app.sending.results import record
from campaign_app.sending.verdicts import Judgement
from campaign_app.services import consent


def write_down(
    sender: Sender,
    claim: Claim,
    judged: Judgement,
    addresses: Mapping[int, str],
    counted: Counted | None,
) -> None:
    """Record the results and act on the trouble; finished batches leave the claim.

    `addresses` gives each message's recipient, `counted` what the window took of the sender's caps.
    Raises FenceError. The caller commits.
    """
    # Campaign and sender before messages and batches, as a person's click locks them.
    _learn(sender, claim, judged)
    if counted:
        caps.settle(sender, counted, unused=judged.not_sent)
    for batch_id in record(claim.held, sent=judged.sent, others=judged.others):
        del claim.held[batch_id]
    metrics.mails(judged.ends)
    workspace = troubles.Ref(claim.workspace_id)
    for message_id, words in judged.bounced.items():
        consent.bounce(workspace, addresses[message_id], reason=words)
    if judged.sent and sender.cooling_tier:
        troubles.is_well(sender.id)


def _learn(sender: Sender, claim: Claim, judged: Judgement) -> None:
    """What the server's words mean for the sender, or that there were none."""
    if judged.trouble and judged.outlives_connection:
        troubles.act_on(
            judged.trouble,
            judged.words,
            sender_id=sender.id,
            campaign_id=claim.campaign_id,
            just_sent=len(judged.sent),
        )
    elif judged.sent and sender.brake_rate:
        brakes.ease(sender)
