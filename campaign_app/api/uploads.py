"""Files of recipients for a campaign: small ones at once, large ones in parts."""

from __future__ import annotations

from urllib.parse import urljoin

from flask import current_app, g, request
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from campaign_app.api.problems import BadInputError
from campaign_app.api.reading import SentFile
from campaign_app.api.routes import Routes, after_commit
from campaign_app.api.shapes import BIGGEST_ID, Body, Id, Out, Query, Text
from campaign_app.imports import uploads as engine
from campaign_app.lib.errors import Invalid
from campaign_app.lib.stores import Stores
from campaign_app.models.campaigns import Campaign
from campaign_app.services import campaigns, uploads
from campaign_app.services.uploads import Source
from campaign_app.tasks import jobs

routes = Routes("campaigns", load=campaigns.get)

MAPPING = (
    "What columns become, by their headers: `email`, `name`, `first_name`, `last_name`, `ignore`, "
    "or the name of an attribute. A column that is left out is matched by its header and values."
)
MOST_PARTS = 10_000
Mapping = dict[Text, Text]


class FileName(Query):
    """What a file is called that is the body itself."""

    filename: Text = Field("", max_length=uploads.MAX_NAME, description="The file's name.")


class NewUpload(Body):
    """A file that is going to come in parts."""

    filename: Text = Field(min_length=1, max_length=uploads.MAX_NAME)
    size: int = Field(ge=1, le=BIGGEST_ID, description="Bytes.")


class UploadId(Body):
    """Which upload."""

    upload_id: Id


class SentPart(Body):
    """A part, and what its PUT answered."""

    number: int = Field(ge=1, le=MOST_PARTS)
    etag: Text = Field(min_length=1, max_length=200)


class Completion(Body):
    """The parts, and what the columns are."""

    upload_id: Id
    parts: list[SentPart] = Field(
        max_length=MOST_PARTS,
        description="Each of them; may be empty when `upload/resume` says that none is missing "
        "and names none: they are one file already.",
    )
    mapping: Mapping | None = Field(default=None, description=MAPPING)


class UploadOut(Out):
    """Where the parts go."""

    upload_id: int
    part_size: int = Field(description="Bytes of each part but the last, which is the rest.")
    urls: list[str] = Field(
        description="Where each part is to be PUT, in order; good for a day. A PUT answers an "
        "`ETag`, and may be repeated."
    )


class MissingPart(BaseModel):
    """A part that has not arrived."""

    number: int
    url: str


class ArrivedPart(BaseModel):
    """A part that has arrived."""

    number: int
    etag: str


class UploadState(Out):
    """What has arrived, and where the rest goes."""

    upload_id: int
    part_size: int
    parts: list[ArrivedPart]
    missing: list[MissingPart] = Field(description="With fresh addresses, good for a day.")


class Begun(Out):
    """The import that came of it."""

    import_id: int


@routes.post("/<int:campaign_id>/upload", conflicts=True)
def upload(campaign: Campaign, query: FileName, file: SentFile) -> Begun:
    """Import a small file: whoever is in it joins the campaign's audience.

    CSV or .xlsx, up to 16 MB: the field `file` of a form, or the body itself. The import runs in
    the background; follow it at `/imports/{import_id}`. Refused (409) unless the campaign is a
    draft or scheduled.
    """
    uploads.refuse_unless_editable(campaign)
    source = Source(query.filename or file.filename or "Upload", campaign_id=campaign.id)
    wishes = _wishes(file.fields.get("mapping"))
    made = engine.take_in(g.workspace, _stores(), file.stream, source, wishes=wishes, user=g.user)
    after_commit(jobs.ring_import, made.id)
    return Begun(import_id=made.id)


@routes.post("/<int:campaign_id>/upload/init", conflicts=True)
def upload_init(campaign: Campaign, body: NewUpload) -> UploadOut:
    """Begin an upload in parts: for files of any size.

    PUT each part's bytes to its address, several at a time if you like, without your token; then
    complete it. What is neither completed nor gone on with for three days is removed.
    """
    source = Source(body.filename, body.size, campaign_id=campaign.id)
    most = current_app.extensions["carillon_config"].max_upload_bytes
    offer = engine.begin(g.workspace, _stores(), source, most=most, user=g.user)
    urls = [_absolute(url) for url in offer.addresses.values()]
    return UploadOut(upload_id=offer.upload.id, part_size=offer.upload.part_size, urls=urls)


@routes.post("/<int:campaign_id>/upload/resume", conflicts=True)
def upload_resume(campaign: Campaign, body: UploadId) -> UploadState:
    """See which parts of an upload have arrived, and get new addresses for the others."""
    row = uploads.get(g.workspace, body.upload_id, campaign=campaign)
    offer = engine.resume(row, _stores())
    return UploadState(
        upload_id=offer.upload.id,
        part_size=offer.upload.part_size,
        parts=[ArrivedPart(number=part.number, etag=part.etag) for part in offer.present],
        missing=[
            MissingPart(number=number, url=_absolute(url))
            for number, url in offer.addresses.items()
        ],
    )


@routes.post("/<int:campaign_id>/upload/complete", conflicts=True)
def upload_complete(campaign: Campaign, body: Completion) -> Begun:
    """Make an import of the parts that have arrived: whoever is in the file joins the audience.

    A part that is missing, or is not the one its ETag names, is refused and may be sent again.
    Completing again gives the same import.
    """
    row = uploads.get(g.workspace, body.upload_id, campaign=campaign)
    given = {part.number: part.etag for part in body.parts}
    if len(given) < len(body.parts):
        raise Invalid("A part is named twice.", field="parts")
    made = engine.complete(
        g.workspace, row, _stores(), given=given, wishes=body.mapping, user=g.user
    )
    after_commit(jobs.ring_import, made.id)
    return Begun(import_id=made.id)


@routes.post("/<int:campaign_id>/upload/abort", status=204, conflicts=True)
def upload_abort(campaign: Campaign, body: UploadId) -> None:
    """Give an upload up; what has arrived is removed. Repeating it does no harm."""
    row = uploads.get(g.workspace, body.upload_id, campaign=campaign)
    engine.abort(g.workspace, row, _stores())


def _wishes(text: str | None) -> Mapping | None:
    """The field `mapping` of a form, which is JSON."""
    if not text:
        return None
    try:
        return TypeAdapter(Mapping).validate_json(text)
    except ValidationError:
        message = "mapping: Write this as a JSON object of texts by column headers."
        raise BadInputError(message) from None


def _absolute(url: str) -> str:
    """An address of our own as programs need it; a bucket's is whole already."""
    return urljoin(request.url_root, url)


def _stores() -> Stores:
    stores: Stores = current_app.extensions["stores"]
    return stores
