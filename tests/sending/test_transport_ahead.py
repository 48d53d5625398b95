"""An envelope sent ahead of its window saves a round trip, and never delivers an unsent mail."""

from __future__ import annotations

import pytest

from campaign_app.sending.envelope import Envelope
from campaign_app.sending.journal import NoJournal
from campaign_app.sending.transport import Connection, Outgoing, WindowResult
from tests.sending.hand_over import PLAIN_EXTENSIONS, connect, fates, mail, mails, taken
from tests.smtp_sink import Fault, SmtpSink
from tests.waiting import until


def send(connection: Connection, window: list[Outgoing], ahead: Outgoing | None) -> WindowResult:
    envelope = Envelope(*ahead[:3]) if ahead else None
    return connection.send_window(window, journal=NoJournal(), ahead=envelope)


def test_window_after_window_arrives_in_order():
    with SmtpSink() as sink, connect(sink) as connection:
        many = mails(30)
        for start in range(0, 30, 5):
            following = many[start + 5] if start < 25 else None
            assert fates(send(connection, many[start : start + 5], following)) == "AAAAA"
    assert taken(sink) == list(range(30))
    assert (sink.violations, sink.connections) == ([], 1)


def test_the_server_has_the_envelope_before_the_next_window_begins():
    with SmtpSink() as sink, connect(sink) as connection:
        send(connection, [mail(1)], mail(2))
        until(lambda: sink.count("RCPT") == 2)
        assert connection.fits(mail(2))
        assert not connection.fits(mail(3))


def test_hanging_up_instead_of_the_announced_message_delivers_nothing():
    with SmtpSink() as sink:
        with connect(sink) as connection:
            send(connection, [mail(1)], mail(2))
        with connect(sink) as connection:  # and the server is fine
            send(connection, [mail(3)], None)
    assert taken(sink) == [1, 3]
    assert sink.count("QUIT") == 1


def test_no_other_message_goes_under_an_announced_envelope():
    with SmtpSink() as sink, connect(sink) as connection:
        send(connection, [mail(1)], mail(2))
        result = send(connection, [mail(3)], None)
        assert fates(result) == "N"
        assert result.broken
    assert taken(sink) == [1]


@pytest.mark.parametrize("phase", ["rcpt", "data"])
def test_a_refusal_of_the_announced_envelope_is_its_message_s(phase):
    with (
        SmtpSink([Fault(phase, reply="451 4.3.0 later", message=2)]) as sink,
        connect(sink) as connection,
    ):
        assert fates(send(connection, [mail(1)], mail(2))) == "A"
        assert fates(send(connection, [mail(2), mail(3)], None)) == "RA"
    assert taken(sink) == [1, 3]


@pytest.mark.parametrize("close", ["rcpt", "data"])
def test_a_connection_lost_at_the_announced_envelope_leaves_it_unsent(close):
    with SmtpSink([Fault(close, close=True, message=2)]) as sink, connect(sink) as connection:
        assert fates(send(connection, [mail(1)], mail(2))) in ("A", "U")
        result = send(connection, [mail(2), mail(3)], None)
        assert fates(result) == "NN"
    assert 2 not in taken(sink)


def test_nothing_is_announced_where_it_cannot_be():
    cases = (PLAIN_EXTENSIONS, mail(2)), (("PIPELINING",), mail(2, rcpt="jörg@x.org"))
    for extensions, ahead in cases:
        with SmtpSink(extensions=extensions) as sink, connect(sink) as connection:
            assert fates(send(connection, [mail(1)], ahead)) == "A"
            assert connection.fits(mail(3))
            assert sink.count("RCPT") == 1
