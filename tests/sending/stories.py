"""What may happen in the middle of a drain, for hypothesis to choose from."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.sending.incidents import Fate, Incident
from tests.smtp_session import Fault

_LATER = "451 4.3.0 try again later"
_NOBODY = "550 5.1.1 no such user"
_POLICY = "550 5.7.1 this looks like spam"
_BYE = "421 4.3.2 closing"

FAULTS = {
    "connect": (
        Fault("connect", reply=_BYE, close=True),
        Fault("connect", reply="554 5.3.2 not today", close=True),
        Fault("connect", close=True),
    ),
    "auth": (
        Fault("auth", reply="535 5.7.8 wrong password"),
        Fault("auth", reply="454 4.7.0 temporary authentication failure"),
        Fault("auth", close=True),
    ),
    "mail": (
        Fault("mail", reply=_BYE, close=True),
        Fault("mail", reply="454 4.7.0 Throttling failure: rate exceeded"),
        Fault("mail", reply="550 5.7.26 unauthenticated sender"),
        Fault("mail", close=True),
    ),
    "rcpt": (
        Fault("rcpt", reply=_LATER),
        Fault("rcpt", reply=_NOBODY),
        Fault("rcpt", reply=_POLICY),
        Fault("rcpt", reply="552 5.2.2 mailbox full"),
        Fault("rcpt", reply="550 5.4.5 Daily user sending limit exceeded"),
        Fault("rcpt", reply="450 4.7.1 rate limit exceeded, try again in 92 seconds"),
        Fault("rcpt", reply="503 5.5.1 bad sequence of commands"),
        Fault("rcpt", reply="what?"),
        Fault("rcpt", reply=_BYE),
        Fault("rcpt", close=True),
    ),
    "data": (
        Fault("data", reply=_LATER),
        Fault("data", reply="554 5.3.0 broken"),
        Fault("data", reply=_BYE, close=True),
        Fault("data", close=True),
    ),
    "body": (
        Fault("body", close=True),
        Fault("body", reset=True, after_bytes=20),
        Fault("body", reply="552 5.3.4 too large", close=True),
    ),
    "dot": (
        Fault("dot", reply=_LATER),
        Fault("dot", reply=_NOBODY),
        Fault("dot", reply=_POLICY),
        Fault("dot", reply="550 5.4.6 Unusual sending activity detected"),
        Fault("dot", reply=_BYE, close=True),
        Fault("dot", close=True),
        Fault("dot", close=True, record=True),
        Fault("dot", reset=True, record=True),
        Fault("dot", reply="2what?", record=True),
    ),
    "idle": (Fault("idle", reply="421 4.4.2 idle for too long", close=True),),
}
DEEDS = ("round", "stop", "kill", "pause", "cancel", "resume", "unsubscribe", "suppress", "delete")
ON_THE_WIRE = ("mail", "rcpt", "data", "body", "dot")
NUMBERS = st.integers(0, 9)
"""Whom or what a deed concerns: small, so that several deeds meet."""

_moments = st.integers(1, 4) | st.integers(1, 30)


def _fault(fault: Fault, nth: int) -> Incident:
    at_first = fault.phase in ("connect", "auth")
    return Incident(fault.phase, 1 if at_first else nth, fault)


def _deed(phase: str, nth: int, verb: str, number: int, record: bool) -> Incident:
    words = verb if verb in ("round", "stop", "kill") else f"{verb} {number}"
    return Incident(phase, nth, deed=words, record=record)


_faults = st.builds(
    _fault, st.sampled_from([one for some in FAULTS.values() for one in some]), _moments
)
_deeds = st.builds(
    _deed,
    st.sampled_from(ON_THE_WIRE),
    _moments,
    st.sampled_from(DEEDS),
    NUMBERS,
    st.booleans(),
)
INCIDENTS = st.lists(_faults | _deeds, min_size=1, max_size=6)
FATES = (
    st.none()
    | st.none()
    | st.builds(Fate, st.just("statement"), st.integers(1, 30))
    | st.builds(Fate, st.sampled_from(["commit", "committed"]), st.integers(1, 10))
)
"""Mostly a drain does not die."""
