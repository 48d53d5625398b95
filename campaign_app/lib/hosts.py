"""Which hosts a user may point us at: public mail servers, never our own network (SSRF).

A name is resolved once, every address is checked, and the caller connects to the checked address
itself: a second look-up could answer differently (DNS rebinding).
"""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from campaign_app.lib.errors import Invalid

MAIL_PORTS = frozenset({25, 465, 587, 2525})

Target = tuple[socket.AddressFamily, tuple[str, int] | tuple[str, int, int, int]]

_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: the IPv4 address is in the last 32 bits


class HostRefused(Invalid):
    """The host is unknown or not public. One sentence for both, or we would map our network.

    `retryable` is True when the name did not resolve: a resolver may be out of order.
    """

    def __init__(self, message: str, *, retryable: bool = False) -> None:
        super().__init__(message, field="host")
        self.retryable = retryable


def resolve(host: str, port: int, *, allow_private: bool = False) -> list[Target]:
    """The addresses of `host` to connect to, in the resolver's order.

    Raises HostRefused when the name is unknown, when any of its addresses is not a public one, or
    when `port` is none of the mail ports 25, 465, 587, 2525. `allow_private` lifts both limits.
    """
    if not allow_private and port not in MAIL_PORTS:
        ports = ", ".join(str(number) for number in sorted(MAIL_PORTS))
        raise HostRefused(f"Port {port} is not a mail port. Use one of {ports}.")
    targets = _look_up(host, port)
    if not allow_private and not all(is_public(target[1][0]) for target in targets):
        raise _refusal(host)
    return targets


def is_public(address: str) -> bool:
    """Whether `address` (as text) is a global unicast one, also inside any IPv6 wrapping."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, IPv6Address):
        embedded = _embedded(ip)
        if embedded is None:
            return ip in _GLOBAL_UNICAST and ip.is_global and not ip.is_multicast
        ip = embedded
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def _embedded(ip: IPv6Address) -> IPv4Address | None:
    """The IPv4 address a packet to `ip` would end up at: mapped, 6to4, Teredo, NAT64."""
    if ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    teredo = ip.teredo
    return ip.ipv4_mapped or ip.sixtofour or (teredo[1] if teredo else None)


def _look_up(host: str, port: int) -> list[Target]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    except socket.gaierror as error:
        raise _refusal(host, retryable=True) from error
    except (UnicodeError, ValueError, OverflowError) as error:
        raise _refusal(host) from error
    return [
        (family, (str(address[0]), int(address[1]), *address[2:]))
        for family, _, _, _, address in found
    ]


def _refusal(host: str, *, retryable: bool = False) -> HostRefused:
    return HostRefused(
        f"“{host[:253]}” is not a public mail server: its name is unknown or its address private.",
        retryable=retryable,
    )
