"""The announcer: tells the link where the virtual IPs are now.

Each IPv4 address is announced as an ARP request and as a reply, because some switches and hosts
learn from one form only; each IPv6 address as an unsolicited Neighbor Advertisement. The frames go
out by a packet socket, which needs no route and asks no neighbour. Sources: packet(7).
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Interface

from vipd.core.model import Vip, family_of
from vipd.net.link import Links
from vipd.wire.arp import gratuitous_reply, gratuitous_request
from vipd.wire.ndp import unsolicited_advertisement
from vipd.wire.virtual_mac import virtual_mac


class Announcer:
    """Sends gratuitous ARP and unsolicited Neighbor Advertisements."""

    def __init__(self, links: Links) -> None:
        self._links = links
        # Protocol 0: this socket receives nothing (packet(7)).
        self._socket = socket.socket(
            socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, 0
        )

    def close(self) -> None:
        """Stop announcing."""
        self._socket.close()

    def announce(self, interface: str, addresses: Sequence[Vip], vrid: int | None = None) -> None:
        """Announce every address once, in each of its forms.

        With a VRID it is at that virtual router's MAC address, else at the interface's own.

        Raises: OSError, when the interface does not take them.
        """
        link = self._links.find(interface)
        if link is None:
            return
        for vip in addresses:
            mac = virtual_mac(family_of(vip), vrid) if vrid else link.seen.mac
            for frame in _frames(mac, vip):
                self._socket.sendto(frame, (interface, 0))


def _frames(mac: bytes, vip: Vip) -> Iterator[bytes]:
    if isinstance(vip, IPv4Interface):
        yield gratuitous_request(mac, vip.ip)
        yield gratuitous_reply(mac, vip.ip)
    else:
        yield unsolicited_advertisement(mac, vip.ip)
