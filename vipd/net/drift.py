"""Drift: what of our addresses is no longer as we installed it, in words for a person."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from vipd.core.model import Vip
from vipd.core.units import Duration
from vipd.net.netlink import (
    DADFAILED,
    DEPRECATED,
    INSTALLED_FLAGS,
    NODAD,
    NOPREFIXROUTE,
    TENTATIVE,
    AddressSeen,
    whole_seconds,
)

_GAINED: Final = {
    DADFAILED: "failed duplicate address detection on {place}",
    TENTATIVE: "waits for duplicate address detection on {place}",
}
_LOST: Final = {
    NOPREFIXROUTE: "has got a route for its prefix on {place}",
    DEPRECATED: "is not deprecated any more on {place}, so that connections may come from it",
    NODAD: "is subject to duplicate address detection on {place}",
}

_SHARE_LEFT: Final = 3
"""A lease is renewed every third of it; with less than a third left, somebody has cut it short."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """How addresses are meant to be.

    `place` is the interface that they are on; `alone` says that no other prefix length of the same
    address may stand beside them; `tagged` that they carry our tag.
    """

    place: str
    lease: Duration
    tagged: bool
    alone: bool = True

    def departures(
        self, addresses: Collection[Vip], there: Mapping[Vip, AddressSeen]
    ) -> Iterator[str]:
        """What of these addresses is otherwise: one sentence for each of them at most."""
        others = with_other_prefix(addresses, there) if self.alone else []
        for vip in addresses:
            same = [one for one in others if one.ip == vip.ip]
            what = self._misplaced(vip, there, same) or self._changed(there[vip])
            if what:
                yield f"{vip} {what.format(place=self.place)}"

    def _misplaced(self, vip: Vip, there: Collection[Vip], others: Collection[Vip]) -> str | None:
        if others:
            beside = " as well" if vip in there else ""
            return f"is on {{place}} with another prefix{beside}, {', '.join(map(str, others))}"
        return None if vip in there else "was removed from {place}"

    def _changed(self, seen: AddressSeen) -> str | None:
        return self._wrong_lifetime(seen.lifetime) or _wrong_flags(seen) or self._untagged(seen)

    def _wrong_lifetime(self, left: int | None) -> str | None:
        """Why a lifetime cannot be what is left of ours. The kernel may round it up by a second."""
        given = whole_seconds(self.lease)
        if left is None:
            return "has lost its lifetime on {place}, and would stay for ever" if given else None
        if given == 0:
            return f"was given a lifetime on {{place}}, {left} s"
        if left > given + 1 or left + 1 < given / _SHARE_LEFT:
            return f"has another lifetime on {{place}}, {left} s instead of {given} s"
        return None

    def _untagged(self, seen: AddressSeen) -> str | None:
        return "has lost our mark on {place}" if self.tagged and not seen.ours else None


def summary(departures: Iterable[str]) -> str | None:
    """All that has departed in one sentence, or None."""
    told = [*departures]
    return f"{told[0]} (and {len(told) - 1} more)" if len(told) > 1 else next(iter(told), None)


def by_address(seen: Iterable[AddressSeen]) -> dict[Vip, AddressSeen]:
    """A table of what the kernel told."""
    return {one.address: one for one in seen}


def with_other_prefix(addresses: Collection[Vip], there: Iterable[Vip]) -> list[Vip]:
    """What has the IP of one of these addresses, but another prefix length than any of them."""
    ips, wanted = {vip.ip for vip in addresses}, set(addresses)
    return [one for one in there if one.ip in ips and one not in wanted]


def _wrong_flags(seen: AddressSeen) -> str | None:
    wanted = INSTALLED_FLAGS[seen.address.version]
    if seen.flags == wanted:
        return None
    gained = (text for flag, text in _GAINED.items() if seen.flags & flag)
    lost = (text for flag, text in _LOST.items() if wanted & ~seen.flags & flag)
    return next(gained, None) or next(lost, None)
