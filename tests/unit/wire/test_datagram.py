"""Adverts taken out of IP packets: as scapy builds them, and what is none."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest
from scapy.layers.inet import IP, IPOption_Router_Alert
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt
from scapy.packet import Raw

from vipd.wire.datagram import datagram
from vipd.wire.vrrp import Datagram

PAYLOAD = bytes(range(20))
HEADERS: dict[str, Any] = {
    "IPv4": IP(src="192.0.2.11", dst="224.0.0.18", proto=112, ttl=255),
    "IPv4, one peer, from afar": IP(src="192.0.2.11", dst="198.51.100.1", proto=112, ttl=64),
    "IPv4 with an option": IP(
        src="192.0.2.11", dst="224.0.0.18", proto=112, ttl=255, options=[IPOption_Router_Alert()]
    ),
    "IPv6": IPv6(src="fe80::11", dst="ff02::12", nh=112, hlim=255),
    "IPv6, one peer, from afar": IPv6(src="2001:db8::11", dst="2001:db8:1::1", nh=112, hlim=64),
}


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("padding", [0, 26])
def test_what_scapy_sends_is_read(header: str, padding: int) -> None:
    layer = HEADERS[header]
    assert datagram(bytes(layer / Raw(PAYLOAD)) + bytes(padding)) == Datagram(
        payload=PAYLOAD,
        source=ip_address(layer.src),
        destination=ip_address(layer.dst),
        ttl=layer.ttl if isinstance(layer, IP) else layer.hlim,
    )


OTHERS: dict[str, Any] = {
    "nothing": Raw(b""),
    "neither version": Raw(bytes([0x51]) * 60),
    "IPv4 of another protocol": IP(proto=17) / Raw(PAYLOAD),
    "the first fragment": IP(proto=112, flags="MF") / Raw(PAYLOAD),
    "the last fragment": IP(proto=112, frag=3) / Raw(PAYLOAD),
    "an IPv4 header too short to be one": IP(proto=112, ihl=4) / Raw(PAYLOAD),
    "an IPv4 packet shorter than its header": IP(proto=112, len=19) / Raw(PAYLOAD),
    "IPv6 of another protocol": IPv6(nh=58) / Raw(PAYLOAD),
    "IPv6 with an extension header": IPv6(nh=60) / IPv6ExtHdrDestOpt(nh=112) / Raw(PAYLOAD),
}


@pytest.mark.parametrize("packet", OTHERS)
def test_what_is_no_whole_datagram_of_vrrp_is_not_read(packet: str) -> None:
    assert datagram(bytes(OTHERS[packet])) is None


@pytest.mark.parametrize("header", HEADERS)
def test_what_is_cut_anywhere_is_not_read(header: str) -> None:
    whole = bytes(HEADERS[header] / Raw(PAYLOAD))
    assert {datagram(whole[:length]) for length in range(len(whole))} == {None}
