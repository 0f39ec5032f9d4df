"""Neighbor Discovery: what gratuitous ARP and ARP probes are for IPv4, for IPv6."""

from __future__ import annotations

import struct
from ipaddress import IPv6Address

from vipd.wire.checksum import checksum, is_valid, pseudo_header_sum, word_sum
from vipd.wire.claim import Claim
from vipd.wire.ethernet import HEADER_BYTES, MAC_BYTES, frame

ETHERTYPE = 0x86DD
ALL_NODES = IPv6Address("ff02::1")
PROTOCOL = 58
"""ICMPv6. RFC: 4443 §1."""

HOP_LIMIT = 255
"""RFC: 4861 §7.1.2 (an advertisement that a router has forwarded is discarded)."""

ADVERTISEMENT = 136
"""RFC: 4861 §4.4."""

TARGET_LINK_LAYER_ADDRESS = 2
"""RFC: 4861 §4.6.1."""

_SOLICITATION = 135
_IPV6_HEADER = struct.Struct("!IHBB16s16s")
_IPV6_VERSION = 6 << 28
_MESSAGE = struct.Struct("!BBHI16s")
_ROUTER = 1 << 31
_OVERRIDE = 1 << 29
_OPTION_UNIT = 8
_UNSPECIFIED = IPv6Address(0)
_SOLICITED_NODES = int(IPv6Address("ff02::1:ff00:0"))
_SOLICITED_NODE_BITS = (1 << 24) - 1
_GROUP_MAC = bytes.fromhex("33 33")


def unsolicited_advertisement(mac: bytes, address: IPv6Address, *, router: bool = False) -> bytes:
    """The frame that tells all nodes of a link at which MAC address an IPv6 address is now.

    Override is set, so that a known address is replaced, and Solicited is not, for nobody asked.
    `router` says that this host forwards packets; a host that does not must not say so, for its
    neighbours would take it for a default router.
    RFC: 4861 §4.4, §7.2.6; 9568 §6.4.1 (the flags).
    """
    flags = _OVERRIDE | (_ROUTER if router else 0)
    option = bytes([TARGET_LINK_LAYER_ADDRESS, 1]) + mac
    message = _MESSAGE.pack(ADVERTISEMENT, 0, 0, flags, address.packed) + option
    return _frame(mac, address, ALL_NODES, message)


def solicitation(mac: bytes, address: IPv6Address) -> bytes:
    """The frame that asks who has an address, as a node does that wants to have it itself.

    RFC: 4862 §5.4.2 (no sender, and so no source link-layer address), 4861 §4.3; 4291 §2.7.1.
    Why: It leaves no trace in anybody's cache, and needs no address of our own. Its answer goes to
    all nodes, of which every interface is one that has IPv6.
    """
    group = IPv6Address(_SOLICITED_NODES | int(address) & _SOLICITED_NODE_BITS)
    message = _MESSAGE.pack(_SOLICITATION, 0, 0, 0, address.packed)
    return _frame(mac, _UNSPECIFIED, group, message)


def claim(received: bytes) -> Claim | None:
    """What a Neighbor Advertisement claims; None for other frames, and for those that nodes ignore.

    The MAC address is the one in the option; in an answer that has none, it is the frame's source.
    RFC: 4861 §7.1.2, §4.4.
    """
    message = _message(received)
    if message is None or len(message) < _MESSAGE.size:
        return None
    kind, code, _, _, target = _MESSAGE.unpack_from(message)
    address = IPv6Address(target)
    mac = _target_mac(message[_MESSAGE.size :], received[MAC_BYTES : 2 * MAC_BYTES])
    if (kind, code) != (ADVERTISEMENT, 0) or address.is_multicast or mac is None:
        return None
    return Claim(address=address, mac=mac)


def _message(received: bytes) -> bytes | None:
    """The ICMPv6 message in a frame that no router has touched; None for anything else."""
    start = HEADER_BYTES + _IPV6_HEADER.size
    if len(received) < start or received[HEADER_BYTES - 2 : HEADER_BYTES] != ETHERTYPE.to_bytes(
        2, "big"
    ):
        return None
    _, length, protocol, hop_limit, source, destination = _IPV6_HEADER.unpack_from(
        received, HEADER_BYTES
    )
    message = received[start : start + length]
    if len(message) < length or (protocol, hop_limit) != (PROTOCOL, HOP_LIMIT):
        return None
    pseudo_header = pseudo_header_sum(
        IPv6Address(source), IPv6Address(destination), protocol=PROTOCOL, length=length
    )
    return message if is_valid(pseudo_header + word_sum(message)) else None


def _target_mac(options: bytes, default: bytes) -> bytes | None:
    """What the options say of the link-layer address; None when they cannot be read.

    RFC: 4861 §4.6.
    """
    while options:
        size = options[1] * _OPTION_UNIT if len(options) > 1 else 0
        if not 0 < size <= len(options):
            return None
        if options[0] == TARGET_LINK_LAYER_ADDRESS and size == _OPTION_UNIT:
            return options[2 : 2 + MAC_BYTES]
        options = options[size:]
    return default


def _frame(mac: bytes, source: IPv6Address, group: IPv6Address, unsummed: bytes) -> bytes:
    """A message to a multicast group, its checksum filled in. RFC: 2464 §7; 4443 §2.3."""
    pseudo_header = pseudo_header_sum(source, group, protocol=PROTOCOL, length=len(unsummed))
    field = checksum(pseudo_header + word_sum(unsummed)).to_bytes(2, "big")
    header = _IPV6_HEADER.pack(
        _IPV6_VERSION, len(unsummed), PROTOCOL, HOP_LIMIT, source.packed, group.packed
    )
    return frame(
        destination=_GROUP_MAC + group.packed[-4:],
        source=mac,
        ethertype=ETHERTYPE,
        payload=header + unsummed[:2] + field + unsummed[4:],
    )
