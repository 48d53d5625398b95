"""The list of campaigns, with how far each is and what came of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Select, func, or_, select, union_all
from sqlalchemy.orm import defer

from campaign_app.extensions import db
from campaign_app.lib import like, paging, shares
from campaign_app.lib.paging import Page
from campaign_app.lib.tenancy import HasId, owned_by
from campaign_app.models.campaigns import Campaign, CampaignGroup, CampaignStatus
from campaign_app.models.recipients import Group
from campaign_app.models.segments import CampaignSegment, Segment
from campaign_app.models.senders import Sender
from campaign_app.models.tracking import Engagement
from campaign_app.services import live_counts, progress
from campaign_app.services.progress import Counts

PAGE_SIZE = 25


@dataclass(frozen=True, slots=True)
class Moving:
    """A campaign and how far it is."""

    campaign: Campaign
    counts: Counts

    @property
    def percent_done(self) -> float:
        """0 to 100."""
        return shares.percent(self.counts.done, self.counts.total)


@dataclass(frozen=True, slots=True)
class Row(Moving):
    """A campaign in the list. `opened` counts messages, each once."""

    opened: int
    groups: Sequence[str]
    """The names of the chosen groups."""


def page(
    workspace: HasId, *, status: CampaignStatus | None = None, search: str = "", number: int = 1
) -> Page[Row]:
    """Campaigns in this status whose name holds `search`, the newest first."""
    query = _light(workspace)
    if status:
        query = query.where(Campaign.status == status)
    if search:
        query = query.where(Campaign.name.ilike(like.containing(search)))
    found = paging.read(query.order_by(Campaign.id.desc()), number=number, size=PAGE_SIZE)
    return Page(_rows(workspace, found.items), found.number, found.total, found.size)


def after(
    workspace: HasId, *, status: CampaignStatus | None = None, place: int = 0, size: int = 100
) -> Sequence[Campaign]:
    """The newest campaigns in this status; those older than the id `place`, where it is given."""
    query = _light(workspace)
    if status:
        query = query.where(Campaign.status == status)
    if place:
        query = query.where(Campaign.id < place)
    return db.session.scalars(query.order_by(Campaign.id.desc()).limit(size)).all()


def live(workspace: HasId, ids: Sequence[int]) -> list[tuple[Moving, str]]:
    """Those of the ids that are the workspace's own campaigns, each with what it waits for."""
    found = db.session.scalars(_light(workspace).where(Campaign.id.in_(ids))).all()
    counts = live_counts.of(workspace, found)
    senders = _senders(workspace, found)
    return [
        (
            Moving(one, counts[one.id]),
            progress.waiting_for(
                workspace, one, counts[one.id], sender=senders.get(one.sender_id or 0)
            ),
        )
        for one in found
    ]


def by_status(workspace: HasId) -> dict[CampaignStatus, int]:
    """How many campaigns there are in each status; a status without any is missing."""
    rows = db.session.execute(
        select(Campaign.status, func.count().label("number"))
        .where(Campaign.workspace_id == workspace.id)
        .group_by(Campaign.status)
    )
    return {row.status: row.number for row in rows}


def _light(workspace: HasId) -> Select[Campaign]:
    """Campaigns without their bodies, which no list shows: up to three megabytes each."""
    return owned_by(workspace, Campaign).options(
        defer(Campaign.html, raiseload=True), defer(Campaign.text, raiseload=True)
    )


def names(
    workspace: HasId, *, most: int, besides: Collection[int] = ()
) -> Sequence[tuple[int, str]]:
    """Id and name of the latest campaigns that have started, and of those named `besides`."""
    started = select(Campaign.id).where(
        Campaign.workspace_id == workspace.id, Campaign.started_at.is_not(None)
    )
    latest = started.order_by(Campaign.id.desc()).limit(most)
    rows = db.session.execute(
        select(Campaign.id, Campaign.name)
        .where(Campaign.workspace_id == workspace.id)
        .where(or_(Campaign.id.in_(latest), Campaign.id.in_(besides)))
        .order_by(Campaign.id.desc())
    )
    return [(row.id, row.name) for row in rows]


def _rows(workspace: HasId, found: Sequence[Campaign]) -> list[Row]:
    ids = [campaign.id for campaign in found]
    counts = live_counts.of(workspace, found)
    opened, groups = _opened(workspace, ids), _groups(workspace, ids)
    return [
        Row(one, counts[one.id], opened.get(one.id, 0), groups.get(one.id, ())) for one in found
    ]


def _senders(workspace: HasId, found: Sequence[Campaign]) -> dict[int, Sender]:
    ids = {campaign.sender_id for campaign in found if campaign.status == CampaignStatus.SENDING}
    if not ids:
        return {}
    senders = db.session.scalars(owned_by(workspace, Sender).where(Sender.id.in_(ids))).all()
    return {sender.id: sender for sender in senders}


def _opened(workspace: HasId, ids: Sequence[int]) -> dict[int, int]:
    rows = db.session.execute(
        select(Engagement.campaign_id, func.sum(Engagement.unique_opens).label("opened"))
        .where(Engagement.workspace_id == workspace.id, Engagement.campaign_id.in_(ids))
        .group_by(Engagement.campaign_id)
    )
    return {row.campaign_id: int(row.opened) for row in rows}


def _groups(workspace: HasId, ids: Sequence[int]) -> dict[int, list[str]]:
    """The names of the groups and segments that each goes to."""
    groups = (
        select(CampaignGroup.campaign_id, Group.name)
        .join(Group, Group.id == CampaignGroup.group_id)
        .where(
            CampaignGroup.workspace_id == workspace.id,
            Group.workspace_id == workspace.id,
            CampaignGroup.campaign_id.in_(ids),
            ~CampaignGroup.excluded,
        )
    )
    segments = (
        select(CampaignSegment.campaign_id, Segment.name)
        .join(Segment, Segment.id == CampaignSegment.segment_id)
        .where(
            CampaignSegment.workspace_id == workspace.id,
            Segment.workspace_id == workspace.id,
            CampaignSegment.campaign_id.in_(ids),
            ~CampaignSegment.excluded,
        )
    )
    both = union_all(groups, segments).subquery()
    names: dict[int, list[str]] = {}
    for row in db.session.execute(select(both).order_by(func.lower(both.c.name))):
        names.setdefault(row.campaign_id, []).append(row.name)
    return names
