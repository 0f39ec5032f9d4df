"""Links that cannot carry an instance, and the sentence that says so."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface

import pytest
from solo_machine import CONFIG, LINK, VIP4, VIP6

from vipd.core.cause import CauseCode
from vipd.core.health import datagram_bytes, link_fault
from vipd.core.model import Family, LinkFacts


def test_a_good_link_has_no_fault() -> None:
    assert link_fault(CONFIG, LINK) is None


@pytest.mark.parametrize(
    ("link", "code", "text"),
    [
        (
            LinkFacts(name="eth7", exists=False),
            CauseCode.INTERFACE_MISSING,
            "eth7 does not exist",
        ),
        (replace(LINK, up=False), CauseCode.INTERFACE_DOWN, "eth0 is down"),
        (replace(LINK, carrier=False), CauseCode.NO_CARRIER, "eth0 has no carrier"),
        (
            replace(LINK, ipv4=None),
            CauseCode.NO_SOURCE,
            "eth0 has no IPv4 address to send adverts from",
        ),
        (
            replace(LINK, ipv6=None),
            CauseCode.NO_SOURCE,
            "eth0 has no IPv6 link-local address to send adverts from",
        ),
        (
            replace(LINK, mtu=63),
            CauseCode.MTU,
            "an advert of 1 addresses takes 64 bytes, the MTU of eth0 is 63",
        ),
        (
            replace(LINK, obstacle="no memory for a socket"),
            CauseCode.NO_ADVERTS,
            "no memory for a socket",
        ),
    ],
)
def test_the_fault_of_a_link(link: LinkFacts, code: CauseCode, text: str) -> None:
    fault = link_fault(CONFIG, link)
    assert fault is not None
    assert (fault.code, str(fault)) == (code, text)


def test_only_the_families_of_the_instance_need_a_source() -> None:
    assert link_fault(replace(CONFIG, addresses=(VIP4,)), replace(LINK, ipv6=None)) is None
    assert link_fault(replace(CONFIG, addresses=(VIP6,)), replace(LINK, ipv4=None)) is None


def test_the_size_of_a_datagram() -> None:
    assert datagram_bytes(Family.IPV4, 1) == 32
    assert datagram_bytes(Family.IPV4, 255) == 1048
    assert datagram_bytes(Family.IPV6, 1) == 64
    assert datagram_bytes(Family.IPV6, 255) == 4128


def test_an_advert_may_fill_the_mtu_and_not_a_byte_more() -> None:
    hosts = range(1, 119)
    addresses = tuple(IPv4Interface(IPv4Address("192.0.2.0") + host) for host in hosts)
    full = replace(CONFIG, addresses=addresses)
    assert link_fault(full, replace(LINK, mtu=500)) is None
    assert link_fault(full, replace(LINK, mtu=499)) is not None
