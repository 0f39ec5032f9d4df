"""The virtual router MAC address, and adverts that come from it."""

from __future__ import annotations

from ipaddress import IPv4Address

from vipd.core.model import Family, IPAddress, family_of
from vipd.wire.ethernet import frame
from vipd.wire.ip import ethertype, packet
from vipd.wire.vrrp import GROUP, PROTOCOL, REQUIRED_TTL

_PREFIX = {
    Family.IPV4: bytes.fromhex("00 00 5e 00 01"),
    Family.IPV6: bytes.fromhex("00 00 5e 00 02"),
}
_IPV4_GROUPS = 0x01005E000000
_IPV4_GROUP_BITS = (1 << 23) - 1
_IPV6_GROUPS = bytes.fromhex("33 33")


def virtual_mac(family: Family, vrid: int) -> bytes:
    """The MAC address of a virtual router in one family. RFC: 9568 §7.3."""
    return _PREFIX[family] + bytes([vrid])


def group_mac(group: IPAddress) -> bytes:
    """The MAC address of a multicast group. RFC: 1112 §6.4, 2464 §7."""
    if isinstance(group, IPv4Address):
        return (_IPV4_GROUPS | int(group) & _IPV4_GROUP_BITS).to_bytes(6, "big")
    return _IPV6_GROUPS + group.packed[-4:]


def advert_frame(advert: bytes, *, source: IPAddress, vrid: int) -> bytes:
    """The frame of an encoded advert to its multicast group, from the virtual MAC address.

    RFC: 9568 §7.2.
    """
    family = family_of(source)
    group = GROUP[family]
    return frame(
        destination=group_mac(group),
        source=virtual_mac(family, vrid),
        ethertype=ethertype(source),
        payload=packet(
            advert, source=source, destination=group, protocol=PROTOCOL, ttl=REQUIRED_TTL
        ),
    )
