"""Unsolicited Neighbor Advertisements: gratuitous ARP's counterpart for IPv6."""

from __future__ import annotations

import struct
from ipaddress import IPv6Address

from vipd.wire.checksum import checksum, pseudo_header_sum, word_sum
from vipd.wire.ethernet import frame

ETHERTYPE = 0x86DD
ALL_NODES = IPv6Address("ff02::1")
ALL_NODES_MAC = bytes.fromhex("33 33 00 00 00 01")
"""RFC: 2464 §7 (the last four bytes of the group follow 33:33)."""

PROTOCOL = 58
"""ICMPv6. RFC: 4443 §1."""

HOP_LIMIT = 255
"""RFC: 4861 §7.1.2 (an advertisement that a router has forwarded is discarded)."""

_IPV6_HEADER = struct.Struct("!IHBB16s16s")
_IPV6_VERSION = 6 << 28
_ADVERTISEMENT = struct.Struct("!BBHI16sBB6s")
_TYPE = 136
_ROUTER = 1 << 31
_OVERRIDE = 1 << 29
_TARGET_LINK_LAYER_ADDRESS = 2
_OPTION_LENGTH = 1  # In units of eight bytes.


def unsolicited_advertisement(mac: bytes, address: IPv6Address, *, router: bool = False) -> bytes:
    """The frame that tells all nodes of a link at which MAC address an IPv6 address is now.

    Override is set, so that a known address is replaced, and Solicited is not, for nobody asked.
    `router` says that this host forwards packets; a host that does not must not say so, for its
    neighbours would take it for a default router.
    RFC: 4861 §4.4, §7.2.6; 9568 §6.4.1 (the flags).
    """
    flags = _OVERRIDE | (_ROUTER if router else 0)
    unsummed = _message(flags, address, mac, 0)
    pseudo_header = pseudo_header_sum(address, ALL_NODES, protocol=PROTOCOL, length=len(unsummed))
    message = _message(flags, address, mac, checksum(pseudo_header + word_sum(unsummed)))
    header = _IPV6_HEADER.pack(
        _IPV6_VERSION, len(message), PROTOCOL, HOP_LIMIT, address.packed, ALL_NODES.packed
    )
    return frame(
        destination=ALL_NODES_MAC, source=mac, ethertype=ETHERTYPE, payload=header + message
    )


def _message(flags: int, address: IPv6Address, mac: bytes, field: int) -> bytes:
    target = address.packed
    return _ADVERTISEMENT.pack(
        _TYPE, 0, field, flags, target, _TARGET_LINK_LAYER_ADDRESS, _OPTION_LENGTH, mac
    )
