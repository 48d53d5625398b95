"""The journal survives a kill and never claims more than was written."""

from __future__ import annotations

import resource
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from campaign_app.sending.handover import TEXT_LIMIT, Reply
from campaign_app.sending.journal import ROOM, Journal, JournalError, read
from tests import alone
from tests.sending.hand_over import codes


def fill(journal: Journal) -> None:
    """More lines than a journal has room for at first."""
    for number in range(2_000):
        journal.begin(10_000 + number)
        journal.done(10_000 + number, 250)


@contextmanager
def limited(size: int) -> Iterator[None]:
    """No file of this process grows beyond `size`: a stand-in for a disk without room."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    quiet = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, quiet)


def test_it_knows_what_was_begun_and_what_was_answered(tmp_path):
    with Journal(tmp_path / "1") as journal:
        journal.begin(11)
        journal.done(11, 250)
        journal.begin(12)
        journal.done(12, 451, hold=True)
        journal.begin(13)
    written = (tmp_path / "1").read_bytes().rstrip(b"\0")
    assert written == b"A 11\nD 11 250\nA 12\nD 12 451\nA 13\n"
    assert codes(tmp_path / "1") == {11: 250, 12: 451, 13: None}


def test_a_refusal_is_kept_in_the_servers_own_words(tmp_path):
    long = "Größe — 5.2.2 " + "é" * (TEXT_LIMIT - 14)
    with Journal(tmp_path / "1") as journal:
        journal.begin(11)
        journal.done(11, 550, words="5.4.5 Daily limit exceeded", hold=True)
        journal.begin(12)
        journal.done(12, 552, words=long)
    known = read(tmp_path / "1")
    assert known == {11: Reply(550, "5.4.5 Daily limit exceeded"), 12: Reply(552, long)}


@pytest.mark.parametrize("torn", [b"W", b"W 7 ", b"W 7 5.4.5 Dai"])
def test_of_words_that_were_cut_short_the_code_remains(tmp_path, torn):
    (tmp_path / "1").write_bytes(b"A 7\nD 7 550\n" + torn)
    assert read(tmp_path / "1") == {7: Reply(550, "")}


def test_words_without_a_reply_say_nothing(tmp_path):
    (tmp_path / "1").write_bytes(b"W 6 no\nA 7\nW 7 no\nW x no\nA 8\nD 8 250\nA 8\nW 8 no\n")
    assert codes(tmp_path / "1") == {7: None, 8: None}


def test_what_is_held_is_written_with_the_next_line_or_a_flush(tmp_path):
    with Journal(tmp_path / "1") as journal:
        journal.begin(1)
        journal.done(1, 250, hold=True)
        assert codes(tmp_path / "1") == {1: None}
        journal.flush()
        assert codes(tmp_path / "1") == {1: 250}


def test_a_message_tried_again_is_open_again(tmp_path):
    (tmp_path / "1").write_bytes(b"A 5\nD 5 451\nA 5\n")
    assert codes(tmp_path / "1") == {5: None}


@pytest.mark.parametrize("torn", [b"A", b"A 1", b"D 7 2", b"D 7 25", b"\xff\x00"])
def test_a_torn_last_line_is_not_believed(tmp_path, torn):
    (tmp_path / "1").write_bytes(b"A 7\n" + torn)
    assert codes(tmp_path / "1") == {7: None}


def test_nonsense_in_between_is_passed_over(tmp_path):
    (tmp_path / "1").write_bytes(b"A 7\n\nA x\nD 7\nB 9 9\nD 7 250\n")
    assert codes(tmp_path / "1") == {7: 250}


def test_a_missing_journal_knows_nothing(tmp_path):
    assert codes(tmp_path / "none") == {}


def test_clearing_empties_it_and_writing_goes_on(tmp_path):
    with Journal(tmp_path / "1") as journal:
        journal.begin(1)
        journal.clear()
        assert codes(tmp_path / "1") == {}
        journal.begin(2)
    assert codes(tmp_path / "1") == {2: None}


def test_an_existing_journal_is_continued_and_a_removed_one_is_gone(tmp_path):
    with Journal(tmp_path / "1") as first:
        first.begin(1)
    journal = Journal(tmp_path / "1")
    journal.begin(2)
    assert codes(tmp_path / "1") == {1: None, 2: None}
    journal.remove()
    journal.remove()
    assert not (tmp_path / "1").exists()


def test_a_full_disk_is_an_error_and_not_a_silence(tmp_path):
    with limited(100), pytest.raises(OSError, match="File too large"):
        Journal(tmp_path / "0")
    with (
        Journal(tmp_path / "1") as journal,
        limited(ROOM),
        pytest.raises(JournalError, match="File too large"),
    ):
        fill(journal)
    assert len(read(tmp_path / "1")) > ROOM // 30


def test_a_long_window_finds_room(tmp_path):
    with Journal(tmp_path / "1") as journal:
        fill(journal)
    assert codes(tmp_path / "1") == {10_000 + number: 250 for number in range(2_000)}


def test_it_survives_a_kill(tmp_path):
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from campaign_app.sending.journal import Journal\n"
        "journal = Journal(Path(sys.argv[1]))\n"
        "journal.begin(1); journal.done(1, 250); journal.begin(2)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    path = tmp_path / "1"
    died = subprocess.run(alone.command(script, path), check=False)
    assert died.returncode == -signal.SIGKILL
    assert codes(path) == {1: 250, 2: None}
