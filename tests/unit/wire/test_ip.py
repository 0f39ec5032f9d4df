"""IP headers, byte for byte, against an independent implementation."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6
from scapy.packet import Raw

from vipd.wire.ip import ETHERTYPE_IPV4, ETHERTYPE_IPV6, NETWORK_CONTROL, ethertype, packet

PAYLOADS = [b"", b"\x31\x33\x96", bytes(1000)]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_ipv4(payload: bytes) -> None:
    built = packet(
        payload,
        source=ip_address("192.0.2.11"),
        destination=ip_address("224.0.0.18"),
        protocol=112,
        ttl=255,
    )
    header = IP(src="192.0.2.11", dst="224.0.0.18", proto=112, ttl=255, tos=0xC0, id=0, flags="DF")
    assert built == bytes(header / Raw(payload))
    assert IP(built).chksum == IP(bytes(header / Raw(payload))).chksum


@pytest.mark.parametrize("payload", PAYLOADS)
def test_ipv6(payload: bytes) -> None:
    built = packet(
        payload,
        source=ip_address("fe80::11"),
        destination=ip_address("ff02::12"),
        protocol=112,
        ttl=255,
    )
    header = IPv6(src="fe80::11", dst="ff02::12", nh=112, hlim=255, tc=0xC0, fl=0)
    assert built == bytes(header / Raw(payload))


def test_a_literal_ipv4_header() -> None:
    """Its words, but for the checksum, add up to 0x32761: 0x2764 folded, 0xD89B inverted."""
    built = packet(
        b"",
        source=ip_address("192.0.2.11"),
        destination=ip_address("224.0.0.18"),
        protocol=112,
        ttl=255,
    )
    assert built.hex(" ", 2) == "45c0 0014 0000 4000 ff70 d89b c000 020b e000 0012"
    assert NETWORK_CONTROL == 0xC0


def test_the_ethertype_follows_the_family() -> None:
    assert ethertype(ip_address("192.0.2.1")) == ETHERTYPE_IPV4 == 0x0800
    assert ethertype(ip_address("fe80::1")) == ETHERTYPE_IPV6 == 0x86DD
