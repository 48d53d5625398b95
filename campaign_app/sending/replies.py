"""What a server's reply means: whom it concerns, and what has to happen now.

The first digit is not enough. `550 5.4.5 Daily sending limit exceeded` is about the sender and
passes by itself; failing the recipient for it, or all that follow, would be a lie. So every reply
has a scope first, then an action. The rules below are read from the top; the first that fits wins.

Sources: RFC 3463 and the IANA registry of enhanced status codes; Google "SMTP errors and codes"
(answer 3726730); Microsoft Learn on SMTP AUTH submission (432 4.3.2, 5.2.251-5.2.255) and NDRs;
Amazon SES "SMTP response codes"; Yahoo's sender pages; cPanel's and Postfix's own texts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

from campaign_app.sending.handover import Phase, Reply, TransportError

TIERS = (30, 60, 3600)  # seconds until the second, third and fourth attempt
HOUR = 3600.0
LONGEST_WAIT = 86_400.0


class Scope(StrEnum):
    """Whom a reply concerns."""

    RECIPIENT = "recipient"
    SENDER = "sender"
    CONNECTION = "connection"
    POLICY = "policy"


class Action(StrEnum):
    """What follows.

    RETRY: the message goes to its next tier; with scope CONNECTION nothing is held against it: the
    connection is dropped, what was not sent is given back, and a sender that gets nowhere waits by
    tiers. FAIL: the message is over. COOL: the sender waits, its messages with it; none fails.
    STOP: the sender is of no use until its owner changes it. PAUSE: the campaign pauses.
    """

    RETRY = "retry"
    FAIL = "fail"
    COOL = "cool"
    STOP = "stop"
    PAUSE = "pause"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The meaning of a reply.

    `suppress`: never write to this recipient again. `wait_seconds`: how long to wait when the
    server said so or the rule knows; None leaves it to the tiers.
    """

    scope: Scope
    action: Action
    suppress: bool = False
    bounce: Literal["hard", "soft"] | None = None
    wait_seconds: float | None = None


RETRY = Verdict(Scope.RECIPIENT, Action.RETRY)
RETRY_FULL = Verdict(Scope.RECIPIENT, Action.RETRY, bounce="soft")
FAIL = Verdict(Scope.RECIPIENT, Action.FAIL, bounce="soft")
GONE = Verdict(Scope.RECIPIENT, Action.FAIL, suppress=True, bounce="hard")
COOL = Verdict(Scope.SENDER, Action.COOL)
COOL_AN_HOUR = replace(COOL, wait_seconds=HOUR)
STOP = Verdict(Scope.SENDER, Action.STOP)
RECONNECT = Verdict(Scope.CONNECTION, Action.RETRY)
PAUSE = Verdict(Scope.POLICY, Action.PAUSE)

_AT_MAIL = frozenset({Phase.MAIL})
_KNOWS_RECIPIENT = frozenset({Phase.RCPT, Phase.DATA, Phase.BODY, Phase.DOT})
_AT_AUTH = frozenset({Phase.AUTH})
_AT_CONNECT = frozenset({Phase.CONNECT})

# A mailbox of somebody else that gets more than it can hold or read.
_BUSY_MAILBOX = (
    r"recipient thread limit|grey-?list|is receiving mail (too quickly|at a rate)"
    r"|user is receiving mail"
)
# The sender's own pace, quota or connections.
_LIMIT = (
    r"rate[ -]?limit|throttl|slow(ing)? down|flood"
    r"|(exceed|reach|over|hit)\w*\b.{0,50}\b(rate|quota|limit|threshold|max \w+ per|max defers)"
    r"|\b(rate|quota|limit|threshold)s?\b.{0,40}\b(exceed|reach)"
    r"|too many (concurrent |smtp |simultaneous )*(connections|messages|e-?mails|mails|recipients)"
    r"|(messages|e-?mails|recipients|mails) (sent )?per (second|minute|hour|day) exceeded"
    r"|number (of )?(messages|recipients) per \w+ exceeded"
    r"|unusual (sending activity|rate of)|unexpected volume|too much mail"
    r"|(try|send|retry)\w* (it )?(again )?(in|after) (about )?\d+"
)
_FULL = (
    r"mailbox.{0,30}(full|limit|quota|storage)|quota.{0,20}mailbox|over ?quota"
    r"|storage full|out of storage"
)
_NOBODY = (
    r"(no such|unknown|invalid|non-?existent|nonexisting) (user|recipient|mailbox|address|account)"
    r"|(user|recipient|mailbox|address|account)s? (is |was )?(unknown|not found|invalid\b)"
    r"|(user|recipient|mailbox|address|account)\b.{0,60}(doesn'?t|does not|no longer) exist"
    r"|no mailbox (here|by that)|user doesn't have|undeliverable address"
)
_DISABLED = r"disabled|inactive|deactivated|closed|no longer (active|available|valid)"
_POLICY = (
    r"spam|black ?list|block ?list|blocked|spamhaus|unsolicited|reputation|virus|malware|phish"
    r"|\bdkim\b|\bspf\b|dmarc|unauthenticated|not verified|policy|suspended"
    r"|relay(ing)? (access )?denied|sender (address )?rejected|(not allowed to|as this) send(er)?"
    r"|content (rejected|denied)|banned|bad outbound sender"
)


@dataclass(frozen=True, slots=True)
class _Rule:
    """Fits when everything given fits: code (pattern), enhanced code (pattern), text, phase.

    Nothing is a recipient's fault before RCPT has named one.
    """

    verdict: Verdict
    code: str = r"[45]"
    enhanced: str = ""
    text: str = ""
    phases: frozenset[Phase] = frozenset(Phase)

    def fits(self, phase: Phase, reply: Reply, words: str) -> bool:
        return (
            phase in self.phases
            and (phase in _KNOWS_RECIPIENT or self.verdict.scope is not Scope.RECIPIENT)
            and re.match(self.code, str(reply.code)) is not None
            and (not self.enhanced or re.fullmatch(self.enhanced, reply.enhanced) is not None)
            and (not self.text or re.search(self.text, words, re.IGNORECASE) is not None)
        )


_RULES = (
    # Getting in.
    _Rule(STOP, "53[045]|538"),
    _Rule(COOL, "4", phases=_AT_AUTH),
    _Rule(STOP, "5", phases=_AT_AUTH),
    _Rule(COOL, "4", text=_LIMIT, phases=_AT_CONNECT),
    _Rule(RECONNECT, "4", phases=_AT_CONNECT),
    _Rule(COOL_AN_HOUR, "5", phases=_AT_CONNECT),
    # 421 closes the connection, whatever else it says; some say that the pace is the reason.
    _Rule(RECONNECT, "421", text=r"per (connection|session)"),
    _Rule(COOL, "421", text=_LIMIT),
    _Rule(RECONNECT, "421"),
    _Rule(RECONNECT, "503"),
    # One mailbox, busy or full: its texts speak of rates and quotas, too, so it comes first.
    _Rule(RETRY, text=_BUSY_MAILBOX),
    _Rule(
        STOP, "55", text=r"STOREDRV\.Submission.*(ShutoffQuota|QuotaExceeded)", enhanced=r"5\.2\.2"
    ),
    _Rule(RETRY_FULL, "4", enhanced=r"4\.2\.2"),
    _Rule(FAIL, "5", enhanced=r"5\.2\.[23]"),
    # A daily quota comes back by itself, but not in a minute.
    _Rule(COOL_AN_HOUR, "5", enhanced=r"5\.4\.5|5\.1\.90"),
    _Rule(COOL_AN_HOUR, text=rf"SubmissionQuotaExceeded|daily.*({_LIMIT})|({_LIMIT}).*daily"),
    # Certain about the address or the size, whatever words follow.
    _Rule(PAUSE, "5", enhanced=r"5\.3\.4"),
    _Rule(GONE, "5", enhanced=r"5\.1\.(1|2|3|6|10)"),
    # The sender's pace, quota or connections.
    _Rule(COOL, "432|454"),
    _Rule(COOL, "45", enhanced=r"4\.4\.5|4\.5\.3|4\.3\.1"),
    _Rule(COOL, "5", enhanced=r"5\.2\.25[1-5]|5\.7\.23[23]|5\.7\.705|5\.7\.38"),
    _Rule(RETRY_FULL, "4", text=_FULL),
    _Rule(FAIL, "5", text=_FULL),
    _Rule(COOL, text=_LIMIT),
    # What is said of the envelope sender holds for every message.
    _Rule(COOL, "4", phases=_AT_MAIL),
    _Rule(PAUSE, "5", phases=_AT_MAIL),
    _Rule(PAUSE, "5", enhanced=r"5\.1\.[78]"),
    # One recipient.
    _Rule(RETRY, "4"),
    _Rule(GONE, "5", enhanced=r"5\.7\.(13|17)"),  # account disabled; mailbox has a new owner
    _Rule(GONE, "5", enhanced=r"5\.2\.1", text=_DISABLED),
    _Rule(FAIL, "5", enhanced=r"5\.7\.(12[49]|13[346])"),  # this recipient takes nobody's mail
    _Rule(GONE, "5", text=_NOBODY, enhanced=r"|5\.[0145]\.\d+"),
    # Policy: the campaign's content or the sender's standing.
    _Rule(PAUSE, "5", enhanced=r"5\.7\.\d+"),
    _Rule(PAUSE, "5", text=_POLICY),
    _Rule(FAIL, "5"),
)

_ADDRESS = re.compile(r"<[^>]*>|\S+@\S+")  # somebody may be called ratelimit@example.com
_AGAIN_IN = re.compile(
    r"(?:again|retry|retrying|wait|in|after)\s+(?:in\s+|after\s+|about\s+|for\s+)*"
    r"(\d{1,6})\s*(s|sec|seconds?|m|min|mins|minutes?|h|hours?)\b",
    re.IGNORECASE,
)
_UNITS = {"s": 1.0, "m": 60.0, "h": HOUR}


def classify(phase: Phase, reply: Reply | None) -> Verdict:
    """The meaning of `reply`, given in `phase`. No reply: the connection is to blame."""
    if reply is None or reply.code < 400:
        return RECONNECT
    words = _ADDRESS.sub(" ", reply.text)
    verdict = next(rule.verdict for rule in _RULES if rule.fits(phase, reply, words))
    if verdict.action in (Action.COOL, Action.RETRY):
        told = _told_to_wait(words)
        return replace(verdict, wait_seconds=told) if told else verdict
    return verdict


def classify_error(error: TransportError) -> Verdict:
    """The meaning of a broken or refused connection."""
    return STOP if error.needs_change else classify(error.phase, error.reply)


def tier_delay(attempts: int) -> float | None:
    """Seconds until the next attempt after `attempts` of them; None when that was the last."""
    return float(TIERS[attempts - 1]) if 1 <= attempts <= len(TIERS) else None


def _told_to_wait(text: str) -> float | None:
    """`Try again in 92 seconds` → 92.0; a day at most."""
    found = _AGAIN_IN.search(text)
    if not found:
        return None
    return min(int(found[1]) * _UNITS[found[2][0].lower()], LONGEST_WAIT) or None
