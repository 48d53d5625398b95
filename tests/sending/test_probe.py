"""“Send a test”: the server's literal words, whichever way it goes."""

from __future__ import annotations

import pytest

from campaign_app.sending.probe import send_test
from campaign_app.sending.transport import Phase, TransportError
from tests.sending.hand_over import BRIEF, account, mail
from tests.smtp_sink import Fault, SmtpSink


def test_an_accepted_test_returns_the_servers_reply():
    with SmtpSink() as sink:
        assert str(send_test(account(sink), mail(1))) == "250 2.0.0 Ok: queued"
    assert len(sink.accepted) == 1


@pytest.mark.parametrize(
    ("fault", "phase", "words"),
    [
        (Fault("rcpt", reply="550 5.1.1 nobody"), Phase.RCPT, "550 5.1.1 nobody"),
        (Fault("dot", reply="554 5.7.1 spam"), Phase.DOT, "554 5.7.1 spam"),
        (Fault("mail", reply="421 4.3.2 busy"), Phase.MAIL, "421 4.3.2 busy"),
        (Fault("dot", close=True), Phase.DOT, "closed the connection"),
        (Fault("connect", reply="554 no", close=True), Phase.CONNECT, "554 no"),
    ],
)
def test_a_refused_test_raises_with_the_servers_words(fault, phase, words):
    with SmtpSink([fault]) as sink, pytest.raises(TransportError, match=words) as caught:
        send_test(account(sink), mail(1), timeouts=BRIEF)
    assert caught.value.phase == phase
