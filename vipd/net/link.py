"""Links: what the kernel says of every interface, kept up to date from its messages.

The table is the answer to "what is so" (the machines believe; this knows). Interfaces are found by
name, because a configuration names them and an index dies with its interface.

What happens to a macvlan concerns the interface below it, too: it may serve that one's addresses.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
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
    Route,
    RouteChanged,
)
from vipd.net.table import AddressTable


@dataclass(slots=True)
class Link:
    """One interface and its addresses.

    `toggles` is how often it was put out of use or into use again, as far as we know. Why: not
    every driver takes that for a change of the carrier.
    """

    seen: LinkSeen
    addresses: AddressTable = field(default_factory=AddressTable)
    toggles: int = 0

    def follow(self, seen: LinkSeen) -> None:
        """Be as it is seen now."""
        self.toggles += self.seen.up != seen.up
        self.seen = seen


class Links:
    """Every interface of this network namespace."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests
        self._monitor = Monitor(requests.unheard_port)
        self._links: dict[int, Link] = {}
        self._by_name: dict[str, Link] = {}
        self._routes: dict[IPAddress, Route | None] = {}
        """What the kernel has said when asked; good until it is heard again."""
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
        self._routes.clear()
        try:
            return frozenset().union(*map(self._apply, self._monitor.read()))
        except Overrun:
            before = self._by_name.keys()
            self._load()
            return frozenset(before | self._by_name.keys())

    def follow_routes(self) -> None:
        """Let a change of the routing table concern every interface from now on."""
        self._monitor.follow_routes()

    @property
    def tags(self) -> bool:
        """Whether this kernel is known to keep our tag; one older than 5.18 does not."""
        return self._tags

    def find(self, name: str) -> Link | None:
        """The interface of this name, if there is one."""
        return self._by_name.get(name)

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
        own = [ip for ip in link.addresses.sources if ip not in floating]
        return LinkFacts(
            name=name,
            exists=True,
            up=link.seen.up,
            carrier=link.seen.carrier,
            mtu=link.seen.mtu,
            ipv4=next((ip for ip in own if isinstance(ip, IPv4Address)), None),
            ipv6=next((ip for ip in own if isinstance(ip, IPv6Address)), None),
            mac=link.seen.mac,
            carriers=link.seen.carriers + link.toggles,
        )

    def unicast_source(self, configured: IPAddress | None, peer: IPAddress) -> IPAddress | None:
        """Where adverts to a peer come from: the configured address, or what routing says.

        None when that address is not on this host, or when there is no route.
        """
        route = self._route(peer)
        source = configured or (route.source if route else None)
        if source is None:
            return None
        same = (one for link in self for one in link.addresses.at(source.packed))
        return source if any(one.usable and not one.ours for one in same) else None

    def gateway(self, peer: IPAddress) -> IPAddress | None:
        """The router that a peer is behind; None when it is on one of our links."""
        route = self._route(peer)
        return route.gateway if route else None

    def present(self, name: str) -> frozenset[Vip]:
        """The addresses that the kernel has on an interface."""
        link = self.find(name)
        return link.addresses.all if link else frozenset()

    def _route(self, peer: IPAddress) -> Route | None:
        """How a peer is reached. Why: hundreds of instances may have the same peers."""
        if peer not in self._routes:
            self._routes[peer] = self._requests.route(peer)
        return self._routes[peer]

    def _load(self) -> None:
        """Ask for everything. Whatever happens meanwhile is in the monitor's queue."""
        before, self._links, self._by_name = self._links, {}, {}
        for seen in self._requests.links():
            link = self._add(seen)
            if known := before.get(seen.index):
                link.toggles = known.toggles + (known.seen.up != seen.up)
        for address in self._requests.addresses():
            self._apply(address)

    def _add(self, seen: LinkSeen) -> Link:
        link = self._links[seen.index] = self._by_name[seen.name] = Link(seen)
        return link

    def _see(self, link: Link | None, seen: LinkSeen) -> Link:
        """Take in what is new of an interface, which may be its name."""
        if link is None:
            return self._add(seen)
        self._unname(link)
        link.follow(seen)
        self._by_name[seen.name] = link
        return link

    def _remove(self, link: Link | None) -> None:
        if link:
            del self._links[link.seen.index]
            self._unname(link)

    def _unname(self, link: Link) -> None:
        """Let a name stand for an interface no more, unless another one has it already."""
        if self._by_name.get(link.seen.name) is link:
            del self._by_name[link.seen.name]

    def _names(self, link: Link | None) -> frozenset[str]:
        """Whom it concerns when something happens to an interface."""
        if link is None:
            return frozenset()
        below = self._links.get(link.seen.parent)
        return frozenset((link.seen.name, below.seen.name) if below else (link.seen.name,))

    def _apply(self, change: Change) -> frozenset[str]:
        """Take in one message; the names that it concerns.

        Why none for a renewal of a lease: it tells nothing new, and there are many of them. And
        none for an address that was not there and looks like ours: whoever has asked for it knows.
        """
        if isinstance(change, RouteChanged):
            return frozenset(link.seen.name for link in self._links.values())
        link = self._links.get(change.index)
        names = self._names(link)
        match change:
            case LinkSeen():
                if link and link.seen == change:
                    return frozenset()
                return names | self._names(self._see(link, change))
            case LinkGone():
                self._remove(link)
            case AddressSeen():
                self._tags = self._tags or change.ours
                if link is None:
                    return frozenset()
                new = not link.addresses.at(change.address.packed)
                if not link.addresses.see(change) or (new and change.as_installed):
                    return frozenset()
            case AddressGone():
                if link:
                    link.addresses.forget(change.address)
            case _:
                assert_never(change)
        return names
