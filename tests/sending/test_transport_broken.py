"""What is known of each message when the conversation breaks."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest

from campaign_app.sending.handover import Reply
from campaign_app.sending.journal import Journal, NoJournal, read
from campaign_app.sending.transport import Phase
from tests.canned_server import CannedServer
from tests.sending.hand_over import (
    BRIEF,
    PATIENT,
    PLAIN_EXTENSIONS,
    codes,
    connect,
    fates,
    hand_over,
    mail,
    mails,
    taken,
    until_it_speaks,
)
from tests.smtp_sink import Fault, SmtpSink

HELLO = ((b"", b"220 hi\r\n"), (b"EHLO", b"250-me\r\n250 PIPELINING\r\n"))


@pytest.fixture(params=["pipelined", "stepwise"])
def extensions(request) -> tuple[str, ...]:
    return ("PIPELINING", *PLAIN_EXTENSIONS) if request.param == "pipelined" else PLAIN_EXTENSIONS


@pytest.mark.parametrize("phase", ["mail", "rcpt", "data"])
@pytest.mark.parametrize("how", [{"close": True}, {"reset": True}])
def test_a_break_before_the_body_means_not_sent(extensions, phase, how):
    with SmtpSink([Fault(phase, message=3, **how)], extensions=extensions) as sink:
        result = hand_over(sink, mails(5))
        assert taken(sink) == [0, 1]
    assert fates(result) == "AANNN"
    assert result.broken.phase in (Phase.MAIL, Phase.RCPT, Phase.DATA)
    assert result.broken.in_flight == 2


@pytest.mark.parametrize("phase", ["rcpt", "data", "dot"])
def test_a_server_that_hangs_is_given_up(extensions, phase):
    with SmtpSink([Fault(phase, message=2, hang=60)], extensions=extensions) as sink:
        result = hand_over(sink, mails(3), timeouts=BRIEF)
        assert taken(sink) == ([0, 1] if phase == "dot" else [0])
    assert fates(result) == ("AUN" if phase == "dot" else "ANN")
    assert "did not answer within 4 s" in result.broken.message


@pytest.mark.parametrize("record", [True, False])
@pytest.mark.parametrize("how", [{"close": True}, {"reset": True}])
def test_a_break_after_the_dot_is_unconfirmed_whatever_the_server_did(extensions, record, how):
    with SmtpSink([Fault("dot", message=3, record=record, **how)], extensions=extensions) as sink:
        result = hand_over(sink, mails(5))
        assert taken(sink) == ([0, 1, 2] if record else [0, 1])
    assert fates(result) == "AAUNN"
    assert (result.broken.phase, result.broken.in_flight) == (Phase.DOT, 2)


@pytest.mark.parametrize("how", [{"reset": True}, {"hang": 60}])
def test_a_body_the_kernel_never_took_whole_was_not_sent(extensions, how):
    body = b"0123456789abcdef\r\n" * 900_000
    fault = Fault("body", message=2, after_bytes=100, **how)
    with SmtpSink([fault], extensions=extensions) as sink:
        result = hand_over(sink, [mail(0), mail(1, data=body), mail(2)], timeouts=BRIEF)
        assert taken(sink) == [0]
    assert fates(result) == "ANN"
    assert (result.broken.phase, result.broken.in_flight) == (Phase.BODY, 1)


@pytest.mark.parametrize("close", [True, False])
def test_a_server_that_refuses_in_mid_body_has_refused(extensions, close, tmp_path):
    body = b"0123456789abcdef\r\n" * 900_000
    fault = Fault("body", message=1, after_bytes=10, reply="552 5.3.4 too large", close=close)
    with SmtpSink([fault, Fault("dot", reset=True)], extensions=extensions) as sink:
        result = hand_over(sink, [mail(0, data=body)], tmp_path / "journal")
        assert taken(sink) == []
    assert fates(result) == "R"
    assert str(result.outcomes[0].reply) == "552 5.3.4 too large"
    assert read(tmp_path / "journal") == {0: Reply(552, "5.3.4 too large")}


@pytest.mark.parametrize("phase", ["mail", "rcpt", "data", "dot"])
def test_a_421_ends_the_connection_and_gives_the_rest_back(extensions, phase, tmp_path):
    fault = Fault(phase, message=20, reply="421 4.7.0 too many messages")
    with SmtpSink([fault], extensions=extensions) as sink:
        result = hand_over(sink, mails(50), tmp_path / "journal")
        assert taken(sink) == list(range(19))
    assert fates(result) == "A" * 19 + "N" * 31
    assert str(result.broken.reply) == "421 4.7.0 too many messages"
    assert result.broken.in_flight == 19
    begun = read(tmp_path / "journal").get(19)
    assert begun == (Reply(421, "4.7.0 too many messages") if phase == "dot" else None)


def test_an_old_421_on_an_idle_connection_is_noticed_before_anything_is_sent(extensions):
    fault = Fault("idle", message=1, reply="421 4.4.2 idle too long", close=True)
    with SmtpSink([fault], extensions=extensions) as sink, connect(sink) as connection:
        assert fates(connection.send_window(mails(1), journal=NoJournal())) in ("A", "U")
        until_it_speaks(connection)
        result = connection.send_window([mail(1)], journal=NoJournal())
        assert sink.count("MAIL") == 1
    assert fates(result) == "N"
    assert result.broken.reply.code == 421
    assert result.broken.in_flight is None


def test_a_server_that_left_in_silence_is_noticed_too(extensions):
    server = SmtpSink([Fault("idle", message=1, close=True)], extensions=extensions)
    with server as sink, connect(sink) as connection:
        connection.send_window(mails(1), journal=NoJournal())
        until_it_speaks(connection)
        result = connection.send_window([mail(1), mail(2)], journal=NoJournal())
    assert fates(result) == "NN"
    assert result.broken.in_flight is None


def test_a_broken_connection_takes_nothing_more(extensions):
    server = SmtpSink([Fault("mail", message=1, close=True)], extensions=extensions)
    with server as sink, connect(sink) as connection:
        connection.send_window(mails(1), journal=NoJournal())
        again = connection.send_window(mails(2), journal=NoJournal())
    assert fates(again) == "NN"
    assert again.broken is connection.broken


def test_answers_out_of_step_stop_the_body():
    answers = b"250 Ok\r\n250 Ok\r\n354 go\r\n250 who asked\r\n"
    with CannedServer(*HELLO, (b"DATA\r\n", answers), stay=True) as server:
        result = hand_over(server, mails(2))
    assert fates(result) == "NN"
    assert b"Message-ID" not in server.received


def test_a_refused_sender_with_an_accepted_recipient_never_gets_a_dot():
    answers = b"550 5.7.1 not you\r\n250 Ok\r\n354 go\r\n"
    with CannedServer(*HELLO, (b"DATA\r\n", answers), stay=True) as server:
        result = hand_over(server, mails(2))
    assert set(fates(result)) <= {"R", "N"}
    assert result.broken.reply.code == 550
    assert b"\r\n.\r\n" not in server.received


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 400\r\n", b"354 what\r\n", b"250", b"250-\r\n550 \r\n"]
)
def test_an_answer_to_the_dot_that_makes_no_sense_confirms_nothing(answer):
    envelope = (b"DATA\r\n", b"250 Ok\r\n250 Ok\r\n354 go\r\n")
    with CannedServer(*HELLO, envelope, (b"\r\n.\r\n", answer)) as server:
        result = hand_over(server, mails(1))
    assert fates(result) == "U"


def test_a_503_blames_the_conversation_and_not_the_recipient(extensions):
    with SmtpSink(
        [Fault("mail", reply="503 5.5.1 nested", message=2)], extensions=extensions
    ) as sink:
        result = hand_over(sink, mails(3))
    assert fates(result) == "ANN"
    assert result.broken.reply.code == 503


def test_a_stop_ends_the_window_after_the_message_in_hand(extensions):
    server = SmtpSink(extensions=extensions, latency=0.03)
    with server as sink, connect(sink, should_stop=lambda: len(sink.accepted) >= 5) as connection:
        result = connection.send_window(mails(200), journal=NoJournal(), seconds=60)
    assert result.broken is None
    assert set(fates(result)) == {"A", "N"}
    assert fates(result).rstrip("N") == "A" * len(taken(sink))


def test_a_stop_waits_for_a_dot_in_flight(extensions):
    stop, calm = threading.Event(), replace(PATIENT, stop_command=PATIENT.stop_dot)
    server = SmtpSink([Fault("dot", hang=0.5, message=1)], extensions=extensions)
    with server as sink, connect(sink, timeouts=calm, should_stop=stop.is_set) as connection:
        stop.set()
        started = time.monotonic()
        result = connection.send_window(mails(2), journal=NoJournal())
    assert fates(result) == "AN"
    assert time.monotonic() - started < PATIENT.dot / 2


def test_a_stop_cuts_the_wait_for_a_server_that_hangs(extensions):
    stop = threading.Event()
    server = SmtpSink([Fault("rcpt", hang=60, message=1)], extensions=extensions)
    with server as sink, connect(sink, should_stop=stop.is_set) as connection:
        stop.set()
        started = time.monotonic()
        result = connection.send_window(mails(2), journal=NoJournal())
    assert fates(result) == "NN"
    assert time.monotonic() - started < PATIENT.command / 2


def test_the_journal_holds_what_was_begun_and_what_was_answered(extensions, tmp_path):
    script = [
        Fault("rcpt", reply="550 5.1.1 nobody", message=2),
        Fault("dot", reply="451 4.3.0 later", message=3),
        Fault("dot", close=True, message=5),
    ]
    with SmtpSink(script, extensions=extensions) as sink:
        result = hand_over(sink, mails(7), tmp_path / "journal")
    assert fates(result) == "ARRAUNN"
    assert codes(tmp_path / "journal") == {0: 250, 2: 451, 3: 250, 4: None}
    assert read(tmp_path / "journal")[2] == Reply(451, "4.3.0 later")


def test_without_a_journal_no_body_leaves(extensions, tmp_path):
    journal = Journal(tmp_path / "journal")
    journal.close()
    with SmtpSink(extensions=extensions) as sink, connect(sink) as connection:
        result = connection.send_window(mails(3), journal=journal)
        assert taken(sink) == []
    assert fates(result) == "NNN"
    assert "journal" in result.broken.message
