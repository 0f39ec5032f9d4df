"""ARP: frames that tell a whole link at which MAC address an IPv4 address is, or ask for it.

An announcement has two forms and both are sent, because some gear learns from one of them only.
Both are broadcast and name the address as sender and as target; they differ in the target hardware
address. A probe asks who has an address without claiming anything: its sender has none.
"""

from __future__ import annotations

import struct
from ipaddress import IPv4Address

from vipd.wire.claim import Claim
from vipd.wire.ethernet import BROADCAST, HEADER_BYTES, MAC_BYTES, frame

ETHERTYPE = 0x0806

_PACKET = struct.Struct("!HHBBH6s4s6s4s")
_HARDWARE_ETHERNET = 1
_PROTOCOL_IPV4 = 0x0800
_KIND = struct.pack("!HHHBB", ETHERTYPE, _HARDWARE_ETHERNET, _PROTOCOL_IPV4, MAC_BYTES, 4)
"""How ARP for IPv4 on Ethernet begins, the ethertype included."""

_REQUEST = 1
_REPLY = 2
_NOBODY = bytes(MAC_BYTES)
_NO_ADDRESS = IPv4Address(0)


def gratuitous_request(mac: bytes, address: IPv4Address) -> bytes:
    """The frame of an ARP announcement: a request for the sender's own address.

    The target hardware address is zero.
    RFC: 5227 §2.3 (an announcement is a probe with the sender's address filled in), §2.1.1 (a
    probe has it zero). Why: A request asks for this very field, and RFC 5944 §4.6 leaves it unused.
    """
    return _frame(_REQUEST, mac, address, _NOBODY, address)


def gratuitous_reply(mac: bytes, address: IPv4Address) -> bytes:
    """The frame of an unasked answer; the target hardware address is the sender's own.

    RFC: 5944 §4.6. Why: Linux (`arp_is_garp`) takes a reply for a gratuitous one only in this
    form; any other it ignores for a second after the entry last changed, which is when it counts.
    """
    return _frame(_REPLY, mac, address, mac, address)


def probe(mac: bytes, address: IPv4Address) -> bytes:
    """The frame that asks who has an address, and leaves no trace in anybody's cache.

    RFC: 5227 §2.1.1. Why: Linux answers it with `arp_ignore` up to 3, and no proxy answers it.
    """
    return _frame(_REQUEST, mac, _NO_ADDRESS, _NOBODY, address)


def claim(received: bytes) -> Claim | None:
    """What an ARP frame claims, request or reply; None when it is neither, or a probe."""
    end = HEADER_BYTES + _PACKET.size
    if len(received) < end or received[HEADER_BYTES - 2 : HEADER_BYTES + 6] != _KIND:
        return None
    *_, operation, mac, address, _, _ = _PACKET.unpack(received[HEADER_BYTES:end])
    if operation not in (_REQUEST, _REPLY) or address == _NO_ADDRESS.packed:
        return None
    return Claim(address=IPv4Address(address), mac=mac)


def _frame(
    operation: int, mac: bytes, sender: IPv4Address, target_mac: bytes, target: IPv4Address
) -> bytes:
    packet = _PACKET.pack(
        _HARDWARE_ETHERNET,
        _PROTOCOL_IPV4,
        MAC_BYTES,
        len(sender.packed),
        operation,
        mac,
        sender.packed,
        target_mac,
        target.packed,
    )
    return frame(destination=BROADCAST, source=mac, ethertype=ETHERTYPE, payload=packet)
