"""Trying failed messages again by hand.

A few are made pending in the caller's transaction. Many are a matter for the background, some
batches at a time: the campaign's row says from where to where, so that a restart loses nothing.
"""

from __future__ import annotations

from sqlalchemy import select, text

from campaign_app.extensions import db
from campaign_app.lib.errors import Conflict
from campaign_app.lib.tenancy import HasId
from campaign_app.models.campaigns import Campaign
from campaign_app.models.people import Workspace
from campaign_app.services import progress, regroup, reopening

AT_ONCE = 5_000
"""More failed messages than this are made pending in the background."""
STEP_BATCHES = 100

_LAST_BATCH = text(
    "SELECT max(id) FROM batches WHERE workspace_id = :workspace AND campaign_id = :campaign"
)
# The batches' counts lead to the messages; no index names a message's status.
_BATCHES = text(
    """
    SELECT id FROM batches
    WHERE workspace_id = :workspace AND campaign_id = :campaign AND failed > 0
      AND id > :from AND id <= :through
    ORDER BY id LIMIT :most
    """
)
_FIND = text(
    """
    SELECT m.id FROM messages m
    WHERE m.workspace_id = :workspace AND m.batch_id = ANY(:batches) AND m.status = 'failed'
      AND NOT EXISTS (SELECT FROM suppressions s
                      WHERE s.workspace_id = m.workspace_id
                        AND s.email_hash = sha256(convert_to(m.address, 'UTF8')))
    ORDER BY m.id FOR UPDATE OF m
    """
)


def retry_failed(workspace: HasId, campaign: Campaign) -> int:
    """Make the campaign's failed messages pending again, all tiers before them; gives how many.

    Those to suppressed addresses stay failed: they would only be skipped, and no report would tell
    of their failure any more. Of more than AT_ONCE only the first are done here, `retry_through`
    tells so, and the number includes the suppressed. Reopens a completed campaign. Raises Conflict
    when there is nothing to try, or for a campaign that cannot send.
    """
    reopening.hold_open(campaign)
    if campaign.retry_through is not None:
        raise Conflict(f"The failed messages of “{campaign.name}” are being tried again already.")
    failed = progress.counts(workspace, [campaign])[campaign.id].failed
    if not failed:
        raise Conflict(f"Nothing failed in “{campaign.name}”: there is nothing to try again.")
    values = {"workspace": workspace.id, "campaign": campaign.id}
    campaign.retry_from, campaign.retry_through = 0, db.session.scalar(_LAST_BATCH, values)
    moved = _until_some_move(workspace, campaign, all_of_them=failed <= AT_ONCE)
    if not moved:
        raise Conflict("Every address that failed is suppressed by now: nobody is left to try.")
    reopening.recount(workspace, campaign)
    return moved if campaign.retry_through is None else failed


def go_on(campaign_id: int) -> bool:
    """Make some more of the failed messages pending; tells whether there may be more of them.

    False also while somebody else holds the campaign's row: the next round asks again. The caller
    commits, and serves every workspace.
    """
    campaign = db.session.scalars(
        select(Campaign)
        .where(Campaign.id == campaign_id, Campaign.retry_through.is_not(None))
        .with_for_update(skip_locked=True)
        .execution_options(all_workspaces=True, populate_existing=True)
    ).one_or_none()
    if campaign is None:
        return False
    if campaign.status not in reopening.STATES or campaign.sender_id is None:
        _end(campaign)
        return False
    _step(db.session.get_one(Workspace, campaign.workspace_id), campaign)
    return campaign.retry_through is not None


def _until_some_move(workspace: HasId, campaign: Campaign, *, all_of_them: bool) -> int:
    moved = 0
    while campaign.retry_through is not None and (all_of_them or not moved):
        moved += _step(workspace, campaign)
    return moved


def _step(workspace: HasId, campaign: Campaign) -> int:
    """The failed messages of the next batches; gives how many moved."""
    whose = {"workspace": workspace.id, "campaign": campaign.id}
    span = {"from": campaign.retry_from, "through": campaign.retry_through}
    batches = db.session.scalars(_BATCHES, whose | span | {"most": STEP_BATCHES}).all()
    if len(batches) < STEP_BATCHES:
        _end(campaign)
    else:
        campaign.retry_from = batches[-1]
    found = {"workspace": workspace.id, "batches": list(batches)}
    return regroup.into_new_batches(db.session.scalars(_FIND, found).all(), afresh=True)


def _end(campaign: Campaign) -> None:
    campaign.retry_from = campaign.retry_through = None
