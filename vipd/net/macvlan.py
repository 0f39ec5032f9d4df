"""What a macvlan of ours is: what it is called, what it is set to, and what is wrong with one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from vipd.core.model import Family
from vipd.net.netlink import LinkSeen
from vipd.wire.virtual_mac import virtual_mac

_NAME: Final = re.compile(r"vipd(?P<family>[46])-(?P<vrid>\d{1,3})-[0-9a-f]+")
_KIND, _MODE = "macvlan", "bridge"

OWN_SETTINGS: Final[Mapping[Family, Mapping[str, int]]] = {
    # The route back to a client leads through the interface below: rp_filter must be loose.
    Family.IPV4: {
        "ipv4/conf/{name}/rp_filter": 2,
        "ipv4/conf/{name}/arp_filter": 0,
        "ipv4/conf/{name}/arp_ignore": 1,
        "ipv4/conf/{name}/arp_announce": 2,
        "ipv4/conf/{name}/proxy_arp": 0,
        "ipv4/conf/{name}/promote_secondaries": 1,
    },
    # Nothing but our addresses: none from the MAC address, none from router advertisements.
    Family.IPV6: {
        "ipv6/conf/{name}/disable_ipv6": 0,
        "ipv6/conf/{name}/addr_gen_mode": 1,
        "ipv6/conf/{name}/accept_ra": 0,
        "ipv6/conf/{name}/autoconf": 0,
        "ipv4/conf/{name}/arp_ignore": 8,
        "ipv4/conf/{name}/proxy_arp": 0,
    },
}
"""What a macvlan is set to."""


@dataclass(frozen=True, slots=True)
class Key:
    """What a macvlan is for."""

    interface: str
    vrid: int
    family: Family

    @property
    def mac(self) -> bytes:
        """The virtual MAC address that it has."""
        return virtual_mac(self.family, self.vrid)

    def name(self, parent: int) -> str:
        """What it is called: the index is in it because a VRID is unique on a link only."""
        return f"vipd{self.family}-{self.vrid}-{parent:x}"

    def departure(self, seen: LinkSeen | None, parent: int) -> str | None:
        """What is not as we make it, for a person; None if all is well. Up or down is no matter."""
        name = self.name(parent)
        if seen is None:
            return f"{name} was deleted"
        if seen.name != name:
            return f"{name} was renamed {seen.name}"
        if seen.mac != self.mac:
            return f"{name} was given another MAC address, {seen.mac.hex(':')}"
        if (seen.kind, seen.mode, seen.parent) != (_KIND, _MODE, parent):
            return f"{name} is no macvlan of mode {_MODE} on {self.interface} any more"
        return None


def is_ours(seen: LinkSeen) -> bool:
    """Whether an interface is what we make: its name, its kind and its MAC address say the same."""
    said = _NAME.fullmatch(seen.name)
    if said is None or seen.kind != _KIND or not 1 <= int(said["vrid"]) <= 255:
        return False
    return seen.mac == virtual_mac(Family(int(said["family"])), int(said["vrid"]))
