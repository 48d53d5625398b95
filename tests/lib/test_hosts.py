"""Nobody can point the sender at our own network, however the address is dressed up."""

from __future__ import annotations

import pytest

from campaign_app.lib.hosts import HostRefused, is_public, resolve


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "192.168.1.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2002:c0a8:101::1",
        "2001:0:0:0:0:0:f5ff:fffe",
        "2001:db8::1",
        "fc00::1",
        "fd12:3456::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        "not an address",
        "",
    ],
)
def test_it_refuses_what_is_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "142.250.27.108", "2a00:1450:4025:401::6c", "::ffff:8.8.8.8", "64:ff9b::808:808"],
)
def test_it_accepts_public_addresses(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "127.0.0.1",
        "127.1",
        "0x7f.1",
        "2130706433",
        "::1",
        "no.such.host.invalid",
        "a" * 70,
        "",
    ],
)
def test_a_private_or_unknown_host_is_refused_with_one_sentence(host):
    with pytest.raises(HostRefused, match="is not a public mail server") as refused:
        resolve(host, 587)
    assert refused.value.field == "host"


@pytest.mark.parametrize("port", [22, 80, 5432, 6379, 0, 70000])
def test_only_mail_ports_are_open(port):
    with pytest.raises(HostRefused, match="25, 465, 587, 2525"):
        resolve("8.8.8.8", port)


@pytest.mark.parametrize("port", [25, 465, 587, 2525])
def test_a_public_address_comes_back_to_connect_to(port):
    ((_, address),) = resolve("8.8.8.8", port)
    assert address[:2] == ("8.8.8.8", port)


def test_development_may_use_its_own_machine():
    addresses = [address[:2] for _, address in resolve("localhost", 1025, allow_private=True)]
    assert ("127.0.0.1", 1025) in addresses
