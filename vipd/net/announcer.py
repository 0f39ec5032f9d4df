"""The announcer: tells the link where the virtual IPs are now.

Each IPv4 address is announced as an ARP request and as a reply, because some switches and hosts
learn from one form only; each IPv6 address as an unsolicited Neighbor Advertisement. The frames go
out by a packet socket, which needs no route and asks no neighbour. They are built once, and are
good as long as the same addresses are announced at the same MAC address. Sources: packet(7).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Interface
from typing import Final

from vipd.core.model import Vip, family_of
from vipd.net.link import Links
from vipd.net.outlet import Outlets
from vipd.wire.arp import gratuitous_reply, gratuitous_request
from vipd.wire.ndp import unsolicited_advertisement
from vipd.wire.virtual_mac import virtual_mac

_ANNOUNCEMENTS_KEPT: Final = 1024
"""More than most hosts have virtual routers; when there are more, all are built anew."""


@dataclass(frozen=True, slots=True)
class _Announcement:
    """The frames for some addresses, where the interface has this MAC address."""

    addresses: Sequence[Vip]
    mac: bytes
    frames: tuple[bytes, ...]


class Announcer:
    """Sends gratuitous ARP and unsolicited Neighbor Advertisements."""

    def __init__(self, links: Links) -> None:
        self._links = links
        self._outlets = Outlets(links)
        self._announcements: dict[tuple[int, int | None], _Announcement] = {}
        """Each by the identity of its addresses, which it keeps alive."""

    def close(self) -> None:
        """Stop announcing."""
        self._outlets.close()

    def announce(self, interface: str, addresses: Sequence[Vip], vrid: int | None = None) -> None:
        """Announce every address once, in each of its forms.

        With a VRID it is at that virtual router's MAC address, else at the interface's own.

        Raises: OSError, when the interface does not take them.
        """
        if link := self._links.find(interface):
            self._outlets.send(interface, self._frames(addresses, vrid, link.seen.mac))

    def prepare(self, interface: str, addresses: Sequence[Vip], vrid: int | None = None) -> None:
        """Build the frames now that `announce` will send."""
        if link := self._links.find(interface):
            self._frames(addresses, vrid, link.seen.mac)

    def _frames(self, addresses: Sequence[Vip], vrid: int | None, mac: bytes) -> tuple[bytes, ...]:
        known = self._announcements.get((id(addresses), vrid))
        if known and known.mac == mac:
            return known.frames
        if len(self._announcements) >= _ANNOUNCEMENTS_KEPT:
            self._announcements.clear()
        frames = tuple(frame for vip in addresses for frame in _frames_of(vip, vrid, mac))
        self._announcements[id(addresses), vrid] = _Announcement(addresses, mac, frames)
        return frames


def _frames_of(vip: Vip, vrid: int | None, own_mac: bytes) -> Iterator[bytes]:
    mac = virtual_mac(family_of(vip), vrid) if vrid else own_mac
    if isinstance(vip, IPv4Interface):
        yield gratuitous_request(mac, vip.ip)
        yield gratuitous_reply(mac, vip.ip)
    else:
        yield unsolicited_advertisement(mac, vip.ip)
