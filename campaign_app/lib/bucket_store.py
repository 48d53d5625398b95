"""Uploaded files in an S3 bucket: their bytes never pass through our web server."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast
from urllib.parse import urlsplit

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from campaign_app.lib import clock, logs
from campaign_app.lib.errors import Conflict, Invalid, Unavailable
from campaign_app.lib.folder_store import FILE_GONE
from campaign_app.lib.storage import (
    AWAY,
    BUCKET_KEY,
    Bucket,
    Gone,
    NoRoom,
    Part,
    Plan,
    part_size_for,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

PREFIX = "carillon-uploads/"
"""What the names of our objects begin with: the bucket may hold other things."""
CACHE = "uploads/from-bucket"
BLOCK = 1024 * 1024
CONNECT_SECONDS, READ_SECONDS, ATTEMPTS = 5, 30, 3
CHANGED = frozenset({"InvalidPart", "InvalidPartOrder", "EntityTooSmall"})
GONE = frozenset({"NoSuchUpload", "NoSuchKey", "404", "NotFound"})

log = logs.get(__name__)


class BucketStore:
    """Files in a bucket, with a copy in a folder here while something reads them whole."""

    def __init__(self, bucket: Bucket, state_path: Path) -> None:
        self._bucket = bucket
        self._cache = state_path / CACHE
        self._known: S3Client | None = None

    @property
    def _client(self) -> S3Client:
        """Made when it is first needed: that takes a quarter of a second."""
        if self._known is None:
            self._known = boto3.session.Session().client(
                "s3",
                endpoint_url=self._bucket.endpoint_url or None,
                aws_access_key_id=self._bucket.access_key,
                aws_secret_access_key=self._bucket.secret_key,
                region_name=self._bucket.region,
                # As every server but Amazon's wants it: no checksums that were invented lately.
                config=Config(
                    signature_version="s3v4",
                    s3={"addressing_style": "path"},
                    request_checksum_calculation="when_required",
                    response_checksum_validation="when_required",
                    connect_timeout=CONNECT_SECONDS,
                    read_timeout=READ_SECONDS,
                    retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
                ),
            )
        return self._known

    @property
    def origin(self) -> str:
        """The bucket's server, as the presigned addresses name it."""
        place = {"Bucket": self._bucket.name, "Key": "any"}
        url = urlsplit(self._client.generate_presigned_url("get_object", Params=place))
        return f"{url.scheme}://{url.netloc}"

    def keep(self, stream: IO[bytes]) -> tuple[str, int]:
        """Send a stream that has come in whole on to the bucket."""
        key, before = _new_key(), stream.tell()
        size = stream.seek(0, os.SEEK_END) - before
        stream.seek(before)
        one_by_one = TransferConfig(use_threads=False)  # or ten parts at once would be in memory
        with _told():
            self._client.upload_fileobj(stream, self._bucket.name, _object(key), Config=one_by_one)
        return key, size

    def begin(self, size: int) -> Plan:
        """Begin a multipart upload."""
        key = _new_key()
        with _told():
            made = self._client.create_multipart_upload(Bucket=self._bucket.name, Key=_object(key))
        return Plan(key, made["UploadId"], size, part_size_for(size))

    def addresses(self, plan: Plan, numbers: Sequence[int], *, until: datetime) -> list[str]:
        """The bucket's own addresses, presigned; the length of the part is signed as well."""
        seconds = max(1, int((until - clock.now()).total_seconds()))
        return [
            self._client.generate_presigned_url(
                "upload_part",
                Params={
                    "Bucket": self._bucket.name,
                    "Key": _object(plan.key),
                    "UploadId": plan.external_id,
                    "PartNumber": number,
                    "ContentLength": plan.length(number),
                },
                ExpiresIn=seconds,
            )
            for number in numbers
        ]

    def parts(self, plan: Plan) -> list[Part] | None:
        """What has arrived, as the bucket says."""
        try:
            with _told():
                pages = self._client.get_paginator("list_parts").paginate(
                    Bucket=self._bucket.name, Key=_object(plan.key), UploadId=plan.external_id
                )
                return [
                    Part(part["PartNumber"], part["ETag"], part["Size"])
                    for page in pages
                    for part in page.get("Parts", [])
                ]
        except Gone:
            if not self._is_made(plan):
                raise
            return None

    def assemble(self, plan: Plan, parts: Sequence[Part]) -> None:
        """Let the bucket make an object of them. Raises Invalid when it has another size then."""
        listed: list[CompletedPartTypeDef] = [
            {"PartNumber": part.number, "ETag": part.etag} for part in parts
        ]
        with contextlib.suppress(Gone), _told():  # gone: by an earlier try, if the object is there
            self._client.complete_multipart_upload(
                Bucket=self._bucket.name,
                Key=_object(plan.key),
                UploadId=plan.external_id,
                MultipartUpload={"Parts": listed},
            )
        if not self._is_made(plan):
            raise Gone

    def abort(self, plan: Plan) -> None:
        """Abort the multipart upload, and remove the object if it was made."""
        with contextlib.suppress(Gone), _told():
            self._client.abort_multipart_upload(
                Bucket=self._bucket.name, Key=_object(plan.key), UploadId=plan.external_id
            )
        self.discard(plan.key)

    @contextlib.contextmanager
    def local_path(self, key: str, *, head: int | None = None) -> Iterator[Path]:
        """A copy of the object: whole, and kept for the next reader; or of its head, for now.

        A workbook is always whole: its directory is at its end.
        """
        whole = self._cache / _name(key)
        if not whole.is_file() and head is not None:
            with tempfile.NamedTemporaryFile(dir=self._folder()) as file:
                if self._fetch_head(key, file, head):
                    yield Path(file.name)
                    return
        if not whole.is_file():
            self._fetch(key, whole)
        with contextlib.suppress(FileNotFoundError):
            whole.touch()  # the sweep takes what nobody has read for long
        yield whole

    def discard(self, key: str) -> None:
        """Remove the object and the copy."""
        (self._cache / _name(key)).unlink(missing_ok=True)
        with contextlib.suppress(Gone), _told():
            self._client.delete_object(Bucket=self._bucket.name, Key=_object(key))

    def drop_leftovers(self, known: Collection[str], *, older_than: timedelta) -> None:
        """Remove copies that nobody reads any more.

        The bucket itself may belong to several installations: a lifecycle rule of its own looks
        after multipart uploads that no row knows.
        """
        del known
        before = (clock.now() - older_than).timestamp()
        for path in self._folder().iterdir():
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < before:
                    path.unlink()

    def _fetch(self, key: str, path: Path) -> None:
        partial = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        partial.parent.mkdir(parents=True, exist_ok=True)
        try:
            with partial.open("wb") as file, _told(), _room():
                found = self._client.get_object(Bucket=self._bucket.name, Key=_object(key))
                shutil.copyfileobj(cast(IO[bytes], found["Body"]), file, BLOCK)
            partial.rename(path)
        except Gone:
            raise Invalid(FILE_GONE) from None
        finally:
            partial.unlink(missing_ok=True)

    def _fetch_head(self, key: str, file: IO[bytes], head: int) -> bool:
        """Write the head of a text into the file; False when the whole object is needed."""
        try:
            with _told():
                found = self._client.get_object(
                    Bucket=self._bucket.name, Key=_object(key), Range=f"bytes=0-{head - 1}"
                )
                data = found["Body"].read()
        except Gone:
            raise Invalid(FILE_GONE) from None
        if data.startswith(b"PK") or len(data) < head:
            return False
        file.write(data[: data.rfind(b"\n") + 1] or data)
        file.flush()
        return True

    def _is_made(self, plan: Plan) -> bool:
        """Whether the object is there. Raises Invalid when it has another size."""
        size = self._size(plan.key)
        if size not in (None, plan.size):
            message = f"The file has {size:,} bytes, not the {plan.size:,} that were announced."
            raise Invalid(message)
        return size is not None

    def _size(self, key: str) -> int | None:
        try:
            with _told():
                found = self._client.head_object(Bucket=self._bucket.name, Key=_object(key))
                return found["ContentLength"]
        except Gone:
            return None

    def _folder(self) -> Path:
        self._cache.mkdir(parents=True, exist_ok=True)
        return self._cache


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Turn the library's errors into ours. Raises Gone, Conflict, Unavailable."""
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] in GONE:
            raise Gone from error
        if error.response["Error"]["Code"] in CHANGED:
            raise Conflict("The bucket has other parts than were named.") from error
        log.warning("the bucket refuses", reason=str(error))
        raise Unavailable(AWAY) from error
    except BotoCoreError as error:
        log.warning("the bucket does not answer", reason=str(error))
        raise Unavailable(AWAY) from error


@contextlib.contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise NoRoom from error


def _new_key() -> str:
    return f"{BUCKET_KEY}{secrets.token_hex(16)}"


def _object(key: str) -> str:
    return PREFIX + _name(key)


def _name(key: str) -> str:
    return key.removeprefix(BUCKET_KEY)
