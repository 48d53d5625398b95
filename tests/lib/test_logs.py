"""What stands in the logs, and what never does."""

from __future__ import annotations

import json
import logging
import sys

import pytest

from campaign_app.lib import logs

SECRETS = {
    "hunter2": 'log-in failed for password="hunter2"',
    "s3cr3t": "redis://:s3cr3t@127.0.0.1:6379/0 is away",
    "pgpass": "postgresql+psycopg2://carillon:pgpass@db.example/carillon refused",
    "abc.DEF-ghi": "asked with Authorization: Bearer abc.DEF-ghi",
    "Kq3vX9_zzYAB12": "GET /u/Kq3vX9_zzYAB12 failed",
    "Kq3vX9_zzYAB12.7": "GET /c/Kq3vX9_zzYAB12.7 failed",
    "ana.markovic": "550 5.1.1 <ana.markovic@example.com>: Recipient address rejected",
    "čedomir": "to žana.čedomir@example.com",
    "dora": "to dora+news@mail.example.co.uk and others",
}
"""What must not be seen → the words that held it."""


def line(*, as_json: bool, event: str, exc_info: object = None, **values: object) -> str:
    """What the log's handler writes for an event."""
    record = logging.LogRecord("test", logging.ERROR, "", 0, event, (), exc_info)
    for name, value in values.items():
        setattr(record, name, value)
    return logs.formatter(as_json=as_json).format(record)


def failure(words: str) -> object:
    try:
        int(words)
    except ValueError as error:
        error.args = (words,)
        return sys.exc_info()


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize("secret", SECRETS)
def test_no_secret_and_no_address_is_written(secret: str, as_json: bool):
    words = SECRETS[secret]
    for written in (
        line(as_json=as_json, event=words),
        line(as_json=as_json, event="failed", exc_info=failure(words)),
    ):
        assert secret not in written
        assert logs.HIDDEN in written
        assert not as_json or json.loads(written)


def test_values_are_hidden_by_their_name():
    event = {"smtp_password": "a", "api_token": "b", "Cookie": "c", "sender": 7, "event": "x"}
    hidden = logs.redact(None, "", event)
    assert [hidden[name] for name in event] == [logs.HIDDEN] * 3 + [7, "x"]


def test_what_is_no_secret_stays():
    for words in ("sending-0@web1 is ready", "token_id=12 at /campaigns/12/edit", "a@b", "x://y/z"):
        assert logs.mask(words) == words


def test_a_traceback_is_part_of_the_json_line():
    written = line(as_json=True, event="request failed", exc_info=failure("no such thing"))
    assert "\n" not in written
    found = json.loads(written)
    assert found["event"] == "request failed"
    assert found["level"] == "error"
    assert "Traceback (most recent call last)" in found["exception"]
    assert "ValueError: no such thing" in found["exception"]


def test_a_traceback_can_be_read_on_a_terminal_without_its_variables():
    written = line(as_json=False, event="failed", exc_info=failure("no such thing"))
    assert "\nValueError: no such thing" in written


def test_ids_are_bound_for_a_while():
    with logs.bound(sender=7), logs.bound(campaign=3):
        found = json.loads(line(as_json=True, event="slowed"))
        assert (found["sender"], found["campaign"]) == (7, 3)
    assert "sender" not in json.loads(line(as_json=True, event="over"))


def test_other_libraries_write_through_ours():
    logger = logging.getLogger("gunicorn.error")
    assert logger.propagate
    assert not logger.handlers
    assert not logging.getLogger("celery.app.trace").isEnabledFor(logging.INFO)
