"""Addresses: the claim and the release, what an earlier life left behind, what others change."""

from __future__ import annotations

import errno
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from vipd.core.model import Vip
from vipd.core.units import Duration
from vipd.net.drift import Intent, by_address, summary, with_other_prefix
from vipd.net.link import Link, Links
from vipd.net.macvlan import is_ours
from vipd.net.netlink import AddressSeen, KernelRefused, Requests
from vipd.net.removal import Removal
from vipd.net.sysctl import Sysctls

VirtualRouter: TypeAlias = tuple[str, int]
"""Whose an address is: the interface, by the name that it was claimed on, and the VRID."""


@dataclass(frozen=True, slots=True)
class _Holder:
    """Who claimed an address last, and whether this host owns the addresses of that router."""

    router: VirtualRouter
    owner: bool


class Addresses:
    """Installs and removes virtual IPs. Only what it installed, or its tag marks, is removed.

    Each address is noted with the virtual router that claimed it last, and only that one renews and
    releases it: so an address can move to another virtual router that claims it before the old one
    lets go, and a release finds the interface that has it, whatever its name is by then.

    An IP that we hold stands with our prefix length alone: with another one it is removed, because
    somebody else made it so. Nothing of that is done where this host owns the addresses.
    """

    def __init__(self, requests: Requests, links: Links, sysctls: Sysctls | None = None) -> None:
        self._requests = requests
        self._links = links
        self._removal = Removal(requests, sysctls or Sysctls())
        self._installed: dict[tuple[int, Vip], _Holder] = {}

    def close(self) -> None:
        """Remove what is still installed: an agent that ends leaves nothing."""
        places: defaultdict[int, list[Vip]] = defaultdict(list)
        for index, vip in self._installed:
            places[index].append(vip)
        for index, ours in places.items():
            self._removal.remove(index, ours)
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

        What is there already is fine when it is ours, or when this host owns the addresses. What
        we hold is put right, whatever has become of it.
        """
        link = self._links.find(interface)
        if link is None:
            return f"{interface} does not exist"
        # What is of an interface that is gone went with it.
        for one in [one for one in self._installed if not self._links.has(one[0])]:
            del self._installed[one]
        objection = None if owner else self._make_room(link, addresses)
        if objection is None:
            holder = _Holder((interface, vrid), owner)
            objection = self._install(link.seen.index, addresses, lease, holder)
        if objection is not None:
            self.release(interface, vrid, addresses)
        return objection

    def renew(
        self, interface: str, vrid: int, addresses: Sequence[Vip], lease: Duration
    ) -> str | None:
        """Let the lease of what we installed begin anew: the reason of a refusal, or None."""
        link = self._links.find(interface)
        if link is None:
            return f"{interface} does not exist"
        index = link.seen.index
        ours = self._held(index, (interface, vrid), addresses)
        for vip, refused in zip(ours, self._requests.renew(index, ours, lease), strict=True):
            if refused:
                return f"the kernel does not renew {vip} on {interface}: {refused}"
        return None

    def release(self, interface: str, vrid: int, addresses: Sequence[Vip]) -> None:
        """Remove those of the addresses that we installed; gone already is good, too."""
        places: defaultdict[int, list[Vip]] = defaultdict(list)
        for (index, vip), holder in self._installed.items():
            if holder.router == (interface, vrid) and vip in addresses:
                places[index].append(vip)
        for index, ours in places.items():
            self._removal.remove(index, ours)
            for vip in ours:
                del self._installed[index, vip]

    def inspect(
        self, interface: str, vrid: int, addresses: Sequence[Vip], lease: Duration
    ) -> str | None:
        """What of the addresses is not as we installed it, for a person; None if all is well.

        Why: what netlink has told is asked first, because it costs nothing; but what it says of
        an IPv6 address can come after the answer to our own request, so the kernel has the word.
        """
        link = self._links.find(interface)
        if link is None:
            return None
        index = link.seen.index
        ours = self._held(index, (interface, vrid), addresses)
        intent = Intent(
            place=interface,
            lease=lease,
            tagged=self._links.tags,
            alone=not any(self._installed[index, vip].owner for vip in ours),
        )
        if summary(intent.departures(ours, link.addresses)) is None:
            return None
        return summary(intent.departures(ours, self._there(index)))

    def sweep(
        self, interfaces: Collection[str] | None = None, *, leased: bool = True
    ) -> list[tuple[str, Vip]]:
        """Remove what carries our tag though this life did not install it; say what it was.

        Without interfaces it is done on all of this network namespace, but for our macvlans, which
        are swept as a whole. With `leased` false, what the kernel will remove by itself is left.
        """
        swept = []
        for link in list(self._links):
            name, index = link.seen.name, link.seen.index
            if (name not in interfaces) if interfaces is not None else is_ours(link.seen):
                continue
            left = [
                vip
                for vip, seen in self._there(index).items()
                if seen.ours
                and (index, vip) not in self._installed
                and (leased or seen.lifetime is None)
            ]
            self._removal.remove(index, left)
            swept += [(name, vip) for vip in left]
        return swept

    # -- claiming -----------------------------------------------------------------------------

    def _make_room(self, link: Link, addresses: Sequence[Vip]) -> str | None:
        """Remove what stands with another prefix length in our place; or why that must not be.

        Why: what netlink has told may be old news, which matters once there was drift only.
        """
        index = link.seen.index
        held = {vip.ip for vip in addresses if (index, vip) in self._installed}
        there: Mapping[Vip, AddressSeen] = self._there(index) if held else link.addresses
        others = with_other_prefix(addresses, there)
        for other in others:
            if not (other.ip in held or there[other].ours or (index, other) in self._installed):
                return _foreign(link.seen.name, other)
        if others:
            self._removal.remove(index, others)
        for other in others:
            self._installed.pop((index, other), None)
        return None

    def _install(
        self, index: int, addresses: Sequence[Vip], lease: Duration, holder: _Holder
    ) -> str | None:
        """Add what is new and renew what is ours already: the reason of a refusal, or None."""
        known = [vip for vip in addresses if (index, vip) in self._installed]
        new = [vip for vip in addresses if (index, vip) not in self._installed]
        results = dict(zip(new, self._requests.add(index, new, lease), strict=True))
        exist = [vip for vip, no in results.items() if no and no.code == errno.EEXIST]
        there = self._there(index) if exist else {}
        adopted = [vip for vip in exist if vip in there and there[vip].ours]
        objection = None
        for vip, refused in results.items():
            if refused is not None and vip not in adopted:
                objection = objection or _objection(holder, vip, refused)
        added = [vip for vip, refused in results.items() if refused is None]
        for vip in (*known, *added, *adopted):
            self._installed[index, vip] = holder
        return objection or self.renew(*holder.router, [*known, *adopted], lease)

    def _held(self, index: int, router: VirtualRouter, addresses: Sequence[Vip]) -> list[Vip]:
        """Those of the addresses that are this virtual router's."""
        holders = ((vip, self._installed.get((index, vip))) for vip in addresses)
        return [vip for vip, holder in holders if holder and holder.router == router]

    def _there(self, index: int) -> dict[Vip, AddressSeen]:
        """Ask the kernel itself: its messages may not have been read yet."""
        return by_address(self._requests.addresses(index))


def _objection(holder: _Holder, vip: Vip, refused: KernelRefused) -> str | None:
    """What is wrong with an address that is not ours; None for what the owner has already."""
    interface, _ = holder.router
    if refused.code != errno.EEXIST:
        return f"the kernel refused {vip} on {interface}: {refused}"
    return None if holder.owner else _foreign(interface, vip)


def _foreign(interface: str, vip: Vip) -> str:
    """The way out, where an address is somebody else's."""
    return (
        f"{vip} is on {interface} already and vipd did not put it there; "
        f"remove it (ip address del {vip} dev {interface}), or set priority = 255 "
        "if this host owns it"
    )
