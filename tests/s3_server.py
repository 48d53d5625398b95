"""A real S3 server on loopback, with one bucket: `rclone serve s3` on a folder."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from campaign_app.lib.storage import Bucket
from local_stack import children

NAME, KEY, SECRET = "lists", "AKTESTSONLY", "tests-only"


@dataclass(frozen=True)
class S3Server:
    """Where it is, and the folder in which its objects lie."""

    url: str
    folder: Path

    @property
    def bucket(self) -> Bucket:
        return Bucket(self.url, NAME, KEY, SECRET, "eu-central-1")

    @property
    def settings(self) -> dict[str, str]:
        """The same as fields of Config."""
        return {
            "s3_endpoint_url": self.url,
            "s3_bucket": NAME,
            "s3_access_key": KEY,
            "s3_secret_key": SECRET,
            "s3_region": "eu-central-1",
        }

    def objects(self) -> list[Path]:
        """The objects, and what unfinished uploads have left among them."""
        return [path for path in (self.folder / NAME).rglob("*") if path.is_file()]


@contextmanager
def s3_server(folder: Path) -> Iterator[S3Server]:
    """A server with an empty bucket while the block lasts; pages from everywhere may send to it."""
    (folder / NAME).mkdir(parents=True)
    url = f"http://127.0.0.1:{children.free_port()}"
    with (folder / "rclone.log").open("ab") as log:
        server = subprocess.Popen(_command(url, folder), stdout=log, stderr=log)
    try:
        children.wait_until(lambda: _answers(url), server, log=folder / "rclone.log")
        yield S3Server(url, folder)
    finally:
        server.terminate()
        server.wait(60)


def _command(url: str, folder: Path) -> list[str]:
    rclone = shutil.which("rclone", path=str(Path(sys.executable).parent)) or "rclone"
    options = ["--addr", url.removeprefix("http://"), "--auth-key", f"{KEY},{SECRET}"]
    return [rclone, "serve", "s3", *options, "--allow-origin", "*", str(folder)]


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).status_code > 0
    except requests.RequestException:
        return False
