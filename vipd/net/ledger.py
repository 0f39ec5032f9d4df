"""The ledger: which virtual router has claimed which address, on which interface."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from vipd.core.model import Vip

VirtualRouter: TypeAlias = tuple[str, int]
"""Whose an address is: the interface, by the name that it was claimed on, and the VRID."""

Spot: TypeAlias = tuple[bytes, int]
"""An address, packed, and its prefix length. Why: a `Vip` takes ten times as long to be hashed."""

_NOTHING: Final[Mapping[Spot, Entry]] = {}


def spot_of(vip: Vip) -> Spot:
    """An address as a key."""
    return vip.packed, vip.network.prefixlen


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Who claimed an address last, and whether this host owns the addresses of that router."""

    vip: Vip
    router: VirtualRouter
    owner: bool


class Ledger:
    """Every address that we installed."""

    def __init__(self) -> None:
        self._at: dict[int, dict[Spot, Entry]] = {}
        self._of: dict[VirtualRouter, dict[tuple[int, Spot], Entry]] = {}

    def on(self, index: int) -> Mapping[Spot, Entry]:
        """What was installed on an interface."""
        return self._at.get(index, _NOTHING)

    def places(self) -> dict[int, list[Vip]]:
        """Every address, by interface."""
        return {index: [one.vip for one in held.values()] for index, held in self._at.items()}

    def held(self, index: int, router: VirtualRouter, addresses: Sequence[Vip]) -> list[Entry]:
        """Those of the addresses that are this virtual router's on an interface."""
        here = self.on(index)
        entries = (here.get(spot_of(vip)) for vip in addresses)
        return [one for one in entries if one and one.router == router]

    def everywhere(self, router: VirtualRouter) -> Iterator[tuple[int, Spot, Entry]]:
        """All that is a virtual router's, wherever it is."""
        for (index, spot), entry in self._of.get(router, {}).items():
            yield index, spot, entry

    def note(self, index: int, spot: Spot, entry: Entry) -> None:
        """An address was installed; it is nobody else's any more."""
        if self.on(index).get(spot) is entry:
            return
        self.strike(index, spot)
        self._at.setdefault(index, {})[spot] = entry
        self._of.setdefault(entry.router, {})[index, spot] = entry

    def strike(self, index: int, spot: Spot) -> None:
        """An address is not installed any more."""
        if entry := self._at.get(index, {}).pop(spot, None):
            self._of[entry.router].pop((index, spot), None)

    def keep_only(self, exists: Callable[[int], bool]) -> None:
        """Strike what was on an interface that is gone: it went with it."""
        for index in [index for index in self._at if not exists(index)]:
            for spot in list(self._at[index]):
                self.strike(index, spot)
            del self._at[index]

    def clear(self) -> None:
        """Nothing is installed any more."""
        self._at.clear()
        self._of.clear()
