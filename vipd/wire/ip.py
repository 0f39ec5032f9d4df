"""IP headers, for packets that leave by a packet socket: the kernel puts none before those."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address

from vipd.core.model import IPAddress
from vipd.wire.checksum import checksum, word_sum

NETWORK_CONTROL = 0xC0
"""The traffic class of routing protocols, Class Selector 6. RFC: 4594 §3.1."""

ETHERTYPE_IPV4 = 0x0800
ETHERTYPE_IPV6 = 0x86DD

_IPV4_HEADER = struct.Struct("!BBHHHBBH4s4s")
_IPV4_VERSION_AND_LENGTH = 0x45
_DONT_FRAGMENT = 0x4000
_IPV6_HEADER = struct.Struct("!IHBB16s16s")
_IPV6_VERSION = 6 << 28


def ethertype(address: IPAddress) -> int:
    """How an Ethernet frame says which IP it carries."""
    return ETHERTYPE_IPV4 if isinstance(address, IPv4Address) else ETHERTYPE_IPV6


def packet(
    payload: bytes, *, source: IPAddress, destination: IPAddress, protocol: int, ttl: int
) -> bytes:
    """One datagram of network control, without options; both addresses are of one family."""
    if isinstance(source, IPv6Address):
        return _ipv6_header(len(payload), source, destination, protocol, ttl) + payload
    blank = _ipv4_header(len(payload), source, destination, protocol, ttl, 0)
    field = checksum(word_sum(blank))
    return _ipv4_header(len(payload), source, destination, protocol, ttl, field) + payload


def _ipv4_header(
    length: int, source: IPAddress, destination: IPAddress, protocol: int, ttl: int, field: int
) -> bytes:
    """RFC: 791 §3.1; 6864 §4.1 (what is never fragmented needs no identification)."""
    return _IPV4_HEADER.pack(
        _IPV4_VERSION_AND_LENGTH,
        NETWORK_CONTROL,
        _IPV4_HEADER.size + length,
        0,
        _DONT_FRAGMENT,
        ttl,
        protocol,
        field,
        source.packed,
        destination.packed,
    )


def _ipv6_header(
    length: int, source: IPAddress, destination: IPAddress, protocol: int, ttl: int
) -> bytes:
    """RFC: 8200 §3. The flow label is zero, which every packet of ours shares."""
    first = _IPV6_VERSION | NETWORK_CONTROL << 20
    return _IPV6_HEADER.pack(first, length, protocol, ttl, source.packed, destination.packed)
