"""The buffer of hits: nothing is lost while there is room, and a loss is counted."""

from __future__ import annotations

import logging
import threading

import pytest
from flask import Flask

from campaign_app.lib import clock
from campaign_app.tracking.buffer import Buffer
from campaign_app.tracking.events import Hit
from tests.waiting import until


class Database:
    """Takes hits while it is there."""

    def __init__(self) -> None:
        self.written: list[int] = []
        self.is_away = False

    def write(self, hits: list[Hit]) -> None:
        if self.is_away:
            raise ConnectionError("away")
        self.written += [hit.message_id for hit in hits]


@pytest.fixture
def database() -> Database:
    return Database()


def add(buffer: Buffer, *numbers: int) -> None:
    for number in numbers:
        buffer.add(Hit(number, clock.now()))


def test_hits_are_written_without_being_asked_for(database: Database):
    add(Buffer(database.write), 1, 2, 3)
    until(lambda: database.written == [1, 2, 3])


def test_what_cannot_be_written_stays_first_in_line(database: Database):
    buffer = Buffer(database.write)
    database.is_away = True
    add(buffer, 1, 2)
    with pytest.raises(ConnectionError):
        buffer.flush()
    add(buffer, 3)
    assert len(buffer) == 3
    database.is_away = False
    buffer.flush()
    assert database.written == [1, 2, 3]
    assert len(buffer) == 0


def test_when_too_many_wait_the_oldest_go_and_it_is_said(
    app: Flask, database: Database, caplog: pytest.LogCaptureFixture
):
    buffer = Buffer(database.write, most_kept=3)
    with caplog.at_level(logging.ERROR):
        add(buffer, 1, 2, 3, 4, 5)
        buffer.flush()
    assert database.written == [3, 4, 5]
    assert "the oldest hits are lost" in caplog.text


def test_the_newest_are_not_lost_for_those_that_could_not_be_written(database: Database):
    buffer = Buffer(database.write, most_kept=3)
    database.is_away = True
    add(buffer, 1, 2, 3)
    with pytest.raises(ConnectionError):
        buffer.flush()
    add(buffer, 4, 5, 6)
    database.is_away = False
    buffer.flush()
    assert database.written == [1, 2, 3, 4, 5, 6]


def test_the_end_of_the_process_writes_the_rest(database: Database):
    buffer = Buffer(database.write)
    add(buffer, 1, 2)
    buffer.close()
    assert database.written == [1, 2]


def test_hits_of_many_threads_all_arrive_once(database: Database):
    buffer = Buffer(database.write)
    numbers = [range(start, start + 500) for start in range(0, 4_000, 500)]
    threads = [threading.Thread(target=add, args=(buffer, *part)) for part in numbers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    buffer.close()
    assert sorted(database.written) == list(range(4_000))
