"""Drift: what of our addresses is no longer as we installed it, in words for a person."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
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
from vipd.net.table import AddressTable

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

    def departures(self, addresses: Collection[Vip], there: AddressTable) -> Iterator[str]:
        """What of these addresses is otherwise: one sentence for each of them at most."""
        for vip in addresses:
            what = self._departure(vip, there.at(vip.packed), addresses)
            if what:
                yield f"{vip} {what.format(place=self.place)}"

    def _departure(
        self, vip: Vip, same: Sequence[AddressSeen], wanted: Collection[Vip]
    ) -> str | None:
        """What is wrong with an address, where these of the same IP are there."""
        seen = next((one for one in same if _has_length_of(one, vip)), None)
        others = _unwanted(same, wanted) if self.alone and len(same) > (seen is not None) else []
        if others:
            beside = " as well" if seen else ""
            return f"is on {{place}} with another prefix{beside}, {_listed(others)}"
        return self._changed(seen) if seen else "was removed from {place}"

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


def with_other_prefix(addresses: Collection[Vip], there: AddressTable) -> list[AddressSeen]:
    """What has the IP of one of these addresses, but another prefix length than any of them."""
    others = []
    for vip in addresses:
        same = there.at(vip.packed)
        if any(not _has_length_of(one, vip) for one in same):
            others += _unwanted(same, addresses)
    return list(dict.fromkeys(others))


def _unwanted(same: Iterable[AddressSeen], wanted: Collection[Vip]) -> list[AddressSeen]:
    return [one for one in same if one.address not in wanted]


def _listed(seen: Iterable[AddressSeen]) -> str:
    return ", ".join(str(one.address) for one in seen)


def _has_length_of(seen: AddressSeen, vip: Vip) -> bool:
    """Whether an address of the same IP is the same.

    Why: to compare all of them again, network and all, takes ten times as long.
    """
    return seen.address.network.prefixlen == vip.network.prefixlen


def _wrong_flags(seen: AddressSeen) -> str | None:
    wanted = INSTALLED_FLAGS[seen.address.version]
    if seen.flags == wanted:
        return None
    gained = (text for flag, text in _GAINED.items() if seen.flags & flag)
    lost = (text for flag, text in _LOST.items() if wanted & ~seen.flags & flag)
    return next(gained, None) or next(lost, None)
