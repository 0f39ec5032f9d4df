"""Gratuitous ARP: frames that tell a whole link at which MAC address an IPv4 address is now.

There are two forms and both are sent, because some gear learns from one of them only. Both are
broadcast and name the address as sender and as target; they differ in the target hardware address.
"""

from __future__ import annotations

import struct
from ipaddress import IPv4Address

from vipd.wire.ethernet import BROADCAST, MAC_BYTES, frame

ETHERTYPE = 0x0806

_PACKET = struct.Struct("!HHBBH6s4s6s4s")
_HARDWARE_ETHERNET = 1
_PROTOCOL_IPV4 = 0x0800
_REQUEST = 1
_REPLY = 2
_NOBODY = bytes(MAC_BYTES)


def gratuitous_request(mac: bytes, address: IPv4Address) -> bytes:
    """The frame of an ARP announcement: a request for the sender's own address.

    The target hardware address is zero.
    RFC: 5227 §2.3 (an announcement is a probe with the sender's address filled in), §2.1.1 (a
    probe has it zero). Why: A request asks for this very field, and RFC 5944 §4.6 leaves it unused.
    """
    return _frame(_REQUEST, mac, address, target_mac=_NOBODY)


def gratuitous_reply(mac: bytes, address: IPv4Address) -> bytes:
    """The frame of an unasked answer; the target hardware address is the sender's own.

    RFC: 5944 §4.6. Why: Linux (`arp_is_garp`) takes a reply for a gratuitous one only in this
    form; any other it ignores for a second after the entry last changed, which is when it counts.
    """
    return _frame(_REPLY, mac, address, target_mac=mac)


def _frame(operation: int, mac: bytes, address: IPv4Address, *, target_mac: bytes) -> bytes:
    packet = _PACKET.pack(
        _HARDWARE_ETHERNET,
        _PROTOCOL_IPV4,
        MAC_BYTES,
        len(address.packed),
        operation,
        mac,
        address.packed,
        target_mac,
        address.packed,
    )
    return frame(destination=BROADCAST, source=mac, ethertype=ETHERTYPE, payload=packet)
