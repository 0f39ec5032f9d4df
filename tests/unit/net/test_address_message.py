"""Address messages are read by hand: pyroute2 writes them, and must be understood."""

from __future__ import annotations

import struct
from ipaddress import ip_interface

import pytest
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg

from vipd.core.model import Vip
from vipd.core.units import SECOND
from vipd.net.netlink import NODAD, NOPREFIXROUTE, TENTATIVE, AddressGone, AddressSeen, message

VIP4, VIP6 = ip_interface("192.0.2.100/24"), ip_interface("fe80::100/64")
NEW, GONE = 20, 21


def written(vip: Vip, kind: int, *, scope: int = 0, **attributes: object) -> bytes:
    """A message as the kernel sends it, written by pyroute2."""
    one = ifaddrmsg()
    one["family"] = 2 if vip.version == 4 else 10
    one["prefixlen"], one["index"], one["scope"] = vip.network.prefixlen, 7, scope
    one["flags"] = NODAD & 0xFF
    one["attrs"] = [("IFA_ADDRESS", str(vip.ip)), *attributes.items()]
    one["header"]["type"] = kind
    one.encode()
    return bytes(one.data)


@pytest.mark.parametrize("valid", [30, 0, 2**32 - 1])
@pytest.mark.parametrize("vip", [VIP4, VIP6])
def test_an_address_is_read_in_full(vip: Vip, valid: int) -> None:
    lifetimes = {"ifa_preferred": 5, "ifa_valid": valid, "cstamp": 1, "tstamp": 2}
    told = written(
        vip,
        NEW,
        scope=253,
        IFA_LABEL="eth0",
        IFA_CACHEINFO=lifetimes,
        IFA_FLAGS=NOPREFIXROUTE | TENTATIVE | 0x80,
        IFA_PROTO=112,
    )
    assert list(message.changes(told)) == [
        AddressSeen(
            index=7,
            address=vip,
            ours=True,
            link_local=True,
            lifetime=None if valid == 2**32 - 1 else valid,
            flags=NOPREFIXROUTE | (TENTATIVE if vip.version == 6 else 0),
        )
    ]


def test_without_attributes_the_header_speaks() -> None:
    (seen,) = message.changes(written(VIP6, NEW, IFA_PROTO=3))
    assert isinstance(seen, AddressSeen)
    assert (seen.ours, seen.flags, seen.lifetime, seen.link_local) == (False, NODAD, None, False)


def test_the_other_end_of_a_line_is_not_ours() -> None:
    (seen,) = message.changes(written(VIP4, NEW, IFA_LOCAL="198.51.100.9"))
    assert isinstance(seen, AddressSeen)
    assert seen.address == ip_interface("198.51.100.9/24")


def test_an_address_that_goes() -> None:
    told = written(VIP4, GONE) + written(VIP6, GONE)
    assert list(message.changes(told)) == [
        AddressGone(index=7, address=VIP4),
        AddressGone(index=7, address=VIP6),
    ]


def test_an_attribute_without_length_ends_the_message() -> None:
    told = bytearray(written(VIP4, NEW) + bytes(8))
    struct.pack_into("=I", told, 0, len(told))
    (seen,) = message.changes(bytes(told))
    assert isinstance(seen, AddressSeen)
    assert seen.address == VIP4


def test_a_request_is_numbered_each_time_and_otherwise_the_same() -> None:
    one = message.renew_address(7, VIP4, 3 * SECOND)
    assert message.renew_address(7, VIP4, 3 * SECOND) is one
    sent = message.encode([one, one], 41)
    assert [sequence for _, sequence, _ in message.split(sent)] == [41, 42]
    assert {data[:8] + data[12:] for _, _, data in message.split(sent)} == {one[:8] + one[12:]}
    (seen,) = message.changes(one)
    assert isinstance(seen, AddressSeen)
    assert (seen.address, seen.lifetime, seen.flags, seen.ours) == (VIP4, 3, NOPREFIXROUTE, True)
