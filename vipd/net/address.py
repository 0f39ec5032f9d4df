"""Addresses: the claim and the release, and what an earlier life of this agent left behind."""

from __future__ import annotations

import errno
from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import TypeAlias

from vipd.core.model import Vip
from vipd.core.units import Duration
from vipd.net.link import Links
from vipd.net.netlink import AddressSeen, KernelRefused, Requests

VirtualRouter: TypeAlias = tuple[str, int]
"""Whose an address is: the interface, by the name that it was claimed on, and the VRID."""


class Addresses:
    """Installs and removes virtual IPs. Only what it installed, or its tag marks, is removed.

    Each address is noted with the virtual router that claimed it last, and only that one renews and
    releases it: so an address can move to another virtual router that claims it before the old one
    lets go, and a release finds the interface that has it, whatever its name is by then.
    """

    def __init__(self, requests: Requests, links: Links) -> None:
        self._requests = requests
        self._links = links
        self._installed: dict[tuple[int, Vip], VirtualRouter] = {}

    def close(self) -> None:
        """Remove what is still installed: an agent that ends leaves nothing."""
        for index, vip in self._installed:
            self._requests.remove(index, [vip])
        self._installed.clear()

    def claim(
        self,
        interface: str,
        vrid: int,
        addresses: Sequence[Vip],
        lease: Duration = 0,
        *,
        owner: bool,
    ) -> str | None:
        """Install all addresses, or none: the reason of the refusal, or None.

        What is there already is fine when it is ours, or when this host owns the addresses.
        """
        link = self._links.find(interface)
        if link is None:
            return f"{interface} does not exist"
        index = link.seen.index
        # What is of an interface that is gone went with it.
        for one in [one for one in self._installed if not self._links.has(one[0])]:
            del self._installed[one]
        results = self._requests.add(index, addresses, lease)
        objection: str | None = None
        for vip, refused in zip(addresses, results, strict=True):
            if refused is None or self._is_ours(index, vip, refused):
                self._installed[index, vip] = (interface, vrid)
            else:
                objection = objection or _objection(interface, vip, refused, owner=owner)
        if objection is not None:
            self.release(interface, vrid, addresses)
            return objection
        return self.renew(interface, vrid, addresses, lease) if any(results) else None

    def renew(
        self, interface: str, vrid: int, addresses: Sequence[Vip], lease: Duration
    ) -> str | None:
        """Let the lease of what we installed begin anew: the reason of a refusal, or None."""
        link = self._links.find(interface)
        if link is None:
            return f"{interface} does not exist"
        index = link.seen.index
        router = (interface, vrid)
        ours = [vip for vip in addresses if self._installed.get((index, vip)) == router]
        for vip, refused in zip(ours, self._requests.renew(index, ours, lease), strict=True):
            if refused:
                return f"the kernel does not renew {vip} on {interface}: {refused}"
        return None

    def release(self, interface: str, vrid: int, addresses: Sequence[Vip]) -> None:
        """Remove those of the addresses that we installed; gone already is good, too."""
        places: defaultdict[int, list[Vip]] = defaultdict(list)
        for (index, vip), router in self._installed.items():
            if router == (interface, vrid) and vip in addresses:
                places[index].append(vip)
        for index, ours in places.items():
            self._requests.remove(index, ours)
            for vip in ours:
                del self._installed[index, vip]

    def sweep(self, interfaces: Collection[str]) -> list[tuple[str, Vip]]:
        """Remove what carries our tag though this life did not install it; say what it was."""
        swept = []
        for name in interfaces:
            link = self._links.find(name)
            if link is None:
                continue
            index = link.seen.index
            left = [
                vip
                for vip, seen in link.addresses.items()
                if seen.ours and (index, vip) not in self._installed
            ]
            self._requests.remove(index, left)
            swept += [(name, vip) for vip in left]
        return swept

    def _is_ours(self, index: int, vip: Vip, refused: KernelRefused) -> bool:
        """Whether the address is refused because it is there, and we put it there."""
        if refused.code != errno.EEXIST:
            return False
        return (index, vip) in self._installed or self._tagged(index, vip)

    def _tagged(self, index: int, vip: Vip) -> bool:
        """Ask the kernel itself: its messages may not have been read yet."""
        return any(
            isinstance(seen, AddressSeen)
            and (seen.index, seen.address, seen.ours) == (index, vip, True)
            for seen in self._requests.addresses()
        )


def _objection(interface: str, vip: Vip, refused: KernelRefused, *, owner: bool) -> str | None:
    """What is wrong with an address that is not ours; None for what the owner has already."""
    if refused.code != errno.EEXIST:
        return f"the kernel refused {vip} on {interface}: {refused}"
    if owner:
        return None
    return (
        f"{vip} is on {interface} already and vipd did not put it there; "
        f"remove it (ip address del {vip} dev {interface}), or set priority = 255 "
        "if this host owns it"
    )
