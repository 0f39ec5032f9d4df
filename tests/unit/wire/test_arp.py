"""Gratuitous ARP frames: as literal bytes, and as scapy reads them."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address
from typing import Any

import pytest
from scapy.layers.l2 import ARP, Ether

from vipd.wire.arp import gratuitous_reply, gratuitous_request

MAC = bytes.fromhex("52 54 00 12 34 56")
ADDRESS = IPv4Address("192.0.2.100")
Build = Callable[[bytes, IPv4Address], bytes]


def test_request_bytes() -> None:
    assert gratuitous_request(MAC, ADDRESS) == bytes.fromhex(
        "ff ff ff ff ff ff  52 54 00 12 34 56  08 06"
        "00 01  08 00  06  04  00 01"
        "52 54 00 12 34 56  c0 00 02 64"
        "00 00 00 00 00 00  c0 00 02 64"
    )


def test_reply_bytes() -> None:
    assert gratuitous_reply(MAC, ADDRESS) == bytes.fromhex(
        "ff ff ff ff ff ff  52 54 00 12 34 56  08 06"
        "00 01  08 00  06  04  00 02"
        "52 54 00 12 34 56  c0 00 02 64"
        "52 54 00 12 34 56  c0 00 02 64"
    )


@pytest.mark.parametrize(
    ("build", "operation", "target_mac"),
    [
        (gratuitous_request, 1, "00:00:00:00:00:00"),
        (gratuitous_reply, 2, "02:00:00:00:00:fe"),
    ],
)
@pytest.mark.parametrize("address", ["0.0.0.1", "198.51.100.7", "255.255.255.254"])
def test_scapy_reads_an_announcement(
    build: Build, operation: int, target_mac: str, address: str
) -> None:
    ether: Any = Ether(build(bytes.fromhex("02 00 00 00 00 fe"), IPv4Address(address)))
    arp: Any = ether[ARP]
    assert (ether.dst, ether.src, ether.type) == ("ff:ff:ff:ff:ff:ff", "02:00:00:00:00:fe", 0x0806)
    assert (arp.hwtype, arp.ptype, arp.hwlen, arp.plen) == (1, 0x0800, 6, 4)
    assert (arp.op, arp.hwsrc, arp.hwdst) == (operation, "02:00:00:00:00:fe", target_mac)
    assert (arp.psrc, arp.pdst) == (address, address)
    assert not arp.payload


@pytest.mark.parametrize("build", [gratuitous_request, gratuitous_reply])
def test_a_link_that_is_not_ethernet_is_our_mistake(build: Build) -> None:
    with pytest.raises(AssertionError, match="six bytes"):
        build(bytes(20), ADDRESS)
