"""The tap: VRRP as it reaches an interface, before any firewall of this host has judged it.

A packet socket for all protocols is served before netfilter, even before its hooks at the very
entrance (`netdev ingress`); one for a single ethertype is served after those. So what the tap hears
and an advert socket does not, this host has dropped itself. What carries a VLAN tag is left to the
interface of that VLAN. A packet in fragments is not read.

A tap makes the kernel look at every packet of an interface, so it listens only where and while
somebody wants to know. Sources: packet(7), `__netif_receive_skb_core` in net/core/dev.c.
"""

from __future__ import annotations

import socket
from collections.abc import Collection, Iterator
from typing import Final

from vipd.net.bpf import (
    DROP,
    ETHERTYPE,
    VLAN_TAG,
    VLAN_TAG_PRESENT,
    assemble,
    jump_if_equal,
    jump_unless_equal,
    keep,
    load,
    mask,
)
from vipd.net.link import Links
from vipd.net.packet import FOR_US, PacketSockets
from vipd.wire.datagram import datagram
from vipd.wire.ip import ETHERTYPE_IPV4, ETHERTYPE_IPV6
from vipd.wire.vrrp import PROTOCOL, Datagram

_EVERYTHING: Final = 3
"""ETH_P_ALL (linux/if_ether.h)."""

_LIMIT: Final = 256
_LONGEST: Final = 65_535
_VLAN_ID: Final = 0x0FFF
"""The rest of a tag is a priority; a tag of VLAN 0 has nothing but that. IEEE 802.1Q §9.6."""

_PROGRAM: Final = assemble(
    *FOR_US,
    VLAN_TAG_PRESENT,
    jump_if_equal(0, "untagged"),
    VLAN_TAG,
    mask(_VLAN_ID),
    jump_unless_equal(0, "drop"),
    "untagged",
    ETHERTYPE,
    jump_if_equal(ETHERTYPE_IPV4, "IPv4"),
    jump_unless_equal(ETHERTYPE_IPV6, "drop"),
    load(1, 6),
    jump_if_equal(PROTOCOL, "keep"),
    DROP,
    "IPv4",
    load(1, 9),
    jump_if_equal(PROTOCOL, "keep"),
    "drop",
    DROP,
    "keep",
    keep(_LONGEST),
)
"""VRRP of either family, by the protocol in the IP header, with which such a packet begins."""


class Tap:
    """Hears VRRP on interfaces, whatever the firewall does with it."""

    def __init__(self, links: Links) -> None:
        self._sockets = PacketSockets(links, socket.SOCK_DGRAM, limit=_LIMIT)

    def fileno(self) -> int:
        """Readable when `drain` has something to say."""
        return self._sockets.fileno()

    def close(self) -> None:
        """Stop listening."""
        self._sockets.close()

    def listen(self, interfaces: Collection[str]) -> None:
        """Listen on exactly these interfaces from now on.

        Raises: OSError, when the kernel does not let us.
        """
        places = {(name, _EVERYTHING) for name in interfaces}
        self._sockets.retain(places)
        for place in places:
            self._sockets.listen(place, _PROGRAM)

    def drain(self) -> Iterator[tuple[str, Datagram]]:
        """What has arrived, with the interface that it came in by."""
        for interface, packet in self._sockets.receive():
            if heard := datagram(packet):
                yield interface, heard
