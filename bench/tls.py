"""What encryption costs: the same campaign over TLS and without it.

    bin/bench tls [--mails 20000] [--rounds 3] [--connections 8]

Postfix's smtp-sink knows no TLS, so a proxy before it (bench/proxy.py) ends the encryption, with a
certificate of an authority made for this run; the workers trust that by SSL_CERT_FILE, OpenSSL's
own setting. The yardsticks go through a proxy, too: `plain` is the same without TLS, and `bare` a
client that only pipelines the same bytes over TLS (smtp-source knows none). CPU of the proxy is the
server's share and nobody's cost here.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import contest, options, rivals, sinks, stack
from bench.awake import awake
from bench.campaigns import Audience, Server
from bench.meter import Parties, Run
from bench.sinks import Listener
from bench.stack import Stack
from campaign_app.models.senders import Security
from tests.certificates import make_authority

BARE, PLAIN, CARILLON = "bare over TLS", "carillon, plain", "carillon over TLS"
HOST = "localhost"
"""What the certificate is valid for."""


@dataclass(frozen=True)
class Servers:
    """The sink, and the two proxies before it; `trust` is the authority's file."""

    sink: Listener
    plain: Listener
    tls: Listener
    trust: Path


def main(arguments: Sequence[str]) -> None:
    """Run the rounds and print their figures."""
    asked = _options(arguments)
    processes = options.processes(asked)
    with (
        _servers() as servers,
        stack.running(sending=processes, SSL_CERT_FILE=str(servers.trust)) as running,
        awake(),
    ):
        print(
            f"{asked.mails:,} mails of {asked.size:,} bytes, {asked.connections} connections,"
            f" {processes} sending processes"
        )
        results = contest.take_turns(_contestants(running, servers, asked), rounds=asked.rounds)
        ratio = contest.ratio(results, CARILLON, PLAIN)
        costs = [contest.cpu_a_mail(results[name], "sender") for name in (CARILLON, PLAIN)]
        print(f"  over TLS to plain: {ratio:.2f} of the mails a second,")
        print(f"  and {costs[0] - costs[1]:+,.0f} µs of the sender's CPU a mail.")


@contextmanager
def _servers() -> Iterator[Servers]:
    with ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="carillon-tls-")))
        make_authority(folder, HOST)
        sink = opened.enter_context(sinks.postfix_sink())
        plain = opened.enter_context(sinks.proxied(sink))
        tls = opened.enter_context(sinks.proxied(sink, certificate=folder / "server.pem"))
        yield Servers(sink, plain, tls, folder / "ca.pem")


def _contestants(
    running: Stack, servers: Servers, asked: argparse.Namespace
) -> dict[str, Callable[[], Run]]:
    audience = Audience([asked.mails])
    plain = audience.sender(Server(servers.plain.port, asked.connections, host=HOST))
    tls = audience.sender(
        Server(servers.tls.port, asked.connections, host=HOST, security=Security.TLS)
    )

    def parties(proxy: Listener) -> Parties:
        return {"proxy": [proxy.process], "sink": [servers.sink.process]}

    sizes = {"people": asked.mails, "mail_size": asked.size}
    workers = running.parties()
    return {
        BARE: lambda: rivals.bare(
            servers.tls.port,
            mails=asked.mails,
            size=asked.size,
            connections=asked.connections,
            parties=parties(servers.tls),
            trust=servers.trust,
        ),
        PLAIN: lambda: audience.send(plain, **sizes, parties={**workers, **parties(servers.plain)}),
        CARILLON: lambda: audience.send(tls, **sizes, parties={**workers, **parties(servers.tls)}),
    }


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = options.parser(__doc__)
    options.add_campaign(parser, mails=20_000, connections=8, rounds=3)
    return parser.parse_args(arguments)
