"""Groups that end in another one, and the campaigns that follow them there, or come back.

All of this happens while the groups' rows are held: whoever chooses them for a campaign holds them,
too (`audience_choice.save`), so that no choice falls between what is read here and what is written.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select, text

from campaign_app.extensions import db
from campaign_app.lib.arrays import any_id
from campaign_app.lib.errors import Conflict
from campaign_app.lib.tenancy import HasId
from campaign_app.models.campaigns import Campaign, CampaignGroup
from campaign_app.models.recipients import Group
from campaign_app.services import group_endings

Heritage = Mapping[str, Any]
"""As plain values: whom campaigns had `chosen` before, and the campaigns that the heir was `added`
to."""


@dataclass(frozen=True, slots=True)
class Succession:
    """Groups that end, and the one that takes their place."""

    sources: Collection[int]
    heir: int
    heritage: Heritage = field(default_factory=dict)

    @property
    def group_ids(self) -> Collection[int]:
        """All of them."""
        return [*self.sources, self.heir]


# A campaign that is to go to (or to spare) a merged group goes to the one it became part of; also
# one that has started and is not planned yet: without its exclusions it would mail too many.
_FOLLOW = text(
    """
    INSERT INTO campaign_groups (workspace_id, campaign_id, group_id, excluded)
    SELECT cg.workspace_id, cg.campaign_id, :heir, bool_and(cg.excluded)
    FROM campaign_groups cg
    JOIN campaigns c ON c.workspace_id = :workspace AND c.id = cg.campaign_id
    WHERE cg.workspace_id = :workspace AND cg.group_id = ANY(:sources)
      AND c.planned_at IS NULL
    GROUP BY cg.workspace_id, cg.campaign_id
    ON CONFLICT DO NOTHING
    RETURNING campaign_id
    """
)
# Only where the heir is still chosen as it was: a later choice stands.
_COME_BACK = text(
    """
    INSERT INTO campaign_groups (workspace_id, campaign_id, group_id, excluded)
    SELECT now.workspace_id, now.campaign_id, g.id, was.excluded
    FROM jsonb_to_recordset(CAST(:chosen AS jsonb))
         AS was(campaign_id bigint, group_id bigint, excluded boolean)
    JOIN campaign_groups now ON now.workspace_id = :workspace
     AND now.campaign_id = was.campaign_id AND now.group_id = :heir
     AND now.excluded = was.excluded
    JOIN campaigns c ON c.workspace_id = :workspace AND c.id = was.campaign_id
     AND c.planned_at IS NULL
    JOIN groups g ON g.workspace_id = :workspace AND g.id = was.group_id AND NOT g.hidden
    ON CONFLICT DO NOTHING
    """
)
_STEP_DOWN = text(
    """
    DELETE FROM campaign_groups heir USING campaigns c
    WHERE heir.workspace_id = :workspace AND heir.group_id = :heir
      AND heir.campaign_id = ANY(:added)
      AND c.workspace_id = :workspace AND c.id = heir.campaign_id AND c.planned_at IS NULL
      AND EXISTS (
          SELECT FROM campaign_groups back
          WHERE back.workspace_id = :workspace AND back.campaign_id = heir.campaign_id
            AND back.group_id = ANY(:sources) AND back.excluded = heir.excluded)
    """
)


def hold(workspace: HasId, ids: Collection[int]) -> None:
    """Let no campaign choose one of these groups until the caller has committed."""
    rows = select(Group.id).where(Group.workspace_id == workspace.id, Group.id == any_id(ids))
    db.session.execute(rows.order_by(Group.id).with_for_update())  # in one order: no deadlock


def insist(workspace: HasId, merge: Succession) -> None:
    """Hold the groups. Raises Conflict when a campaign goes to one of them and spares another."""
    hold(workspace, merge.group_ids)
    if torn := group_endings.torn(workspace, merge.group_ids):
        raise Conflict(
            f"“{torn[0]}” goes to one of these groups and leaves another out. Change its audience"
            " first."
        )


def succeed(workspace: HasId, merge: Succession, *, purge_after: datetime) -> Heritage:
    """End the sources, and let campaigns that are not planned yet choose their heir instead.

    Gives what `come_back` needs to know. Raises Conflict, as `insist`.
    """
    insist(workspace, merge)
    former = db.session.execute(
        select(CampaignGroup.campaign_id, CampaignGroup.group_id, CampaignGroup.excluded)
        .join(Campaign, Campaign.id == CampaignGroup.campaign_id)
        .where(
            CampaignGroup.workspace_id == workspace.id,
            CampaignGroup.group_id == any_id(merge.sources),
            Campaign.workspace_id == workspace.id,
            Campaign.planned_at.is_(None),
        )
    ).mappings()
    chosen = [dict(row) for row in former]
    values = {"workspace": workspace.id, "sources": list(merge.sources), "heir": merge.heir}
    added = db.session.scalars(_FOLLOW, values).all()
    group_endings.hide(workspace, merge.sources, purge_after=purge_after)
    return {"chosen": chosen, "added": list(added)}


def come_back(workspace: HasId, merge: Succession | None) -> None:
    """Show the sources again, and let the campaigns choose them as before, beside their heir.

    It comes first of all in an undo: whoever leaves the heir afterwards is never out of both.
    """
    if merge is None:
        return
    hold(workspace, merge.group_ids)
    group_endings.show_again(workspace, merge.sources)
    db.session.flush()
    chosen = json.dumps(merge.heritage.get("chosen", []))
    values = {"workspace": workspace.id, "heir": merge.heir, "chosen": chosen}
    db.session.execute(_COME_BACK, values)


def step_down(workspace: HasId, merge: Succession | None) -> None:
    """Take the heir off the campaigns that it had come to, where the sources are back."""
    if merge is None:
        return
    hold(workspace, merge.group_ids)
    values = {"workspace": workspace.id, "sources": list(merge.sources), "heir": merge.heir}
    db.session.execute(_STEP_DOWN, {**values, "added": list(merge.heritage.get("added", []))})
