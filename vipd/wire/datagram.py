"""The VRRP datagram in an IP packet, as a raw socket would have delivered it."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address

from vipd.core.health import IP_HEADER_BYTES
from vipd.core.model import Family
from vipd.wire.vrrp import PROTOCOL, Datagram

_FRAGMENTED = 0x3FFF
"""The flag of more fragments and the offset of this one. RFC: 791 §3.1."""

_ADDRESSES_KEPT = 256


def datagram(packet: bytes) -> Datagram | None:
    """Read a whole IP packet; None when it is not of VRRP, or is not whole.

    What follows the packet, as the padding of a short frame does, is cut off. An IPv6 packet with
    extension headers is not read: nobody sends adverts so.
    """
    version = packet[0] >> 4 if packet else None
    if version == Family.IPV4:
        return _ipv4(packet)
    if version == Family.IPV6:
        return _ipv6(packet)
    return None


def _ipv4(packet: bytes) -> Datagram | None:
    """RFC: 791 §3.1."""
    smallest = IP_HEADER_BYTES[Family.IPV4]
    header, total = (packet[0] & 0x0F) * 4, int.from_bytes(packet[2:4], "big")
    if not smallest <= header <= total <= len(packet):
        return None
    if packet[9] != PROTOCOL or int.from_bytes(packet[6:8], "big") & _FRAGMENTED:
        return None
    return Datagram(
        payload=packet[header:total],
        source=_address(packet[12:16]),
        destination=_address(packet[16:20]),
        ttl=packet[8],
    )


@lru_cache(_ADDRESSES_KEPT)
def _address(packed: bytes) -> IPv4Address:
    """Why: to make one takes longer than all else that is read of a packet."""
    return IPv4Address(packed)


def _ipv6(packet: bytes) -> Datagram | None:
    """RFC: 8200 §3."""
    header = IP_HEADER_BYTES[Family.IPV6]
    total = header + int.from_bytes(packet[4:6], "big")
    if len(packet) < header or len(packet) < total or packet[6] != PROTOCOL:
        return None
    return Datagram(
        payload=packet[header:total],
        source=IPv6Address(packet[8:24]),
        destination=IPv6Address(packet[24:40]),
        ttl=packet[7],
    )
