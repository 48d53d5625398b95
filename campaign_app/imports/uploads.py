"""Uploaded files on their way to becoming imports.

The bytes lie in a store, which may be a bucket elsewhere, so no transaction is open while one is
asked. Whoever reads an import's file takes the application's `extensions["stores"]`, and
`with stores.local_path(row.storage_key) as path:`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import IO

from campaign_app.extensions import db
from campaign_app.imports import mapping as columns_of
from campaign_app.imports import preview
from campaign_app.imports.dialects import Dialect
from campaign_app.imports.mapping import Column, Target
from campaign_app.lib.errors import CarillonError, Invalid
from campaign_app.lib.storage import Part
from campaign_app.lib.stores import Stores
from campaign_app.lib.tenancy import HasId
from campaign_app.models.imports import Import
from campaign_app.models.people import User
from campaign_app.models.uploads import Upload, UploadState
from campaign_app.services import audience, campaigns, import_choices, imports, transitions
from campaign_app.services import uploads as rows
from campaign_app.services.import_choices import Choices
from campaign_app.services.uploads import Source

HEAD_BYTES = 4 * 1024 * 1024
"""Of a text in a bucket, what is read before somebody waits for the columns."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a client must know to send the parts: the address of each that is missing.

    Of parts that are one file already, none is named, and none is missing.
    """

    upload: Upload
    present: Sequence[Part]
    addresses: Mapping[int, str]


Wishes = Mapping[str, str]
"""Column → what it becomes: a target's name, or that of an attribute."""


def begin(workspace: HasId, stores: Stores, source: Source, *, most: int, user: User) -> Offer:
    """Begin an upload of at most so many bytes.

    Raises Invalid, Conflict when the campaign cannot be changed any more or too many uploads are
    unfinished, NoRoom, Unavailable.
    """
    rows.check(workspace, source, most=most)
    if source.campaign_id is not None:
        rows.refuse_unless_editable(campaigns.get(workspace, source.campaign_id))
    db.session.commit()
    plan = stores.new.begin(source.size)
    try:
        upload = rows.add(workspace, source, plan, user=user)
        db.session.commit()
    except BaseException:  # whatever it was: no parts without a row
        stores.new.abort(plan)
        raise
    return _offer(stores, upload, [])


def resume(upload: Upload, stores: Stores) -> Offer:
    """What has arrived, and fresh addresses for the rest. Raises Gone, Unavailable.

    Nothing is missing of one that is complete: whoever lost the answer completes it again.
    """
    if upload.import_id is not None:
        return Offer(upload, (), {})
    rows.prolong(upload)
    plan = upload.plan
    db.session.commit()
    present = stores.of(plan.key).parts(plan)
    return _offer(stores, upload, present)


def abort(workspace: HasId, upload: Upload, stores: Stores) -> None:
    """Give an upload up, with all that has arrived. Raises Conflict for one that is complete."""
    rows.abort(workspace, upload)
    plan = upload.plan
    db.session.commit()
    stores.of(plan.key).abort(plan)


def complete(
    workspace: HasId,
    upload: Upload,
    stores: Stores,
    *,
    given: Mapping[int, str] | None = None,
    wishes: Wishes | None = None,
    user: User,
) -> Import:
    """Make one file of the parts, and an import of the file; for a campaign, it is started.

    Can be repeated, even at the same time: it gives the same import again. `given` are the ETags
    by number. Raises Invalid, Conflict, Gone, Unavailable; what has arrived stays then, to be
    completed otherwise.
    """
    if upload.state == UploadState.COMPLETE and upload.import_id:
        return imports.get(workspace, upload.import_id)
    rows.open_until(upload)
    try:
        _assemble(upload, stores, given)
        dialect, columns = look(workspace, stores, rows.source_of(upload), wishes=wishes)
    except (CarillonError, FileNotFoundError):
        # Somebody else completed it meanwhile, and the file may be imported and gone already.
        if made := _made_meanwhile(workspace, upload):
            return made
        raise
    return _make(workspace, upload, dialect, columns, user)


def _make(
    workspace: HasId, upload: Upload, dialect: Dialect, columns: Sequence[Column], user: User
) -> Import:
    """The import of a file that has been looked into, unless another has made it just now."""
    held = rows.hold(workspace, upload)
    if held.import_id is None:
        rows.open_until(held)  # nobody has aborted it meanwhile
        source = rows.source_of(held)
        held.import_id = add_import(workspace, source, dialect, columns, user=user).id
        held.state = UploadState.COMPLETE
    made = imports.get(workspace, held.import_id)
    db.session.commit()
    return made


def _assemble(upload: Upload, stores: Stores, given: Mapping[int, str] | None) -> None:
    """Make the file, unless it is made: by a try that was broken off, or by another just now."""
    if upload.assembled:
        return
    plan, store = upload.plan, stores.of(upload.storage_key)
    db.session.commit()
    present = store.parts(plan)
    if present is not None:
        store.assemble(plan, rows.whole(plan, present, given))
    upload.assembled = True
    db.session.commit()


def _made_meanwhile(workspace: HasId, upload: Upload) -> Import | None:
    """The import, if there is one by now. Raises Gone for an upload that was aborted."""
    db.session.rollback()
    held = rows.hold(workspace, upload)
    if held.import_id is None:
        rows.open_until(held)
    made = imports.get(workspace, held.import_id) if held.import_id else None
    db.session.commit()
    return made


def take_in(
    workspace: HasId,
    stores: Stores,
    stream: IO[bytes],
    source: Source,
    *,
    wishes: Wishes | None = None,
    user: User,
) -> Import:
    """Make an import of a file that has come whole; the key and size of `source` are made here.

    For a campaign, it is started. Raises Invalid, Conflict, NoRoom, Unavailable; nothing is left
    behind then.
    """
    db.session.commit()
    key, size = stores.keep(stream)
    try:
        kept = replace(source, key=key, size=size)
        dialect, columns = look(workspace, stores, kept, wishes=wishes)
        made = add_import(workspace, kept, dialect, columns, user=user)
        db.session.commit()
    except BaseException:  # whatever it was: no file without a row
        db.session.rollback()
        stores.discard(key)
        raise
    return made


def look(
    workspace: HasId, stores: Stores, source: Source, *, wishes: Wishes | None = None
) -> tuple[Dialect, list[Column]]:
    """How a file is read, and what its columns are. Raises Invalid for what is no table."""
    former = import_choices.former_mapping(workspace)
    db.session.commit()
    with stores.local_path(source.key, head=HEAD_BYTES) as path:
        dialect = preview.detect(path, size=source.size)
        columns = preview.preview(path, dialect, former=former, size=source.size).columns
    return dialect, _wished(columns, wishes or {})


def add_import(
    workspace: HasId, source: Source, dialect: Dialect, columns: Sequence[Column], *, user: User
) -> Import:
    """The import of a file that has been looked into. The caller commits, and rings for one that
    is a campaign's: that one is started, and nobody is asked.
    """
    made = imports.create(
        workspace,
        upload=imports.Upload(rows.plain_name(source.filename), source.key, source.size),
        options=dialect.as_options(),
        mapping=[column.as_entry() for column in columns],
        group_ids=source.group_ids,
        user=user,
    )
    if source.campaign_id is not None:
        _check(columns)
        _start(workspace, made, source.campaign_id, user)
    return made


def _check(columns: Sequence[Column]) -> None:
    try:
        columns_of.check(columns)
    except Invalid as error:  # a program has no field for each column
        raise Invalid(error.message, field="mapping") from None


def _start(workspace: HasId, made: Import, campaign_id: int, user: User) -> None:
    campaign = campaigns.get(workspace, campaign_id)
    transitions.lock(campaign, "given more recipients")
    own = audience.own_group(workspace, campaign)
    choices = Choices(group_ids=[own], permission=True)
    import_choices.choose(workspace, made, choices=choices, user=user)
    imports.start(workspace, made, user=user)


def _offer(stores: Stores, upload: Upload, present: Sequence[Part] | None) -> Offer:
    arrived = {part.number for part in present or ()}
    plan = upload.plan
    wanted = [number for number in range(1, plan.count + 1) if number not in arrived]
    if present is None:
        wanted = []
    until = rows.open_until(upload)
    addresses = stores.of(upload.storage_key).addresses(plan, wanted, until=until)
    return Offer(upload, present or (), dict(zip(wanted, addresses, strict=True)))


def _wished(columns: Sequence[Column], wishes: Wishes) -> list[Column]:
    """The columns, with those that somebody has named as they wish."""
    known = {column.header for column in columns}
    if unknown := [header for header in wishes if header not in known]:
        message = f"There is no column “{unknown[0]}”: there are {', '.join(sorted(known))}."
        raise Invalid(message, field="mapping")
    return [
        _as_wished(column, wishes[column.header]) if column.header in wishes else column
        for column in columns
    ]


def _as_wished(column: Column, wish: str) -> Column:
    if wish in set(Target) - {Target.ATTRIBUTE}:
        return Column(column.header, Target(wish))
    return Column(column.header, Target.ATTRIBUTE, wish)
