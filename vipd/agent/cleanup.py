"""Cleanup: removes what agents left behind in this network namespace, and nothing else.

Theory of operation. What is ours is known by its marks alone: the tag of an address; the name, the
kind and the MAC address of a macvlan. It is looked for, removed as an agent removes it that finds
it when it starts, and looked for again: what is told is what the kernel says, before and after.
A composition root of its own: it needs no loop, no runtime and no configuration.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import ExitStack, closing
from dataclasses import dataclass

from vipd.agent.capability import Capability, require
from vipd.core.model import Vip
from vipd.net.address import Addresses
from vipd.net.link import Links
from vipd.net.macvlan import is_ours
from vipd.net.netlink import AddressSeen, Requests
from vipd.net.virtual_mac import VirtualMacs


@dataclass(frozen=True, slots=True)
class Remains:
    """What is there of an agent: addresses, each with its interface, and macvlans."""

    addresses: tuple[tuple[str, Vip], ...] = ()
    devices: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.addresses or self.devices)

    def __sub__(self, other: Remains) -> Remains:
        """What is here and not there."""
        return Remains(
            tuple(one for one in self.addresses if one not in other.addresses),
            tuple(one for one in self.devices if one not in other.devices),
        )

    def __and__(self, other: Remains) -> Remains:
        """What is here and there."""
        return self - (self - other)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of it: what is gone, what was to stay, and what should have gone and did not."""

    removed: Remains
    kept: Remains
    left: Remains


def find(*, leased: bool = True) -> Remains:
    """Look for what is there; with `leased` false, for what the kernel does not remove by itself.

    Why: a macvlan is kept for the sake of its addresses, if they have an end.
    """
    with closing(Requests()) as requests:
        links, addresses = requests.links(), requests.addresses()
    names = {link.index: link.name for link in links}
    macvlans = {link.index for link in links if is_ours(link)}
    kept = frozenset() if leased else _with_an_end(macvlans, addresses)
    return Remains(
        tuple(
            (names[one.index], one.address)
            for one in addresses
            if one.index in names
            and one.index not in kept
            and one.ours
            and (leased or one.index in macvlans or one.lifetime is None)
        ),
        tuple(names[index] for index in sorted(macvlans - kept)),
    )


def clean_up(*, leased: bool = True) -> Outcome:
    """Remove what is there, or, with `leased` false, what the kernel does not remove by itself.

    Raises: VipdError, when that is not permitted.
    """
    require(
        (Capability.CAP_NET_ADMIN, Capability.CAP_NET_RAW),
        "remove addresses",
        "run it as root (sudo vipd cleanup); --dry-run needs no right",
    )
    everything, wanted = find(), find(leased=leased)
    with ExitStack() as stack:
        requests = stack.enter_context(closing(Requests()))
        links = stack.enter_context(closing(Links(requests)))
        addresses = stack.enter_context(closing(Addresses(requests, links)))
        virtual_macs = stack.enter_context(closing(VirtualMacs(requests, links)))
        addresses.sweep(None, leased=leased)
        virtual_macs.sweep(leased=leased)
    after = find()
    return Outcome(
        removed=wanted - after,
        kept=(everything - wanted) & after,
        left=wanted & after,
    )


def _with_an_end(macvlans: Collection[int], addresses: Collection[AddressSeen]) -> frozenset[int]:
    """Those of our macvlans that have addresses, all of which the kernel removes by itself."""
    there = {one.index for one in addresses} & set(macvlans)
    return frozenset(there - {one.index for one in addresses if one.lifetime is None})
