"""Whatever a server does, and whenever we are killed: no double, and no lie."""

from __future__ import annotations

import random
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaign_app.sending import journal as journals
from campaign_app.sending.journal import Journal
from campaign_app.sending.transport import Connection, Fate, TransportError
from tests import alone
from tests.sending.hand_over import PLAIN_EXTENSIONS, connect, mails, taken
from tests.smtp_sink import Fault, SmtpSink
from tests.waiting import until

MESSAGES = 8
PHASES = ["connect", "ehlo", "mail", "rcpt", "data", "body", "dot", "idle", "rset"]
REPLIES = [
    "",
    "250 2.0.0 fine",
    "354 go on",
    "421 4.7.0 bye",
    "451 4.3.0 later",
    "503 5.5.1 what",
    "550-5.7.1 never\n550 5.7.1 ever",
]

faults = st.builds(
    Fault,
    phase=st.sampled_from(PHASES),
    reply=st.sampled_from(REPLIES),
    close=st.booleans(),
    reset=st.booleans(),
    record=st.booleans(),
    after_bytes=st.integers(0, 60),
    message=st.none() | st.integers(1, MESSAGES),
    times=st.integers(1, 2),
)


def is_honest(fault: Fault) -> bool:
    """A server that says one thing and does the other is not ours to find out."""
    verdict = fault.reply[:1]
    if fault.phase == "body" and verdict:
        return verdict in "45" and fault.close
    if fault.phase == "dot" and verdict in ("2", "4", "5"):
        return fault.record == (verdict == "2")
    return True


class Drain:
    """What a worker does, in small: windows over connections until every message has a fate."""

    def __init__(self, sink: SmtpSink, folder: Path, window: int) -> None:
        self.sink, self.folder, self.window = sink, folder, window
        self.todo = {message.message_id: message for message in mails(MESSAGES)}
        self.fates: dict[int, Fate] = {}
        self.breaks = 0

    def run(self) -> None:
        for number in range(40):
            if not self.todo:
                return
            try:
                connection = connect(self.sink)
            except TransportError:
                continue
            with connection, Journal(self.folder / str(number)) as journal:
                self.send_over(connection, journal)

    def send_over(self, connection: Connection, journal: Journal) -> None:
        while self.todo and not connection.broken:
            window = list(self.todo.values())[: self.window]
            result = connection.send_window(window, journal=journal)
            self.breaks += result.broken is not None
            assert [outcome.message_id for outcome in result.outcomes] == [
                message.message_id for message in window
            ]
            for outcome in result.outcomes:
                self.fates[outcome.message_id] = outcome.fate
                later = outcome.reply is not None and outcome.reply.code < 500
                if outcome.fate in (Fate.ACCEPTED, Fate.UNCONFIRMED) or (
                    outcome.fate is Fate.REFUSED and not later
                ):
                    self.todo.pop(outcome.message_id)

    def with_fate(self, fate: Fate) -> set[int]:
        return {message_id for message_id, known in self.fates.items() if known is fate}


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    script=st.lists(faults.filter(is_honest), max_size=6),
    pipelining=st.booleans(),
    data_without_rcpt=st.booleans(),
    window=st.integers(1, MESSAGES),
)
def test_no_script_makes_a_double_or_a_lie(script, pipelining, data_without_rcpt, window):
    extensions = (*PLAIN_EXTENSIONS, *(["PIPELINING"] if pipelining else []))
    sink = SmtpSink(script, extensions=extensions, data_without_rcpt=data_without_rcpt)
    with tempfile.TemporaryDirectory() as folder, sink:
        drain = Drain(sink, Path(folder), window)
        drain.run()
    accepted, unconfirmed = drain.with_fate(Fate.ACCEPTED), drain.with_fate(Fate.UNCONFIRMED)
    assert sink.accepted_twice() == []
    assert accepted <= set(taken(sink)) <= accepted | unconfirmed
    assert len(unconfirmed) <= drain.breaks
    unasked = any(fault.phase in ("idle", "body") and fault.reply for fault in script)
    assert unasked or sink.violations == []
    assert drain.todo == {}


SENDER = """
import sys
from pathlib import Path
from campaign_app.sending.journal import Journal
from tests.sending.hand_over import connect, mail
class Port: port, tls = int(sys.argv[1]), ""
with connect(Port) as connection:
    journal = Journal(Path(sys.argv[2]))
    print("on", flush=True)
    for start in range(0, 100_000, 50):
        connection.send_window([mail(start + n) for n in range(50)], journal=journal)
"""


@pytest.mark.parametrize("attempt", range(4))
def test_a_killed_worker_leaves_a_journal_that_does_not_lie(tmp_path, attempt):
    with SmtpSink(keep_bodies=False) as sink:
        command = alone.command(SENDER, sink.port, tmp_path / "journal")
        with subprocess.Popen(command, stdout=subprocess.PIPE) as worker:
            worker.stdout.readline()
            time.sleep(random.uniform(0, 0.1))
            worker.kill()
        until(lambda: not sink.open)  # it reads on what the kernel still holds
        ledger = set(taken(sink))
    known = journals.read(tmp_path / "journal")
    confirmed = {message_id for message_id, reply in known.items() if reply}
    assert confirmed <= ledger <= set(known)
    assert len(known) - len(confirmed) <= 1
