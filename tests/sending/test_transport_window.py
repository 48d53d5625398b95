"""A window over a healthy connection to a server that refuses this and that."""

from __future__ import annotations

import pytest

from campaign_app.sending.journal import NoJournal
from campaign_app.sending.transport import Outgoing, Phase
from tests.sending.hand_over import (
    PLAIN_EXTENSIONS,
    connect,
    fates,
    hand_over,
    mail,
    mails,
    taken,
)
from tests.smtp_sink import Fault, SmtpSink


@pytest.fixture(params=["pipelined", "stepwise"])
def extensions(request) -> tuple[str, ...]:
    return ("PIPELINING", *PLAIN_EXTENSIONS) if request.param == "pipelined" else PLAIN_EXTENSIONS


def test_every_message_of_a_window_arrives_in_order(extensions):
    with SmtpSink(extensions=extensions) as sink:
        result = hand_over(sink, mails(25))
    assert fates(result) == "A" * 25
    assert result.broken is None
    assert taken(sink) == list(range(25))
    assert sink.violations == []


def test_the_envelope_and_the_body_arrive_as_they_were_given(extensions):
    body = b"..a line that began with a dot\r\n\r\n\r\nlast\r\n"
    with SmtpSink(extensions=extensions) as sink:
        hand_over(sink, [mail(7, data=body)])
    (record,) = sink.accepted
    assert (record.mail_from, record.rcpt) == ("news@example.com", "r7@example.com")
    assert record.body.endswith(b"\r\n\r\n.a line that began with a dot\r\n\r\n\r\nlast\r\n")


def test_a_connection_takes_window_after_window(extensions):
    with SmtpSink(extensions=extensions) as sink:
        connection = connect(sink)
        for start in (0, 10, 20):
            window = [mail(start + number) for number in range(10)]
            assert fates(connection.send_window(window, journal=NoJournal())) == "A" * 10
        connection.close()
    assert sink.connections == 1
    assert connection.sent_on_connection == 30
    assert taken(sink) == list(range(30))


@pytest.mark.parametrize("phase", ["rcpt", "data", "dot"])
@pytest.mark.parametrize("reply", ["451 4.3.0 later", "550 5.2.1 never"])
def test_a_refused_message_leaves_the_next_untouched(extensions, phase, reply):
    with SmtpSink([Fault(phase, reply=reply, message=3)], extensions=extensions) as sink:
        result = hand_over(sink, mails(5))
    assert fates(result) == "AARAA"
    assert result.broken is None
    assert str(result.outcomes[2].reply) == reply
    assert result.outcomes[2].phase == Phase(phase)
    assert taken(sink) == [0, 1, 3, 4]
    assert sink.violations == []


@pytest.mark.parametrize("phase", ["rcpt", "data", "dot"])
def test_every_message_refused_is_every_message_refused(extensions, phase):
    with SmtpSink([Fault(phase, reply="451 4.3.0 later")], extensions=extensions) as sink:
        result = hand_over(sink, mails(4))
    assert fates(result) == "RRRR"
    assert sink.accepted == []


@pytest.mark.parametrize(
    ("phase", "reply"),
    [
        ("mail", "451 4.3.0 later"),
        ("mail", "530 5.7.0 Authentication required"),
        ("rcpt", "450 4.7.1 Rate limit exceeded"),
        ("data", "554 5.7.1 Daily quota exceeded"),
        ("rcpt", "550 5.7.1 blocked by policy"),
    ],
)
def test_a_reply_that_concerns_everybody_is_not_provoked_again(extensions, phase, reply):
    server = SmtpSink([Fault(phase, reply=reply, times=1)], extensions=extensions)
    with server as sink, connect(sink) as connection:
        first = connection.send_window(mails(4), journal=NoJournal())
        second = connection.send_window(mails(4)[1:], journal=NoJournal())
    assert fates(first) + fates(second) == "RNNN" + "AAA"
    assert first.broken is None
    assert taken(sink) == [1, 2, 3]


def test_throttling_at_the_dot_ends_the_window_with_the_envelope_already_on_its_way(extensions):
    fault = Fault("dot", reply="454 Throttling failure: Maximum sending rate exceeded", message=2)
    with SmtpSink([fault], extensions=extensions) as sink:
        result = hand_over(sink, mails(6))
    assert fates(result) == ("ARANNN" if "PIPELINING" in extensions else "ARNNNN")
    assert result.broken is None


@pytest.mark.parametrize("phase", ["rcpt", "data"])
def test_a_refusal_at_the_end_of_a_window_leaves_the_next_window_clean(extensions, phase):
    with SmtpSink(
        [Fault(phase, reply="451 4.3.0 later", message=2)], extensions=extensions
    ) as sink:
        connection = connect(sink)
        first = connection.send_window(mails(2), journal=NoJournal())
        second = connection.send_window([mail(2)], journal=NoJournal())
        connection.close()
    assert fates(first) + fates(second) == "ARA"
    assert taken(sink) == [0, 2]


def test_a_refused_recipient_with_a_354_gets_a_lone_dot_and_no_mail():
    fault = Fault("rcpt", reply="550 5.1.1 nobody", message=2)
    with SmtpSink([fault], data_without_rcpt=True) as sink:
        result = hand_over(sink, mails(3))
    assert fates(result) == "ARA"
    assert str(result.outcomes[1].reply) == "550 5.1.1 nobody"
    assert taken(sink) == [0, 2]


def test_a_reply_of_several_lines_is_one_reply(extensions):
    reply = (
        "550-5.7.26 This mail has been blocked\n550-5.7.26 for want of DKIM.\n550 5.7.26 x1 - gsmtp"
    )
    with SmtpSink([Fault("dot", reply=reply, message=1)], extensions=extensions) as sink:
        (outcome,) = hand_over(sink, mails(1)).outcomes
    assert outcome.reply.text == "5.7.26 This mail has been blocked for want of DKIM. x1 - gsmtp"
    assert outcome.reply.enhanced == "5.7.26"


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (Outgoing(1, "a@x.org", "b@x.org>\r\nRCPT TO:<c@x.org", b"x\r\n"), 553),
        (Outgoing(1, "a@x.org\r\nRSET", "b@x.org", b"x\r\n"), 553),
        (Outgoing(1, "a@x.org", "", b"x\r\n"), 553),
        (Outgoing(1, "a@x.org", "jörg@x.org", b"x\r\n"), 553),
        (Outgoing(1, "a@x.org", "b@x.org", b"no line end"), 554),
        (Outgoing(1, "a@x.org", "b@x.org", b"x\r\n.\r\nMAIL FROM:<evil@x.org>\r\n"), 554),
        (Outgoing(1, "a@x.org", "b@x.org", b".\r\n"), 554),
    ],
)
def test_what_would_change_the_protocol_never_reaches_the_wire(extensions, message, code):
    with SmtpSink(extensions=extensions) as sink:
        result = hand_over(sink, [mail(0), message, mail(2)])
    assert fates(result) == "ARA"
    assert result.outcomes[1].reply.code == code
    assert taken(sink) == [0, 2]


def test_an_international_address_goes_where_it_is_offered():
    with SmtpSink(extensions=("PIPELINING", "SMTPUTF8", "8BITMIME")) as sink:
        result = hand_over(sink, [mail(0, rcpt="jörg@example.com")])
    assert fates(result) == "A"
    assert sink.accepted[0].rcpt == "jörg@example.com"
    assert sink.commands[1].endswith(" SMTPUTF8")


def test_an_empty_window_says_nothing(extensions):
    with SmtpSink(extensions=extensions) as sink:
        assert hand_over(sink, []).outcomes == []
    assert sink.count("MAIL") == 0


def test_a_window_out_of_time_returns_the_rest_and_keeps_the_connection(extensions):
    with SmtpSink(extensions=extensions) as sink:
        connection = connect(sink)
        first = connection.send_window(mails(3), journal=NoJournal(), seconds=0)
        second = connection.send_window(mails(3)[1:], journal=NoJournal())
        connection.close()
    assert fates(first) + fates(second) == "ANNAA"
    assert taken(sink) == [0, 1, 2]


def test_a_large_message_is_handed_over_whole(extensions):
    body = b"0123456789abcdef\r\n" * 60_000
    with SmtpSink(extensions=extensions) as sink:
        result = hand_over(sink, [mail(0, data=body), mail(1)])
    assert fates(result) == "AA"
    assert sink.accepted[0].body.endswith(body)
