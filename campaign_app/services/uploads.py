"""Files that come in parts: what may begin, which parts are right, what is over.

Bytes are moved by the engine `campaign_app.imports.uploads` and the stores; here are the rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import PurePath

from sqlalchemy import func, select, update

from campaign_app.extensions import db
from campaign_app.lib import clock
from campaign_app.lib.errors import Conflict, Invalid, InvalidEntries, NotFound
from campaign_app.lib.storage import Gone, Part, Plan
from campaign_app.lib.tenancy import HasId, get_owned, owned_by
from campaign_app.models.campaigns import EDITABLE, Campaign
from campaign_app.models.people import User
from campaign_app.models.uploads import Upload, UploadState
from campaign_app.services import imports, transitions

KEPT_OPEN = timedelta(days=3)
"""How long an unfinished upload can be resumed."""
ADDRESS_LASTS = timedelta(days=1)
"""How long a part's address is good; a new one is given for the asking."""
MOST_OPEN = 20
"""Unfinished uploads of one workspace: each takes room."""
MAX_NAME = 200


@dataclass(frozen=True, slots=True)
class Source:
    """A file: its name, its bytes, where it lies once it does, and who joins what by it."""

    filename: str
    size: int = 0
    key: str = ""
    campaign_id: int | None = None
    """Its people join this campaign's audience."""
    group_ids: Sequence[int] = ()


def check(workspace: HasId, source: Source, *, most: int) -> None:
    """Raise Invalid for a file that cannot be taken, Conflict when too many are unfinished.

    `most` is in bytes.
    """
    if not source.filename.strip():
        raise Invalid("Give the file's name.", field="filename")
    if source.size < 1:
        raise Invalid("This file is empty.", field="size")
    if source.size > most:
        message = f"This file is larger than {shown(most)}, which is the most that is accepted."
        raise Invalid(message, field="size")
    unfinished = select(func.count()).where(
        Upload.workspace_id == workspace.id, Upload.state == UploadState.OPEN
    )
    if (db.session.scalar(unfinished) or 0) >= MOST_OPEN:
        raise Conflict(
            f"{MOST_OPEN} uploads are unfinished already. Complete or abort some of them first."
        )


def refuse_unless_editable(campaign: Campaign) -> None:
    """Raise Conflict when the campaign's audience cannot change any more."""
    if campaign.status not in EDITABLE:
        raise transitions.refusal(campaign, "given more recipients")


def add(workspace: HasId, source: Source, plan: Plan, *, user: User) -> Upload:
    """Remember a file that is going to come."""
    row = Upload(
        workspace_id=workspace.id,
        user_id=user.id,
        campaign_id=source.campaign_id,
        group_ids=imports.own_groups(workspace, source.group_ids),
        filename=plain_name(source.filename),
        size=plan.size,
        part_size=plan.part_size,
        storage_key=plan.key,
        external_id=plan.external_id,
        expires_at=clock.now() + KEPT_OPEN,
    )
    db.session.add(row)
    db.session.flush()
    return row


def source_of(row: Upload) -> Source:
    """What is known of the file."""
    return Source(row.filename, row.size, row.storage_key, row.campaign_id, row.group_ids)


def get(workspace: HasId, upload_id: int, *, campaign: Campaign | None = None) -> Upload:
    """The workspace's own upload, for this campaign if one is named. Raises NotFound."""
    row = get_owned(workspace, Upload, upload_id)
    if campaign is not None and row.campaign_id != campaign.id:
        raise NotFound
    return row


def hold(workspace: HasId, row: Upload) -> Upload:
    """Hold its row until the commit: it becomes one import, or is aborted, once.

    Raises NotFound.
    """
    query = owned_by(workspace, Upload).where(Upload.id == row.id)
    held = db.session.scalars(
        query.with_for_update().execution_options(populate_existing=True)
    ).one_or_none()
    if held is None:
        raise NotFound
    return held


def open_until(row: Upload) -> datetime:
    """Until when the addresses of its parts are good. Raises Gone when it is over."""
    moment = clock.now()
    if row.state != UploadState.OPEN or row.expires_at <= moment:
        raise Gone
    return min(row.expires_at, moment + ADDRESS_LASTS)


def prolong(row: Upload) -> None:
    """Give somebody who goes on the whole time again."""
    open_until(row)
    row.expires_at = clock.now() + KEPT_OPEN


def abort(workspace: HasId, row: Upload) -> None:
    """Give it up; an aborted one stays so. Raises Conflict when it has become an import."""
    db.session.execute(
        update(Upload)
        .where(
            Upload.workspace_id == workspace.id,
            Upload.id == row.id,
            Upload.state == UploadState.OPEN,
        )
        .values(state=UploadState.ABORTED)
    )
    if hold(workspace, row).state == UploadState.COMPLETE:
        raise Conflict("This upload is complete already. Stop or discard its import instead.")


def whole(plan: Plan, present: Sequence[Part], given: Mapping[int, str] | None) -> list[Part]:
    """The parts that make the file, in order, if all are there and are those that were `given`.

    `given` are the ETags by number; None trusts what is there. Raises Invalid or InvalidEntries
    with field "parts", and says which part is to be sent again.
    """
    there = {part.number: part for part in present}
    if given is not None:
        _compare(plan, there, given)
    wrong = [n for n in range(1, plan.count + 1) if _is_wrong(plan, there.get(n), n)]
    if wrong:
        more = f" and {len(wrong) - 1:,} more" if len(wrong) > 1 else ""
        message = f"Part {wrong[0]}{more} of {plan.count:,} is missing or has the wrong size."
        raise Invalid(f"{message} Send it again.", field="parts")
    return [there[number] for number in range(1, plan.count + 1)]


def _compare(plan: Plan, there: Mapping[int, Part], given: Mapping[int, str]) -> None:
    wrong: dict[int, str] = {}
    for place, (number, etag) in enumerate(given.items()):
        if not 1 <= number <= plan.count:
            wrong[place] = f"There is no part {number}: the file has {plan.count:,}."
        elif number not in there:
            wrong[place] = f"Part {number} has not arrived. Send it again."
        elif plain_etag(there[number].etag) != plain_etag(etag):
            wrong[place] = f"Part {number} is another one than this ETag's. Send it again."
    if wrong:
        raise InvalidEntries(wrong, field="parts")
    if missing := [number for number in range(1, plan.count + 1) if number not in given]:
        raise Invalid(f"Part {missing[0]} is not named.", field="parts")


def _is_wrong(plan: Plan, part: Part | None, number: int) -> bool:
    return part is None or part.size != plan.length(number)


def plain_etag(etag: str) -> str:
    """An ETag without its quotation marks, which not everybody keeps."""
    return etag.strip().strip('"').lower()


def plain_name(filename: str) -> str:
    """The file's own name, without the folders that some browsers send."""
    name = PurePath(filename.replace("\\", "/")).name.strip()
    return "".join(sign for sign in name if sign.isprintable())[:MAX_NAME] or "Untitled"


def shown(size: int) -> str:
    """Bytes for people: "16 GB"."""
    for unit, name in ((1024**3, "GB"), (1024**2, "MB"), (1024, "kB")):
        if size >= unit:
            return f"{size / unit:.3g} {name}"
    return f"{size} bytes"
