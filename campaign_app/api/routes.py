"""A noun's operations: each is a function on a row and a body, and says by its types what it takes.

What is the same for all stands here: the row is loaded first, so that a stranger finds nothing
whatever they send; then the input is read, the work done, the answer written, the transaction
committed; and last the doorbells are rung that the work asked for.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar, get_type_hints

from flask import Response, g, request, send_file
from pydantic import BaseModel

from campaign_app.api import reading
from campaign_app.api.reading import SentFile
from campaign_app.api.shapes import Body, Download, Query
from campaign_app.extensions import db
from campaign_app.lib.tenancy import HasId
from campaign_app.services import idempotency
from campaign_app.services.idempotency import Answer

KEY_HEADER = "Idempotency-Key"
CHANGING = frozenset({"POST", "PATCH", "DELETE"})

Made = BaseModel | Download | None
View = TypeVar("View", bound=Callable[..., Made])
Load = Callable[[HasId, int], object]


@dataclass(frozen=True, slots=True)
class Operation:
    """A method of an address: what it takes and gives, in code as in the document."""

    noun: str
    method: str
    path: str
    view: Callable[..., Made]
    load: Load | None
    status: int
    conflicts: bool
    """Whether the row's state can be in the way: 409."""
    idempotent: bool
    """Whether a repeated request may carry a key that keeps it from being done twice."""
    body: type[Body] | None
    query: type[Query] | None
    answer: type[BaseModel] | None
    """The shapes of what it takes and gives; without an answer it is 204, or a download."""
    takes_file: bool
    gives_file: bool

    @property
    def name(self) -> str:
        """Unique in the API: `campaigns_start`."""
        return f"{self.noun}_{self.view.__name__}"

    def handle(self, **ids: int) -> Response:
        """Do it for the request at hand."""
        rows = [self.load(g.workspace, row_id) for row_id in ids.values()] if self.load else []
        given = self._inputs()
        key = request.headers.get(KEY_HEADER) if self.idempotent else None
        known = idempotency.claim(g.workspace, key, digest=_digest()) if key is not None else None
        if known:
            return self._write(known, repeated=True)
        g.bells = []
        made = self.view(*rows, **given)
        if isinstance(made, Download):
            return _sent(made)
        answer = Answer(self.status, made.model_dump_json() if made else "")
        if key is not None:
            idempotency.keep(g.workspace, key, answer)
        if self.method in CHANGING:
            db.session.commit()
        for ring in g.bells:
            ring()
        return self._write(answer)

    def _inputs(self) -> dict[str, BaseModel | SentFile]:
        given: dict[str, BaseModel | SentFile] = {}
        if self.query:
            given["query"] = reading.query(self.query)
        if self.takes_file:
            given["file"] = reading.file()
        elif self.body:
            given["body"] = reading.body(self.body)
        elif self.method in CHANGING:
            reading.nothing()
        return given

    def _write(self, answer: Answer, *, repeated: bool = False) -> Response:
        response = Response(answer.body, answer.status, mimetype="application/json")
        if answer.status == 204:
            del response.headers["Content-Type"]
        if answer.status == 201:
            made = json.loads(answer.body)["id"]
            response.headers["Location"] = f"{request.path.rstrip('/')}/{made}"
        if repeated:
            response.headers["Idempotent-Replayed"] = "true"
        return response


class Routes:
    """The operations of one noun. `load` gives the row of the id in their addresses."""

    def __init__(self, noun: str, *, load: Load | None = None) -> None:
        self.noun = noun
        self.operations: list[Operation] = []
        self._load = load

    def get(self, path: str = "") -> Callable[[View], View]:
        """Look."""
        return self._route("GET", path, 200)

    def post(
        self,
        path: str = "",
        *,
        status: int = 200,
        conflicts: bool = False,
        idempotent: bool = False,
    ) -> Callable[[View], View]:
        """Make, or do."""
        return self._route("POST", path, status, conflicts=conflicts, idempotent=idempotent)

    def patch(self, path: str, *, conflicts: bool = False) -> Callable[[View], View]:
        """Change what is named, and leave the rest."""
        return self._route("PATCH", path, 200, conflicts=conflicts)

    def delete(self, path: str, *, conflicts: bool = False) -> Callable[[View], View]:
        """Delete."""
        return self._route("DELETE", path, 204, conflicts=conflicts)

    def _route(
        self,
        method: str,
        path: str,
        status: int,
        *,
        conflicts: bool = False,
        idempotent: bool = False,
    ) -> Callable[[View], View]:
        def add(view: View) -> View:
            hints = get_type_hints(view)
            operation = Operation(
                self.noun,
                method,
                f"/{self.noun}{path}",
                view,
                self._load if "<" in path else None,
                status,
                conflicts,
                idempotent,
                body=hints.get("body"),
                query=hints.get("query"),
                answer=None if hints["return"] in (type(None), Download) else hints["return"],
                takes_file=hints.get("file") is SentFile,
                gives_file=hints["return"] is Download,
            )
            self.operations.append(operation)
            return view

        return add


def after_commit(ring: Callable[..., None], *args: object) -> None:
    """Do this once the transaction is committed: the row is the truth, the bell only rings."""
    g.bells.append(partial(ring, *args))


def _sent(download: Download) -> Response:
    return send_file(
        download.path,
        mimetype=download.mimetype,
        as_attachment=True,
        download_name=download.filename,
    )


def _digest() -> str:
    asked = f"{request.method} {request.path}\n".encode() + request.get_data()
    return hashlib.sha256(asked).hexdigest()
