"""The addresses that an interface has, found by their IP.

Why by IP and not by address: to hash or to compare an `ip_interface` takes Python a thousand times
as long as to hash a few bytes, and an IP with two prefix lengths is what drift is about.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from vipd.core.model import Family, IPAddress, Vip, family_of
from vipd.net.netlink import AddressSeen


class AddressTable:
    """What netlink has told of the addresses of one interface, in the kernel's order."""

    __slots__ = ("_all", "_by_ip", "_sources", "moment")

    def __init__(self, seen: Iterable[AddressSeen] = ()) -> None:
        self._by_ip: dict[bytes, tuple[AddressSeen, ...]] = {}
        self._all: frozenset[Vip] | None = None
        self._sources: tuple[IPAddress, ...] | None = None
        self.moment = object()
        """Another one after each change."""
        for one in seen:
            self.see(one)

    def __iter__(self) -> Iterator[AddressSeen]:
        return (one for same in self._by_ip.values() for one in same)

    def at(self, ip: bytes) -> tuple[AddressSeen, ...]:
        """The addresses of a packed IP: more than one where it has several prefix lengths."""
        return self._by_ip.get(ip, ())

    @property
    def all(self) -> frozenset[Vip]:
        """Every address."""
        if self._all is None:
            self._all = frozenset(one.address for one in self)
        return self._all

    @property
    def sources(self) -> tuple[IPAddress, ...]:
        """Those that adverts may come from: none of ours, and link-local ones of IPv6."""
        if self._sources is None:
            own = (one for one in self if one.usable and not one.ours)
            self._sources = tuple(one.address.ip for one in own if _carries_adverts(one))
        return self._sources

    def see(self, seen: AddressSeen) -> bool:
        """Take in that an address is there or has changed; whether that is news."""
        ip = seen.address.packed
        same = self.at(ip)
        if seen in same:
            return False
        self._by_ip[ip] = (*_without(same, seen.address), seen)
        self._change()
        return True

    def forget(self, address: Vip) -> None:
        """Take in that an address has gone."""
        ip = address.packed
        self._by_ip[ip] = _without(self.at(ip), address)
        if not self._by_ip[ip]:
            del self._by_ip[ip]
        self._change()

    def correct(self, addresses: Collection[Vip], there: AddressTable) -> None:
        """Have these, which are there, as they are in another table that is right.

        Why `moment` stays: what was found to be well is no news.
        """
        for ip in {vip.packed for vip in addresses}:
            self._by_ip[ip] = there.at(ip)
        self._all = None

    def _change(self) -> None:
        self.moment = object()
        self._all = self._sources = None


def _without(same: Iterable[AddressSeen], address: Vip) -> tuple[AddressSeen, ...]:
    return tuple(one for one in same if one.address != address)


def _carries_adverts(seen: AddressSeen) -> bool:
    return seen.link_local or family_of(seen.address) is Family.IPV4
