"""Neighbor Discovery: as literal bytes, as scapy reads them, and the frames of others."""

from __future__ import annotations

from ipaddress import IPv6Address
from typing import Any

import pytest
from scapy.layers.inet6 import (
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6NDOptDstLLAddr,
    ICMPv6NDOptSrcLLAddr,
    IPv6,
    in6_chksum,
    in6_getnsma,
)
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from vipd.wire.claim import Claim
from vipd.wire.ndp import claim, solicitation, unsolicited_advertisement

MAC = bytes.fromhex("52 54 00 12 34 56")
ADDRESS = IPv6Address("2001:db8:51::100")


@pytest.mark.parametrize(
    ("router", "checksum", "flags"),
    [(False, "71 cf", "20 00 00 00"), (True, "f1 ce", "a0 00 00 00")],
)
def test_bytes(router: bool, checksum: str, flags: str) -> None:
    assert unsolicited_advertisement(MAC, ADDRESS, router=router) == bytes.fromhex(
        "33 33 00 00 00 01  52 54 00 12 34 56  86 dd"
        "60 00 00 00  00 20  3a  ff"
        "20 01 0d b8 00 51 00 00 00 00 00 00 00 00 01 00"
        "ff 02 00 00 00 00 00 00 00 00 00 00 00 00 00 01"
        f"88 00  {checksum}  {flags}"
        "20 01 0d b8 00 51 00 00 00 00 00 00 00 00 01 00"
        "02 01  52 54 00 12 34 56"
    )


def test_a_host_is_no_router_unless_it_says_so() -> None:
    by_default = unsolicited_advertisement(MAC, ADDRESS)
    assert by_default == unsolicited_advertisement(MAC, ADDRESS, router=False)
    assert by_default != unsolicited_advertisement(MAC, ADDRESS, router=True)


@pytest.mark.parametrize("router", [False, True])
@pytest.mark.parametrize("address", ["fe80::51", "2001:db8::ffff:ffff", "2001:db8:51:0:1:2:3:4"])
def test_scapy_reads_an_advertisement(router: bool, address: str) -> None:
    mac = "02:00:00:00:00:fe"
    built = unsolicited_advertisement(
        bytes.fromhex(mac.replace(":", "")), IPv6Address(address), router=router
    )
    ether: Any = Ether(built)
    ip: Any = ether[IPv6]
    advertisement: Any = ether[ICMPv6ND_NA]
    option: Any = ether[ICMPv6NDOptDstLLAddr]
    assert (ether.dst, ether.src) == ("33:33:00:00:00:01", mac)
    assert (ip.src, ip.dst, ip.hlim, ip.nh, ip.plen) == (address, "ff02::1", 255, 58, 32)
    assert (advertisement.type, advertisement.code, advertisement.tgt) == (136, 0, address)
    flags = (advertisement.R, advertisement.S, advertisement.O)
    assert flags == (int(router), 0, 1)
    assert (option.type, option.len, option.lladdr) == (2, 1, mac)
    assert not option.payload
    assert in6_chksum(58, ip, built[54:]) == 0


def test_a_link_that_is_not_ethernet_is_our_mistake() -> None:
    with pytest.raises(AssertionError, match="six bytes"):
        unsolicited_advertisement(bytes(20), ADDRESS)
    with pytest.raises(AssertionError, match="six bytes"):
        solicitation(bytes(20), ADDRESS)


def test_solicitation_bytes() -> None:
    """Summed by hand: 2b55f in all, of which 2 + b55f = b561, inverted 4a9e."""
    assert solicitation(MAC, ADDRESS) == bytes.fromhex(
        "33 33 ff 00 01 00  52 54 00 12 34 56  86 dd"
        "60 00 00 00  00 18  3a  ff"
        "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"
        "ff 02 00 00 00 00 00 00 00 00 00 01 ff 00 01 00"
        "87 00  4a 9e  00 00 00 00"
        "20 01 0d b8 00 51 00 00 00 00 00 00 00 00 01 00"
    )


@pytest.mark.parametrize("address", ["fe80::51", "2001:db8::ffff:ffff", "2001:db8:51:0:1:2:3:4"])
def test_scapy_reads_a_solicitation(address: str) -> None:
    built = solicitation(MAC, IPv6Address(address))
    group = IPv6Address(in6_getnsma(IPv6Address(address).packed))
    ether: Any = Ether(built)
    ip: Any = ether[IPv6]
    solicited: Any = ether[ICMPv6ND_NS]
    mac = "33:33:" + group.packed[-4:].hex(":")
    assert (ether.dst, ether.src) == (mac, "52:54:00:12:34:56")
    assert (ip.src, ip.dst, ip.hlim, ip.nh) == ("::", str(group), 255, 58)
    assert (solicited.type, solicited.code, solicited.tgt) == (135, 0, address)
    assert not solicited.payload
    assert in6_chksum(58, ip, built[54:]) == 0


ETHER = Ether(src="02:00:00:00:00:01", dst="33:33:00:00:00:01")
HEADER = IPv6(src="fe80::1", dst="ff02::1", hlim=255)
TOLD = ICMPv6ND_NA(tgt=str(ADDRESS))
OPTION = ICMPv6NDOptDstLLAddr(lladdr=MAC.hex(":"))
FOREIGN: dict[str, tuple[Any, bytes]] = {
    "with the option": (TOLD / OPTION, MAC),
    "behind another option": (
        TOLD / ICMPv6NDOptSrcLLAddr(lladdr="02:00:00:00:00:09") / OPTION,
        MAC,
    ),
    "without an option": (TOLD, bytes.fromhex("02 00 00 00 00 01")),
    "an address of another length": (
        TOLD / Raw(bytes([2, 2]) + bytes(14)),
        bytes.fromhex("02 00 00 00 00 01"),
    ),
}


@pytest.mark.parametrize("message", FOREIGN)
def test_whoever_advertises_claims_the_target(message: str) -> None:
    layers, mac = FOREIGN[message]
    assert claim(bytes(ETHER / HEADER / layers)) == Claim(address=ADDRESS, mac=mac)


def test_our_own_announcement_is_a_claim() -> None:
    told = Claim(address=ADDRESS, mac=MAC)
    assert claim(unsolicited_advertisement(MAC, ADDRESS)) == told
    assert claim(unsolicited_advertisement(MAC, ADDRESS) + bytes(9)) == told


ROUTED = IPv6(src="fe80::1", dst="ff02::1", hlim=254)
NO_CLAIMS: dict[str, Any] = {
    "nothing": b"",
    "another ethertype": Ether(type=0x0800) / Raw(bytes(HEADER / TOLD)),
    "from beyond a router": ETHER / ROUTED / TOLD,
    "another protocol": ETHER / IPv6(nh=17, hlim=255) / Raw(bytes(TOLD)),
    "a question": ETHER / HEADER / ICMPv6ND_NS(tgt=str(ADDRESS)),
    "another code": ETHER / HEADER / ICMPv6ND_NA(code=1, tgt=str(ADDRESS)),
    "a multicast target": ETHER / HEADER / ICMPv6ND_NA(tgt="ff02::1"),
    "a wrong checksum": ETHER / HEADER / ICMPv6ND_NA(cksum=1, tgt=str(ADDRESS)),
    "an option of no length": ETHER / HEADER / TOLD / Raw(bytes(8)),
    "an option that is cut": ETHER / HEADER / TOLD / Raw(bytes([2, 2]) + bytes(6)),
    "half of a header of an option": ETHER / HEADER / TOLD / Raw(bytes([2])),
    "no target": ETHER / IPv6(src="::", dst="::", nh=58, hlim=255) / Raw(b"\x88\0\x77\xc1"),
    "cut": bytes(ETHER / HEADER / TOLD)[:-1],
}


@pytest.mark.parametrize("frame", NO_CLAIMS)
def test_whatever_else_claims_nothing(frame: str) -> None:
    assert claim(bytes(NO_CLAIMS[frame])) is None
