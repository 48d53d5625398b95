"""The API's description is valid, and what the API does is what it describes."""

from __future__ import annotations

import re

import pytest
import schemathesis
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from campaign_app.api import manual, openapi
from campaign_app.api.operations import OPERATIONS
from campaign_app.models.imports import Import
from campaign_app.models.segments import Segment
from tests import factories, mailings
from tests.api.program import ROOT, Program

DOCUMENT = openapi.document(OPERATIONS)
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
EVERY = [result.ok() for result in SCHEMA.get_all_operations()]
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
EXAMPLES = 4
"""Random requests of each operation: nine tenths of the time goes into finding them."""


def test_the_document_is_valid_openapi():
    SCHEMA.validate()


def test_the_document_is_served_to_everybody(client: FlaskClient):
    answer = client.get(f"{ROOT}/openapi.json")
    assert answer.get_json() == DOCUMENT


def test_the_page_shows_every_operation_and_runs_no_script_of_its_own(client: FlaskClient):
    page = client.get(f"{ROOT}/docs").text
    for chapter in manual.chapters(DOCUMENT, server="https://carillon.example"):
        for entry in chapter.entries:
            assert f'id="{entry.id}"' in page
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=", page)


def told(operation: str, field: str) -> str:
    """What the page says of a field that an operation takes."""
    chapters = manual.chapters(DOCUMENT, server="https://carillon.example")
    entries = {entry.id: entry for chapter in chapters for entry in chapter.entries}
    taken = [*entries[operation].body, *entries[operation].parameters]
    return next(one.type for one in taken if one.name == field)


@pytest.mark.parametrize(
    ("operation", "field", "rule"),
    [
        ("senders_create", "name", "string, up to 100 characters"),
        ("senders_create", "port", "integer, 1 to 65,535, default 587"),
        ("senders_create", "delay_seconds", "number, 0 to 3,600, default 4"),
        ("senders_create", "from_email", "e-mail address"),
        ("senders_create", "security", "one of none, starttls, tls, default starttls"),
        ("campaigns_create", "name", "string, 1 to 120 characters"),
        ("campaigns_create", "sender_id", "integer, 1 or more"),
        ("campaigns_create", "tpm", "integer or null, 1 to 1,000,000"),
        ("campaigns_create", "scheduled_at", "moment (RFC 3339) or null"),
        ("campaigns_create", "recipient_emails", "list of e-mail addresses or null"),
        ("campaigns_index", "limit", "integer, 1 to 1,000, default 100"),
        ("recipients_create", "attributes", "object"),
        ("recipients_create", "tags", "list of strings"),
        ("recipients_bulk", "recipients", "list of objects, 1 to 1,000 entries"),
        ("recipients_bulk", "recipients[].email", "e-mail address"),
        ("groups_change_members", "recipient_emails", "list of e-mail addresses"),
        ("segments_create", "rules[].value", "string or number or null"),
        ("segments_create", "rules[].match", "one of all, any, default any"),
    ],
)
def test_the_page_tells_each_fields_range_and_default(operation: str, field: str, rule: str):
    assert told(operation, field) == rule


def test_secrets_are_in_no_answer():
    shapes = DOCUMENT["components"]["schemas"]
    answers = [name for name in shapes if not name.startswith(("New", "SenderChanges"))]
    assert not [name for name in answers if "password" in shapes[name].get("properties", {})]


QUICK = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


RULE = {"field": "tag", "test": "has", "name": "", "value": "vip"}
SEGMENT = {"name": "Pro", "rules": {"match": "all", "rules": [RULE], "zone": "UTC"}}


@pytest.fixture
def ids(program: Program) -> dict[str, int]:
    """A row for each parameter: ids that are guessed would hardly ever be found."""
    sender = factories.sender(program.workspace, port=1)
    campaign = mailings.mailing(program.workspace, ["sent", "failed", "unconfirmed", "pending"])
    row = Import(workspace_id=program.workspace.id, filename="a.csv", storage_key="a", size=1)
    return {
        "sender_id": sender.id,
        "campaign_id": campaign.id,
        "import_id": factories.save(row).id,
        "recipient_id": factories.recipient(program.workspace).id,
        "group_id": factories.crowd(program.workspace, 3).id,
        "segment_id": factories.save(Segment(workspace_id=program.workspace.id, **SEGMENT)).id,
    }


@pytest.mark.parametrize("operation", EVERY, ids=lambda operation: operation.label)
def test_no_request_meets_what_is_not_described(
    app: Flask, program: Program, ids: dict[str, int], operation: APIOperation
):
    @QUICK
    @given(case=operation.as_strategy())
    def conforms(case: Case) -> None:
        case.path_parameters = {name: ids[name] for name in case.path_parameters or {}}
        if isinstance(case.body, dict) and "host" in case.body:
            case.body["host"] = "127.0.0.1"  # no name is asked of the DNS
        headers = {"Authorization": f"Bearer {program.token}"}
        case.call_and_validate(app=app, headers=headers, checks=CHECKS)

    conforms()
