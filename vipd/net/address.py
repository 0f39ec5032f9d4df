"""Addresses: the claim and the release, and what an earlier life of this agent left behind."""

from __future__ import annotations

import errno
from collections.abc import Collection, Sequence

from vipd.core.model import Vip
from vipd.core.units import Duration
from vipd.net.link import Links
from vipd.net.netlink import AddressSeen, KernelRefused, Requests


class Addresses:
    """Installs and removes virtual IPs. Only what it installed, or its tag marks, is removed."""

    def __init__(self, requests: Requests, links: Links) -> None:
        self._requests = requests
        self._links = links
        self._installed: set[tuple[int, Vip]] = set()

    def close(self) -> None:
        """Remove what is still installed: an agent that ends leaves nothing."""
        for index, vip in self._installed:
            self._requests.remove(index, [vip])
        self._installed.clear()

    def claim(
        self, interface: str, addresses: Sequence[Vip], lease: Duration = 0, *, owner: bool
    ) -> str | None:
        """Install all addresses, or none: the reason of the refusal, or None.

        What is there already is fine when it is ours, or when this host owns the addresses.
        """
        link = self._links.find(interface)
        if link is None:
            return f"{interface} does not exist"
        index = link.seen.index
        # What is of an interface that is gone went with it.
        self._installed = {one for one in self._installed if self._links.has(one[0])}
        results = self._requests.add(index, addresses, lease)
        for vip, refused in zip(addresses, results, strict=True):
            if refused is None:
                self._installed.add((index, vip))
            elif reason := self._objection(index, interface, vip, refused, owner=owner):
                self.release(interface, addresses)
                return reason
        return self.renew(interface, addresses, lease) if any(results) else None

    def renew(self, interface: str, addresses: Sequence[Vip], lease: Duration) -> str | None:
        """Let the lease of what we installed begin anew: the reason of a refusal, or None."""
        link = self._links.find(interface)
        if link is None:
            return f"{interface} does not exist"
        index = link.seen.index
        ours = [vip for vip in addresses if (index, vip) in self._installed]
        for vip, refused in zip(ours, self._requests.renew(index, ours, lease), strict=True):
            if refused:
                return f"the kernel does not renew {vip} on {interface}: {refused}"
        return None

    def release(self, interface: str, addresses: Sequence[Vip]) -> None:
        """Remove those of the addresses that we installed; gone already is good, too."""
        link = self._links.find(interface)
        if link is None:
            return
        index = link.seen.index
        ours = [vip for vip in addresses if (index, vip) in self._installed]
        self._requests.remove(index, ours)
        self._installed.difference_update((index, vip) for vip in ours)

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

    def _objection(
        self, index: int, interface: str, vip: Vip, refused: KernelRefused, *, owner: bool
    ) -> str | None:
        if refused.code != errno.EEXIST:
            return f"the kernel refused {vip} on {interface}: {refused}"
        if owner or (index, vip) in self._installed:
            return None
        if self._tagged(index, vip):
            self._installed.add((index, vip))
            return None
        return (
            f"{vip} is on {interface} already and vipd did not put it there; "
            f"remove it (ip address del {vip} dev {interface}), or set priority = 255 "
            "if this host owns it"
        )

    def _tagged(self, index: int, vip: Vip) -> bool:
        """Ask the kernel itself: its messages may not have been read yet."""
        return any(
            isinstance(seen, AddressSeen)
            and (seen.index, seen.address, seen.ours) == (index, vip, True)
            for seen in self._requests.addresses()
        )
