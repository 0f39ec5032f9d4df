"""Links: what the kernel says of every interface, kept up to date from its messages.

The table is the answer to "what is so" (the machines believe; this knows). Interfaces are found by
name, because a configuration names them and an index dies with its interface.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
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
    """One interface and its addresses, in the kernel's order."""

    seen: LinkSeen
    addresses: dict[Vip, AddressSeen] = field(default_factory=dict)


class Links:
    """Every interface of this network namespace."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests
        self._monitor = Monitor()
        self._links: dict[int, Link] = {}
        self._load()

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

    def find(self, name: str) -> Link | None:
        """The interface of this name, if there is one."""
        return next((link for link in self._links.values() if link.seen.name == name), None)

    def has(self, index: int) -> bool:
        """Whether there is an interface of this number."""
        return index in self._links

    def index(self, name: str) -> int | None:
        """The kernel's number for an interface; None when it does not exist."""
        link = self.find(name)
        return link.seen.index if link else None

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
        self._links = {}
        self._apply_all(self._requests.links())
        self._apply_all(self._requests.addresses())

    def _apply_all(self, changes: Iterable[Change]) -> None:
        for change in changes:
            self._apply(change)

    def _apply(self, change: Change) -> frozenset[str]:
        """Take in one message; the names that it concerns.

        Why: a renewal of a lease is a message that tells nothing new, and there are many of them.
        """
        if isinstance(change, RouteChanged):
            return frozenset(link.seen.name for link in self._links.values())
        link = self._links.get(change.index)
        names = {link.seen.name} if link else set()
        match change:
            case LinkSeen():
                if link and link.seen == change:
                    return frozenset()
                names.add(change.name)
                addresses = link.addresses if link else {}
                self._links[change.index] = Link(change, addresses)
            case LinkGone():
                self._links.pop(change.index, None)
            case AddressSeen():
                if link is None or link.addresses.get(change.address) == change:
                    return frozenset()
                link.addresses[change.address] = change
            case AddressGone():
                if link:
                    link.addresses.pop(change.address, None)
            case _:
                assert_never(change)
        return frozenset(names)
