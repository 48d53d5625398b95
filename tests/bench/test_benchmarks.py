"""The benchmarks' own pieces do what they say. How fast, no test asks."""

from __future__ import annotations

import os
import subprocess
import sys
from email import message_from_bytes
from pathlib import Path

import psutil
import pytest

import bench.awake
from bench import __main__ as commands
from bench import campaigns, contest, naive, rivals, sinks
from bench.awake import awake
from bench.meter import Meter, Run
from bench.sinks import Listener
from tests.certificates import make_authority
from tests.smtp_sink import SmtpSink
from tests.waiting import until

SIZES = {"mails": 20, "size": 2_000, "connections": 4}


def listener(sink: SmtpSink) -> Listener:
    return Listener(sink.port, psutil.Process(os.getpid()))


def test_every_benchmark_is_listed_with_what_it_measures(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(sys, "argv", ["bench"])
    commands.main()
    listed = capsys.readouterr().out.splitlines()[2:]
    assert [line.split()[0] for line in listed] == list(commands.COMMANDS)
    assert all(line.endswith(".") for line in listed)


def test_a_pipelining_client_pays_the_delay_once_a_mail():
    with SmtpSink() as sink, sinks.proxied(listener(sink), delay_ms=50) as proxy:
        run = rivals.bare(proxy.port, **SIZES, parties={"proxy": [proxy.process]})
    rounds = SIZES["mails"] / SIZES["connections"]
    assert len(sink.accepted) == run.mails == SIZES["mails"]
    assert not sink.violations
    assert run.seconds >= rounds * 0.05


def test_the_proxy_speaks_tls_for_the_sink(tmp_path: Path):
    make_authority(tmp_path, "localhost")
    with (
        SmtpSink() as sink,
        sinks.proxied(listener(sink), certificate=tmp_path / "server.pem") as proxy,
    ):
        rivals.bare(proxy.port, **SIZES, parties={}, trust=tmp_path / "ca.pem")
    assert len(sink.accepted) == SIZES["mails"]


def test_the_naive_way_sends_what_a_campaign_sends():
    newsletter = naive.Newsletter(campaigns.html(10_240))
    row = naive.Row(7, "ana@example.com", "Ana Berg", "Oslo", "plan 3")
    mail = message_from_bytes(newsletter.write(row).as_bytes())
    text, html = (part.get_payload(decode=True).decode() for part in mail.get_payload())
    assert mail["Subject"] == "News for Ana"
    assert "Good morning, Ana!" in html
    assert html.count(f"{naive.PUBLIC_URL}/c/") == text.count(f"{naive.PUBLIC_URL}/c/") == 5
    assert f"{naive.PUBLIC_URL}/o/" in html
    assert "shop.example" not in html
    assert "Oslo" in text
    assert 8_000 < len(mail.as_bytes()) < 13_000


def children() -> set[psutil.Process]:
    return set(psutil.Process().children())


@pytest.fixture
def latencies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The kernel's file for wished latencies, which is not there for whoever may not write it."""
    path = tmp_path / "cpu_dma_latency"
    monkeypatch.setattr(bench.awake, "LATENCIES", path)
    return path


def test_the_kernel_is_asked_to_poll_for_as_long_as_the_benchmark_runs(
    latencies: Path, capfd: pytest.CaptureFixture[str]
):
    latencies.touch()
    before, mine = children(), psutil.Process()
    with awake():
        assert latencies.read_bytes() == bytes(4)  # at most 0 µs, as an int of C
        assert str(latencies) in [one.path for one in mine.open_files()]  # or the wish is forgotten
        assert children() == before
    assert str(latencies) not in [one.path for one in mine.open_files()]
    assert capfd.readouterr().out == ""


def test_who_may_not_ask_the_kernel_spins_and_says_so(
    latencies: Path, capfd: pytest.CaptureFixture[str]
):
    before = children()
    with awake():
        spinners = children() - before
        until(lambda: idle_cores(spinners) == sorted(os.sched_getaffinity(0)))
    assert not spinners & children()
    assert f"{latencies} is not ours to write" in capfd.readouterr().out


def idle_cores(spinners: set[psutil.Process]) -> list[int]:
    """The cores to which they keep, when nobody else wants them."""
    idle = [one for one in spinners if os.sched_getscheduler(one.pid) == os.SCHED_IDLE]
    return sorted(core for one in idle for core in one.cpu_affinity())


def test_cpu_of_children_that_ended_is_counted():
    meter = Meter({"me": [psutil.Process()]})
    subprocess.run([sys.executable, "-c", "sum(range(10**7))"], check=True)
    run = meter.read(mails=2)
    assert run.cpu["me"] > 0.05
    assert run.cpu_a_mail("me") == pytest.approx(run.cpu["me"] / 2 * 1e6)


def test_contestants_take_turns_and_are_compared_round_by_round(
    capsys: pytest.CaptureFixture[str],
):
    rates = {"fast": iter((100, 900, 300)), "slow": iter((50, 100, 100))}
    order: list[str] = []

    def run(name: str) -> Run:
        order.append(name)
        return Run(next(rates[name]), 1.0)

    contestants = {name: lambda name=name: run(name) for name in rates}
    results = contest.take_turns(contestants, rounds=3)
    assert order == ["fast", "slow"] * 3
    assert contest.rate(results["fast"]) == 300
    assert contest.ratio(results, "fast", "slow") == 3
    assert capsys.readouterr().out.count("fast") == 4
