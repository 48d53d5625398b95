"""Real replies of real servers, and what each has to lead to."""

from __future__ import annotations

from pathlib import Path

import pytest

from campaign_app.sending.handover import Phase, Reply, TransportError
from campaign_app.sending.replies import (
    Action,
    Scope,
    Verdict,
    classify,
    classify_error,
    tier_delay,
)

EXAMPLES = [
    tuple(part.strip() for part in line.split("|", 2))
    for line in (Path(__file__).parent / "replies.txt").read_text().splitlines()
    if line and not line.startswith("#")
]


def in_words(verdict: Verdict) -> str:
    words = [verdict.scope, verdict.action, verdict.bounce or ""]
    words += ["suppress"] if verdict.suppress else []
    words += [f"{verdict.wait_seconds:.0f}"] if verdict.wait_seconds else []
    return " ".join(word for word in words if word)


@pytest.mark.parametrize(("phase", "meaning", "line"), EXAMPLES)
def test_a_reply_is_classified_by_whom_it_concerns(phase, meaning, line):
    reply = Reply.parse(f"{line}\r\n".encode())
    assert in_words(classify(Phase(phase), reply)) == meaning


@pytest.mark.parametrize("phase", list(Phase))
def test_no_reply_is_the_connections_fault(phase):
    assert classify(phase, None).scope is Scope.CONNECTION


@pytest.mark.parametrize("phase", list(Phase))
@pytest.mark.parametrize("code", [400, 421, 450, 499, 500, 550, 599])
def test_every_refusal_has_a_meaning(phase, code):
    verdict = classify(phase, Reply(code, ""))
    assert not verdict.suppress
    assert not (phase in (Phase.CONNECT, Phase.AUTH) and verdict.scope is Scope.RECIPIENT)


def test_only_a_sender_that_needs_a_change_is_stopped_without_a_reply():
    changed = TransportError("no STARTTLS", phase=Phase.CONNECT, needs_change=True)
    waits = TransportError("time-out", phase=Phase.CONNECT)
    assert classify_error(changed).action is Action.STOP
    assert classify_error(waits).action is Action.RETRY


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("too many messages, try again in 92 seconds", 92),
        ("rate limit: wait 2 min", 120),
        ("throttled, retry in 1 hour", 3600),
        ("throttled, retry after 999999 hours", 86_400),
        ("throttled, try again later", None),
        ("throttled, 5 messages seen", None),
    ],
)
def test_a_told_delay_is_understood(text, seconds):
    assert classify(Phase.RCPT, Reply(450, text)).wait_seconds == seconds


def test_the_tiers_are_half_a_minute_a_minute_an_hour_and_then_over():
    assert [tier_delay(attempts) for attempts in range(5)] == [None, 30, 60, 3600, None]
