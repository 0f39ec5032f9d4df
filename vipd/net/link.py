"""Links: what the kernel says of every interface, kept up to date from its messages.

The table is the answer to "what is so" (the machines believe; this knows). Interfaces are found by
name, because a configuration names them and an index dies with its interface.

What happens to a macvlan concerns the interface below it, too: it may serve that one's addresses.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Interface, IPv6Interface
from typing import assert_never

from vipd.core.model import IPAddress, LinkFacts, Vip
from vipd.net.netlink import (
    AddressGone,
    AddressSeen,
    Change,
    LinkGone,
    LinkSeen,
    Monitor,
    Overrun,
    Requests,
    RouteChanged,
)


@dataclass(slots=True)
class Link:
    """One interface and its addresses, in the kernel's order.

    `toggles` is how often it was put out of use or into use again, as far as we know. Why: not
    every driver takes that for a change of the carrier.
    """

    seen: LinkSeen
    addresses: dict[Vip, AddressSeen] = field(default_factory=dict)
    toggles: int = 0

    def follow(self, seen: LinkSeen) -> None:
        """Be as it is seen now."""
        self.toggles += self.seen.up != seen.up
        self.seen = seen


class Links:
    """Every interface of this network namespace."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests
        self._monitor = Monitor()
        self._links: dict[int, Link] = {}
        self._tags = False
        self._load()

    def __iter__(self) -> Iterator[Link]:
        return iter(self._links.values())

    def fileno(self) -> int:
        """Readable when `drain` has something to say."""
        return self._monitor.fileno()

    def close(self) -> None:
        """Stop listening."""
        self._monitor.close()

    def drain(self) -> frozenset[str]:
        """Take in what has happened; the names of the interfaces that it concerns."""
        try:
            return frozenset().union(*map(self._apply, self._monitor.read()))
        except Overrun:
            before = {link.seen.name for link in self._links.values()}
            self._load()
            return frozenset(before | {link.seen.name for link in self._links.values()})

    def follow_routes(self) -> None:
        """Let a change of the routing table concern every interface from now on."""
        self._monitor.follow_routes()

    @property
    def tags(self) -> bool:
        """Whether this kernel is known to keep our tag; one older than 5.18 does not."""
        return self._tags

    def find(self, name: str) -> Link | None:
        """The interface of this name, if there is one."""
        return next((link for link in self._links.values() if link.seen.name == name), None)

    def at(self, index: int) -> Link | None:
        """The interface of this number, if there is one."""
        return self._links.get(index)

    def has(self, index: int) -> bool:
        """Whether there is an interface of this number."""
        return index in self._links

    def index(self, name: str) -> int | None:
        """The kernel's number for an interface; None when it does not exist."""
        link = self.find(name)
        return link.seen.index if link else None

    def macs(self) -> frozenset[bytes]:
        """The MAC addresses of this host, on all of its interfaces."""
        return frozenset(link.seen.mac for link in self._links.values())

    def facts(self, name: str, floating: Collection[IPAddress]) -> LinkFacts:
        """What an election needs to know of an interface.

        The addresses in `floating` move between hosts: adverts never come from them.
        """
        link = self.find(name)
        if link is None:
            return LinkFacts(name=name, exists=False)
        own = [
            seen
            for seen in link.addresses.values()
            if seen.usable and not seen.ours and seen.address.ip not in floating
        ]
        ipv4 = (seen.address.ip for seen in own if isinstance(seen.address, IPv4Interface))
        ipv6 = (
            seen.address.ip
            for seen in own
            if isinstance(seen.address, IPv6Interface) and seen.link_local
        )
        return LinkFacts(
            name=name,
            exists=True,
            up=link.seen.up,
            carrier=link.seen.carrier,
            mtu=link.seen.mtu,
            ipv4=next(ipv4, None),
            ipv6=next(ipv6, None),
            mac=link.seen.mac,
            carriers=link.seen.carriers + link.toggles,
        )

    def unicast_source(self, configured: IPAddress | None, peer: IPAddress) -> IPAddress | None:
        """Where adverts to a peer come from: the configured address, or what routing says.

        None when that address is not on this host, or when there is no route.
        """
        route = self._requests.route(peer)
        source = configured or (route.source if route else None)
        addresses = (one for link in self._links.values() for one in link.addresses.values())
        fits = (one.usable and not one.ours and one.address.ip == source for one in addresses)
        return source if any(fits) else None

    def gateway(self, peer: IPAddress) -> IPAddress | None:
        """The router that a peer is behind; None when it is on one of our links."""
        route = self._requests.route(peer)
        return route.gateway if route else None

    def present(self, name: str) -> frozenset[Vip]:
        """The addresses that the kernel has on an interface."""
        link = self.find(name)
        return frozenset(link.addresses) if link else frozenset()

    def _load(self) -> None:
        """Ask for everything. Whatever happens meanwhile is in the monitor's queue."""
        before, self._links = self._links, {}
        for seen in self._requests.links():
            link = self._links[seen.index] = Link(seen)
            if known := before.get(seen.index):
                link.toggles = known.toggles + (known.seen.up != seen.up)
        for address in self._requests.addresses():
            self._apply(address)

    def _names(self, link: Link | None) -> frozenset[str]:
        """Whom it concerns when something happens to an interface."""
        if link is None:
            return frozenset()
        below = self._links.get(link.seen.parent)
        return frozenset((link.seen.name, below.seen.name) if below else (link.seen.name,))

    def _apply(self, change: Change) -> frozenset[str]:
        """Take in one message; the names that it concerns.

        Why: a renewal of a lease is a message that tells nothing new, and there are many of them.
        """
        if isinstance(change, RouteChanged):
            return frozenset(link.seen.name for link in self._links.values())
        link = self._links.get(change.index)
        names = self._names(link)
        match change:
            case LinkSeen():
                if link is None:
                    self._links[change.index] = Link(change)
                elif link.seen == change:
                    return frozenset()
                else:
                    link.follow(change)
                names |= self._names(self._links[change.index])
            case LinkGone():
                self._links.pop(change.index, None)
            case AddressSeen():
                self._tags = self._tags or change.ours
                if link is None or link.addresses.get(change.address) == change:
                    return frozenset()
                link.addresses[change.address] = change
            case AddressGone():
                if link:
                    link.addresses.pop(change.address, None)
            case _:
                assert_never(change)
        return names
