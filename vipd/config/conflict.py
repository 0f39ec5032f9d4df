"""What no single key can know: instances that stand in each other's way."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from vipd.config.text import join
from vipd.core.health import datagram_bytes
from vipd.core.model import Family, IPAddress, Vip, family_of
from vipd.errors import ConfigProblem

ASSUMED_MTU = 1500
"""Ethernet's. The interface's own is not known here; the running agent looks at it."""

MOST_COUNTED = 255
"""RFC: 9568 §5.2.5: the count of addresses has eight bits."""

VRIDS = range(1, 256)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An instance as far as it could be read.

    What could not is None; an address keeps its place in the list.
    """

    name: str
    interface: str | None
    vrid: int | None
    addresses: tuple[Vip | None, ...]
    peers: tuple[IPAddress, ...] = ()

    @property
    def path(self) -> str:
        """Where the instance stands in the file."""
        return join("instance", self.name)

    @property
    def label(self) -> str:
        """What a message calls the instance."""
        return f"instance {join('', self.name)}"

    @property
    def families(self) -> tuple[Family, ...]:
        """The families that have an address here."""
        return tuple(sorted({family_of(vip) for vip in self.addresses if vip}))


def conflicts(drafts: Sequence[Draft]) -> list[ConfigProblem]:
    """Find every conflict within and between instances."""
    return [
        *_shared_vrids(drafts),
        *_shared_peers(drafts),
        *_shared_addresses(drafts),
        *_overfull(drafts),
    ]


@cache
def most_addresses(family: Family) -> int:
    """How many addresses of a family one advert can carry on Ethernet."""
    counts = range(MOST_COUNTED + 1)
    return max(count for count in counts if datagram_bytes(family, count) <= ASSUMED_MTU)


def _shared_vrids(drafts: Sequence[Draft]) -> Iterator[ConfigProblem]:
    """RFC: 9568 §5.2.3: a VRID names one virtual router per link and family."""
    taken: dict[tuple[str, int, Family], str] = {}
    for draft in drafts:
        if draft.interface is None or draft.vrid is None:
            continue
        rivals: defaultdict[str, list[str]] = defaultdict(list)
        for family in draft.families:
            first = taken.setdefault((draft.interface, draft.vrid, family), draft.label)
            if first != draft.label:
                rivals[first].append(f"IPv{family}")
        for rival, families in rivals.items():
            where = f"on {draft.interface} for {' and '.join(families)}"
            yield ConfigProblem(
                path=f"{draft.path}.vrid",
                problem=f"{draft.vrid} is the VRID of {rival} {where} already",
                hint=_free_vrid(drafts, draft.interface, draft.vrid),
            )


def _shared_peers(drafts: Sequence[Draft]) -> Iterator[ConfigProblem]:
    """Between two hosts nothing but the VRID tells unicast adverts apart."""
    taken: dict[tuple[IPAddress, int], Draft] = {}
    for draft in drafts:
        if draft.interface is None or draft.vrid is None:
            continue
        holders = [(peer, taken.setdefault((peer, draft.vrid), draft)) for peer in draft.peers]
        # On one interface, `_shared_vrids` has said it.
        rivals = [each for each in holders if each[1].interface != draft.interface]
        for peer, rival in rivals[:1]:
            yield ConfigProblem(
                path=f"{draft.path}.vrid",
                problem=f"{draft.vrid} is the VRID of {rival.label} with the peer {peer} already",
                hint="unicast adverts of a peer are told apart by the VRID alone; choose another",
            )


def _free_vrid(drafts: Sequence[Draft], interface: str, near: int) -> str:
    used = {draft.vrid for draft in drafts if draft.interface == interface}
    order = (*range(near + 1, VRIDS.stop), *range(VRIDS.start, near))
    free = next((vrid for vrid in order if vrid not in used), None)
    return f"{free} is free on {interface} in this file" if free else ""


def _shared_addresses(drafts: Sequence[Draft]) -> Iterator[ConfigProblem]:
    holders: dict[tuple[IPAddress, str | None], tuple[str, int]] = {}
    for draft in drafts:
        for index, vip in enumerate(draft.addresses):
            if vip is None:
                continue
            # A link-local address means another host on every link.
            scope = draft.interface if vip.ip.is_link_local else None
            place = (draft.label, index)
            holder, first = holders.setdefault((vip.ip, scope), place)
            if (holder, first) == place:
                continue
            within = f"addresses[{first}]" if holder == draft.label else holder
            yield ConfigProblem(
                path=f"{draft.path}.addresses[{index}]",
                problem=f"{vip.ip} is listed by {within} already",
                hint="an address belongs to one instance; list it once",
            )


def _overfull(drafts: Sequence[Draft]) -> Iterator[ConfigProblem]:
    for draft in drafts:
        counts = Counter(family_of(vip) for vip in draft.addresses if vip)
        for family, count in sorted(counts.items()):
            most = most_addresses(family)
            if count > most:
                yield ConfigProblem(
                    path=f"{draft.path}.addresses",
                    problem=f"{count} IPv{family} addresses; one advert carries at most {most}",
                    hint="spread them over several instances, each with a VRID of its own",
                )
