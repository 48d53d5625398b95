"""What a campaign's author chose: groups and segments to mail, groups and segments to leave out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import delete, func, select

from campaign_app.extensions import db
from campaign_app.lib.arrays import any_id
from campaign_app.lib.errors import Invalid
from campaign_app.lib.tenancy import HasId, owned_by
from campaign_app.models.campaigns import Campaign, CampaignGroup
from campaign_app.models.recipients import Group
from campaign_app.models.segments import CampaignSegment, Segment

Row = TypeVar("Row", CampaignGroup, CampaignSegment)


@dataclass(frozen=True, slots=True)
class Choice:
    """Ids; whoever is in something excluded is left out, whatever else they are in."""

    group_ids: Collection[int] = ()
    segment_ids: Collection[int] = ()
    exclude_group_ids: Collection[int] = ()
    exclude_segment_ids: Collection[int] = ()

    @property
    def names_segments(self) -> bool:
        """Whether a segment is part of it."""
        return bool(self.segment_ids or self.exclude_segment_ids)


def of(workspace: HasId, campaign: Campaign) -> Choice:
    """What is chosen now, without the campaign's own group."""
    groups = _rows(workspace, campaign, CampaignGroup)
    parts = _rows(workspace, campaign, CampaignSegment)
    return Choice(
        group_ids=[row.group_id for row in groups if not row.excluded],
        segment_ids=[row.segment_id for row in parts if not row.excluded],
        exclude_group_ids=[row.group_id for row in groups if row.excluded],
        exclude_segment_ids=[row.segment_id for row in parts if row.excluded],
    )


def save(workspace: HasId, campaign: Campaign, choice: Choice) -> None:
    """Make this the choice.

    Raises Invalid when something is not the workspace's, or both chosen and excluded.
    """
    _refuse_both(choice.group_ids, choice.exclude_group_ids, "group")
    _refuse_both(choice.segment_ids, choice.exclude_segment_ids, "segment")
    own = _held(workspace, {*choice.group_ids, *choice.exclude_group_ids})
    _insist(own, choice.group_ids, "group_ids")
    _insist(own, choice.exclude_group_ids, "exclude_group_ids")
    own = set(db.session.scalars(owned_by(workspace, Segment).with_only_columns(Segment.id)))
    _insist(own, choice.segment_ids, "segment_ids")
    _insist(own, choice.exclude_segment_ids, "exclude_segment_ids")
    _replace(workspace, campaign, choice)


def names(workspace: HasId, campaign: Campaign) -> tuple[list[str], list[str]]:
    """What is chosen and what is left out, by name."""
    found: tuple[list[str], list[str]] = ([], [])
    for link, named, of_link in (
        (CampaignGroup, Group, CampaignGroup.group_id),
        (CampaignSegment, Segment, CampaignSegment.segment_id),
    ):
        rows = db.session.execute(
            select(named.name, link.excluded)
            .join(link, of_link == named.id)
            .where(
                named.workspace_id == workspace.id,
                link.workspace_id == workspace.id,
                link.campaign_id == campaign.id,
            )
            .order_by(func.lower(named.name))
        )
        for name, excluded in rows:
            found[excluded].append(name)
    return found


def _rows(workspace: HasId, campaign: Campaign, model: type[Row]) -> Sequence[Row]:
    order = CampaignGroup.group_id if model is CampaignGroup else CampaignSegment.segment_id
    return db.session.scalars(
        owned_by(workspace, model).where(model.campaign_id == campaign.id).order_by(order)
    ).all()


def _held(workspace: HasId, ids: Collection[int]) -> set[int]:
    """Those of the ids that are groups of the workspace; none is deleted or merged meanwhile."""
    groups = owned_by(workspace, Group).where(~Group.hidden, Group.id == any_id(ids))
    held = groups.order_by(Group.id).with_for_update(read=True, key_share=True)
    return set(db.session.scalars(held.with_only_columns(Group.id)))


def _refuse_both(chosen: Collection[int], excluded: Collection[int], noun: str) -> None:
    if set(chosen) & set(excluded):
        message = f"The same {noun} cannot be both chosen and left out."
        raise Invalid(message, field=f"exclude_{noun}_ids")


def _insist(own: Collection[int], ids: Collection[int], field: str) -> None:
    if set(ids) - set(own):
        noun = "groups" if "group" in field else "segments"
        message = f"One of these {noun} does not exist in this workspace. Choose again."
        raise Invalid(message, field=field)


def _replace(workspace: HasId, campaign: Campaign, choice: Choice) -> None:
    whose = {"workspace_id": workspace.id, "campaign_id": campaign.id}
    for model in (CampaignGroup, CampaignSegment):
        db.session.execute(
            delete(model).where(
                model.workspace_id == workspace.id, model.campaign_id == campaign.id
            )
        )
    for excluded, groups, parts in (
        (False, choice.group_ids, choice.segment_ids),
        (True, choice.exclude_group_ids, choice.exclude_segment_ids),
    ):
        for group in sorted(set(groups)):
            db.session.add(CampaignGroup(**whose, group_id=group, excluded=excluded))
        for part in sorted(set(parts)):
            db.session.add(CampaignSegment(**whose, segment_id=part, excluded=excluded))
    db.session.flush()
