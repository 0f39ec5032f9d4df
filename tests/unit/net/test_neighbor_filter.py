"""The filters of the neighbor watch, as the kernel runs them, beside what is judged after them."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from kernel_filter import passed
from scapy.layers.inet6 import (
    ICMPv6EchoRequest,
    ICMPv6ND_NA,
    ICMPv6NDOptDstLLAddr,
    ICMPv6NDOptSrcLLAddr,
    IPv6,
)
from scapy.layers.l2 import ARP, Ether

from vipd.core.model import Family, IPAddress
from vipd.net.neighbor import _arp_filter, _ndp_filter
from vipd.wire import arp, ndp
from vipd.wire.claim import Claim
from vipd.wire.virtual_mac import virtual_mac

REPEATABLE = settings(derandomize=True, max_examples=150, deadline=None, database=None)

FOREIGN = bytes.fromhex("02 00 00 00 00 fe")
OWN = bytes.fromhex("52 54 00 12 34 56")
MACS = [OWN, *(virtual_mac(family, vrid) for family in Family for vrid in range(1, 256))]
ADDRESSES = [IPv4Address(f"192.0.2.{last}") for last in range(1, 256)]
ADDRESSES_6 = [IPv6Address(f"2001:db8::{last:x}") for last in range(1, 256)]
ARP_FILTER = _arp_filter([one.packed for one in ADDRESSES], MACS)
NDP_FILTER = _ndp_filter([one.packed for one in ADDRESSES_6], MACS)


@pytest.mark.parametrize("address", [ADDRESSES[0], ADDRESSES[127], ADDRESSES[254]])
def test_each_of_255_addresses_is_heard_in_either_form_of_gratuitous_arp(
    address: IPv4Address,
) -> None:
    frames = [build(FOREIGN, address) for build in (arp.gratuitous_request, arp.gratuitous_reply)]
    assert passed(ARP_FILTER, *frames) == frames


@pytest.mark.parametrize("mac", [OWN, MACS[1], MACS[255], MACS[510]])
def test_what_we_say_ourselves_is_not_heard(mac: bytes) -> None:
    frames = [arp.gratuitous_request(mac, ADDRESSES[0]), arp.gratuitous_reply(mac, ADDRESSES[0])]
    assert passed(ARP_FILTER, *frames) == []
    assert passed(NDP_FILTER, ndp.unsolicited_advertisement(mac, ADDRESSES_6[0])) == []


def test_probes_and_other_addresses_are_not_heard() -> None:
    other, other_6 = IPv4Address("192.0.3.1"), IPv6Address("2001:db8:1::1")
    assert passed(ARP_FILTER, arp.probe(FOREIGN, ADDRESSES[0])) == []
    assert passed(ARP_FILTER, arp.gratuitous_request(FOREIGN, other)) == []
    assert passed(NDP_FILTER, ndp.solicitation(FOREIGN, ADDRESSES_6[0])) == []
    assert passed(NDP_FILTER, ndp.unsolicited_advertisement(FOREIGN, other_6)) == []


@pytest.mark.parametrize("address", [ADDRESSES_6[0], ADDRESSES_6[127], ADDRESSES_6[254]])
def test_each_of_255_addresses_is_heard_in_an_advertisement(address: IPv6Address) -> None:
    frame = ndp.unsolicited_advertisement(FOREIGN, address)
    assert passed(NDP_FILTER, frame) == [frame]


def test_an_advertisement_without_the_option_in_its_place_is_left_to_be_read() -> None:
    ether = Ether(src="02:00:00:00:00:fe") / IPv6(src="2001:db8::1", dst="ff02::1", hlim=255)
    bare = bytes(ether / ICMPv6ND_NA(tgt="2001:db8::1"))
    late = bytes(
        ether
        / ICMPv6ND_NA(tgt="2001:db8::1")
        / ICMPv6NDOptSrcLLAddr()
        / ICMPv6NDOptDstLLAddr(lladdr=OWN.hex(":"))
    )
    assert passed(NDP_FILTER, bare, late) == [bare, late]


def test_without_addresses_every_claim_of_others_comes_through() -> None:
    """As on a kernel that has no memory for a longer filter."""
    request = arp.gratuitous_request(FOREIGN, IPv4Address("192.0.3.1"))
    advertisement = ndp.unsolicited_advertisement(FOREIGN, IPv6Address("2001:db8:1::1"))
    own = ndp.unsolicited_advertisement(OWN, IPv6Address("2001:db8:1::1"))
    ping = bytes(Ether() / IPv6() / ICMPv6EchoRequest(data=bytes(40)))
    assert passed(_arp_filter((), MACS), request) == [request]
    assert passed(_arp_filter((), MACS), arp.gratuitous_reply(OWN, ADDRESSES[0])) == []
    assert passed(_ndp_filter((), MACS), advertisement, own, ping) == [advertisement]


NEAR = [IPv4Address("192.0.2.1"), IPv4Address("192.0.2.2"), IPv4Address("192.0.3.1")]
NEAR_6 = [IPv6Address("2001:db8::1"), IPv6Address("2001:db8:1::1"), IPv6Address("fe80::1")]
SOME_MACS = [OWN, virtual_mac(Family.IPV4, 51), virtual_mac(Family.IPV6, 51), FOREIGN]


@REPEATABLE
@given(
    st.sampled_from(NEAR),
    st.sampled_from(SOME_MACS),
    st.lists(st.sampled_from(NEAR), min_size=1),
    st.lists(st.sampled_from(SOME_MACS)),
    st.sampled_from([1, 2]),
)
def test_the_kernel_judges_arp_as_we_do(
    sender: IPv4Address,
    mac: bytes,
    watched: list[IPv4Address],
    own: list[bytes],
    operation: int,
) -> None:
    packet = ARP(op=operation, hwsrc=mac.hex(":"), psrc=str(sender), pdst="192.0.2.77")
    frame = bytes(Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / packet)
    heard = passed(_arp_filter([one.packed for one in watched], own), frame)
    assert bool(heard) is wanted(arp.claim(frame), watched, own)


@REPEATABLE
@given(
    st.sampled_from(NEAR_6),
    st.sampled_from(SOME_MACS),
    st.lists(st.sampled_from(NEAR_6), min_size=1),
    st.lists(st.sampled_from(SOME_MACS)),
)
@example(NEAR_6[0], FOREIGN, [NEAR_6[0]], [OWN])
def test_the_kernel_judges_advertisements_as_we_do(
    target: IPv6Address, mac: bytes, watched: list[IPv6Address], own: list[bytes]
) -> None:
    frame = ndp.unsolicited_advertisement(mac, target)
    heard = passed(_ndp_filter([one.packed for one in watched], own), frame)
    assert bool(heard) is wanted(ndp.claim(frame), watched, own)


def wanted(claim: Claim | None, watched: Sequence[IPAddress], own: list[bytes]) -> bool:
    assert claim is not None
    return claim.address in watched and claim.mac not in own
