"""Unsolicited Neighbor Advertisements: as literal bytes, and as scapy reads them."""

from __future__ import annotations

from ipaddress import IPv6Address
from typing import Any

import pytest
from scapy.layers.inet6 import ICMPv6ND_NA, ICMPv6NDOptDstLLAddr, IPv6, in6_chksum
from scapy.layers.l2 import Ether

from vipd.wire.ndp import unsolicited_advertisement

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
