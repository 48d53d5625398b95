"""What a refusal means, for people who do not read SMTP.

The enhanced codes are RFC 3463's and the IANA registry's; the plain codes RFC 5321's.
"""

from __future__ import annotations

from typing import NamedTuple


class Reason(NamedTuple):
    """A title of a few words, and a sentence on what it means and what helps."""

    title: str
    meaning: str


GONE = "The address does not exist any more. It is suppressed, so that nobody writes there again."
BUSY = "The mailbox or its server was busy. Carillon tries again by itself."
POLICY = "The receiver objects to the e-mail or its sender. Check SPF, DKIM, DMARC and the content."

ENHANCED = {
    "1.0": Reason("Address refused", "The server does not take mail for this address."),
    "1.1": Reason("No such mailbox", GONE),
    "1.2": Reason("No such mail domain", "The part after the @ takes no mail: often a typo."),
    "1.3": Reason("Malformed address", "The server cannot read the address. Correct it."),
    "1.6": Reason("Mailbox moved", "The person has moved without a forwarding address."),
    "1.7": Reason("Sender address refused", "The server cannot read your From address."),
    "1.8": Reason("Sender domain refused", "The domain of your From address is not accepted."),
    "1.10": Reason("Domain takes no mail", "The domain says that it accepts no mail at all."),
    "2.0": Reason("Mailbox trouble", "Something is wrong with the mailbox; it did not say what."),
    "2.1": Reason("Mailbox disabled", "The mailbox is switched off, or takes no mail just now."),
    "2.2": Reason("Mailbox full", "The mailbox has no room left. It may have again, later."),
    "2.3": Reason("Message too large", "The e-mail is larger than this mailbox takes."),
    "3.0": Reason("Mail system trouble", BUSY),
    "3.1": Reason("Mail system full", "The receiving server has no room left."),
    "3.2": Reason("Mail system not accepting mail", BUSY),
    "3.4": Reason("Message too large", "The e-mail is larger than the server takes. Shorten it."),
    "4.1": Reason("No answer from the host", "The receiving server did not answer."),
    "4.2": Reason("Bad connection", "The connection broke. Carillon tries again by itself."),
    "4.4": Reason("Cannot route the mail", "The domain's mail servers could not be found."),
    "4.5": Reason("Too much mail at once", "The server asks for a slower pace."),
    "4.6": Reason("Mail loop", "The receiver's servers forward to each other in a circle."),
    "4.7": Reason("Took too long", "The receiving server gave up delivering it."),
    "5.3": Reason("Too many recipients", "The server asks for fewer recipients at once."),
    "6.0": Reason("Content refused", "The server does not like something in the e-mail."),
    "7.0": Reason("Refused by policy", POLICY),
    "7.1": Reason("Refused by policy", POLICY),
    "7.9": Reason("Sign-in too weak", "The server wants another way of signing in."),
    "7.26": Reason(
        "Not authenticated",
        "Neither SPF nor DKIM vouches for your From domain. Ask your provider to set them up.",
    ),
    "7.27": Reason("SPF failed", "Your provider is not named in your domain's SPF record."),
    "7.30": Reason("DKIM missing", "Your provider does not sign with DKIM for your domain."),
    "7.515": Reason(
        "Not authenticated",
        "Microsoft wants SPF, DKIM and DMARC from bulk senders. Set all three up.",
    ),
    "7.606": Reason("Blocked address", "The receiver has blocked your provider's IP address."),
}
"""By the code without its class: 4.2.2 and 5.2.2 are both a full mailbox."""
FOR_THE_MOMENT = {
    "2.1": Reason("Mailbox busy", BUSY),
    "7.0": Reason(
        "Put off", "The receiver wants to see the sender again later (greylisting, say)."
    ),
    "7.1": Reason(
        "Put off", "The receiver wants to see the sender again later (greylisting, say)."
    ),
}
"""What means something else when the code begins with a 4."""
PLAIN = {
    "421": Reason("Server not available", BUSY),
    "450": Reason("Mailbox busy", BUSY),
    "451": Reason("Server error", BUSY),
    "452": Reason("Server out of room", BUSY),
    "550": Reason("Refused", "The server does not take this mail. Its own words say more."),
    "551": Reason("Not a local user", "The server knows nobody by this address."),
    "552": Reason("No room", "The mailbox or the server has no room left."),
    "553": Reason("Address not allowed", "The server does not accept this address."),
    "554": Reason("Transaction failed", POLICY),
}
PHASES = {
    "connect": Reason("No connection", "The mail server could not be reached."),
    "compose": Reason(
        "Could not be written",
        "The template did not work for this recipient. Check its merge fields.",
    ),
    "dot": Reason(
        "Nobody can know",
        "The connection ended after the e-mail had left and before the server answered. "
        "It may have arrived; sending it again may make a second copy.",
    ),
    "ended": Reason(
        "Process ended",
        "The sending process ended after the e-mail had left and before the server's answer could "
        "be noted. It may have arrived; sending it again may make a second copy.",
    ),
    "lost": Reason(
        "Worker lost",
        "The worker died while it sent, and its notes are not to be found. Should they turn up, "
        "Carillon puts this right by itself.",
    ),
}
OTHER = Reason("Other", "The server's own words are all there is.")
BROKEN = Reason("Connection broken", "The connection ended in the middle, again and again.")


def explain(key: str) -> Reason:
    """The reason of an enhanced code ("5.1.1"), a plain one ("550") or an SMTP phase ("dot")."""
    kind, dot, detail = key.partition(".")
    if kind == "4" and detail in FOR_THE_MOMENT:
        return FOR_THE_MOMENT[detail]
    if dot:
        return ENHANCED.get(detail, ENHANCED.get(f"{detail.partition('.')[0]}.0", OTHER))
    if key.isdigit():
        return PLAIN.get(key, OTHER)
    return PHASES.get(key, BROKEN if key in ("mail", "rcpt", "data", "body") else OTHER)
