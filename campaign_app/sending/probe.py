"""One message on a connection of its own, for “Send a test”: what the server literally says."""

from __future__ import annotations

import ssl

from campaign_app.sending.journal import NoJournal
from campaign_app.sending.transport import (
    Account,
    Connection,
    Fate,
    Outgoing,
    Phase,
    Reply,
    Timeouts,
    TransportError,
)

PATIENCE = Timeouts(connect=10, command=15, data=15, body=30, dot=30)  # somebody is watching


def send_test(
    account: Account,
    outgoing: Outgoing,
    *,
    timeouts: Timeouts = PATIENCE,
    tls_context: ssl.SSLContext | None = None,
) -> Reply:
    """The reply with which the server accepted `outgoing`.

    Raises TransportError when it did not: with the phase, and the server's literal reply if it
    gave one.
    """
    connection = Connection.open(
        account, should_stop=_never, timeouts=timeouts, tls_context=tls_context
    )
    try:
        result = connection.send_window([outgoing], journal=NoJournal(), seconds=timeouts.dot)
    finally:
        connection.close()
    outcome = result.outcomes[0]
    phase, reply = outcome.phase or Phase.CONNECT, outcome.reply
    if outcome.fate is Fate.ACCEPTED and reply:
        return reply
    if outcome.fate is Fate.REFUSED and reply:
        raise TransportError(f"The server said: {reply}", phase=phase, reply=reply)
    raise result.broken or TransportError("The server did not answer.", phase=phase)


def _never() -> bool:
    return False
