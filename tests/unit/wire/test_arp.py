"""ARP frames: as literal bytes, as scapy reads them, and those of others."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address
from typing import Any

import pytest
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Raw

from vipd.wire.arp import claim, gratuitous_reply, gratuitous_request, probe
from vipd.wire.claim import Claim

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


@pytest.mark.parametrize("build", [gratuitous_request, gratuitous_reply, probe])
def test_a_link_that_is_not_ethernet_is_our_mistake(build: Build) -> None:
    with pytest.raises(AssertionError, match="six bytes"):
        build(bytes(20), ADDRESS)


def test_probe_bytes() -> None:
    assert probe(MAC, ADDRESS) == bytes.fromhex(
        "ff ff ff ff ff ff  52 54 00 12 34 56  08 06"
        "00 01  08 00  06  04  00 01"
        "52 54 00 12 34 56  00 00 00 00"
        "00 00 00 00 00 00  c0 00 02 64"
    )


def test_scapy_reads_a_probe() -> None:
    ether: Any = Ether(probe(MAC, ADDRESS))
    arp: Any = ether[ARP]
    assert (ether.dst, ether.src) == ("ff:ff:ff:ff:ff:ff", "52:54:00:12:34:56")
    assert (arp.op, arp.hwsrc, arp.psrc) == (1, "52:54:00:12:34:56", "0.0.0.0")
    assert (arp.hwdst, arp.pdst) == ("00:00:00:00:00:00", "192.0.2.100")


FOREIGN: dict[str, Any] = {
    "a question": ARP(op=1, hwsrc=MAC.hex(":"), psrc=str(ADDRESS), pdst="192.0.2.1"),
    "an answer": ARP(op=2, hwsrc=MAC.hex(":"), psrc=str(ADDRESS), pdst="192.0.2.1"),
}
ETHER = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")


@pytest.mark.parametrize("arp", FOREIGN)
@pytest.mark.parametrize("padding", [0, 18])
def test_whoever_sends_claims_its_address_for_the_mac_in_the_packet(arp: str, padding: int) -> None:
    frame = bytes(ETHER / FOREIGN[arp]) + bytes(padding)
    assert claim(frame) == Claim(address=ADDRESS, mac=MAC)


@pytest.mark.parametrize("build", [gratuitous_request, gratuitous_reply])
def test_an_announcement_is_a_claim(build: Build) -> None:
    assert claim(build(MAC, ADDRESS)) == Claim(address=ADDRESS, mac=MAC)


NO_CLAIMS: dict[str, Any] = {
    "nothing": b"",
    "a probe": probe(MAC, ADDRESS),
    "another ethertype": Ether(type=0x0800) / Raw(bytes(ARP(psrc="192.0.2.100"))),
    "another link": ETHER / ARP(hwtype=6, psrc="192.0.2.100"),
    "another protocol": ETHER / ARP(ptype=0x86DD, plen=4, psrc="192.0.2.100"),
    "reverse ARP": ETHER / ARP(op=3, psrc="192.0.2.100"),
    "cut": gratuitous_request(MAC, ADDRESS)[:-1],
}


@pytest.mark.parametrize("frame", NO_CLAIMS)
def test_whatever_else_claims_nothing(frame: str) -> None:
    assert claim(bytes(NO_CLAIMS[frame])) is None
