"""Who speaks VRRP on a link, concluded from what was heard of it for a while.

Theory of operation. Only a MASTER speaks, so one VRID of one family has one speaker. There are
two at the same time when the spans in which they were heard overlap and both still spoke at the
end, by their own intervals; one that took over from another is no conflict. Whether two of them
are one cluster is told by their addresses: routers of one cluster advertise the same, and lists
without a single address in common belong to strangers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from ipaddress import ip_address
from itertools import combinations

from vipd.capture.verdict import Report
from vipd.core.model import RELEASE_PRIORITY, Family
from vipd.core.units import SECOND, Instant
from vipd.wire.vrrp import DropReason

SILENT_AFTER = 3
"""Adverts that a MASTER may miss before it counts as gone. RFC: 9568 §6.1."""

FIRST_SUGGESTED = 51
"""Where suggestions begin: people give the lowest numbers to their routers."""

VRIDS = range(1, 256)

_TOLERATED = {DropReason.AUTH_TYPE}
"""Authentication makes an advert foreign to us, and not less of an advert."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One packet at one time. Units: `at` is in nanoseconds on the clock of the scan."""

    at: Instant
    report: Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """An instance of this host, as its agent tells: its addresses without their lengths."""

    name: str
    vrid: int
    state: str
    addresses: tuple[str, ...]

    def of(self, family: Family) -> frozenset[str]:
        """Its addresses of one family."""
        return frozenset(one for one in self.addresses if ip_address(one).version == family)


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """A router that was heard: what its last advert said, and how it was heard.

    `ours` is whether it speaks from an address of this host, `speaking` whether it still did at
    the end. Units: `first` and `last` as `Sighting.at`.
    """

    source: str
    version: int
    priority: int
    interval_s: float
    addresses: tuple[str, ...]
    auth_type: int | None
    adverts: int
    first: Instant
    last: Instant
    ours: bool
    speaking: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualRouter:
    """One VRID in one family: who speaks in it, and our instance of it, if we have one.

    There may be no speaker where an instance of ours waits for one.
    """

    vrid: int
    family: Family
    speakers: tuple[Speaker, ...]
    instance: Own | None

    @property
    def masters(self) -> tuple[Speaker, ...]:
        """Those who still spoke at the end: one, where all is well."""
        return tuple(one for one in self.speakers if one.speaking)


class ConflictKind(Enum):
    """What is wrong with a VRID."""

    OTHER_CLUSTER = "other_cluster"
    """Two clusters use it, with addresses that have nothing in common."""

    TWO_MASTERS = "two_masters"
    """Two routers of one cluster serve at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """One thing that a person has to mend; `text` says what it is."""

    kind: ConflictKind
    vrid: int
    family: Family
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What a scan has found. `unread` counts packets that are no adverts, or broken ones."""

    routers: tuple[VirtualRouter, ...]
    conflicts: tuple[Conflict, ...]
    free_vrids: tuple[int, ...]
    unread: int

    @property
    def suggested_vrids(self) -> tuple[int, ...]:
        """The free VRIDs, the better ones first."""
        return tuple(sorted(self.free_vrids, key=lambda vrid: (vrid < FIRST_SUGGESTED, vrid)))


def survey(
    sightings: Iterable[Sighting],
    *,
    end: Instant,
    own: Sequence[Own] = (),
    local: Iterable[str] = (),
) -> Survey:
    """Conclude from what was heard until `end` who speaks.

    `own` are the instances of this host on the link, `local` the addresses of its interface.
    """
    heard: dict[tuple[int, Family], dict[tuple[str, int], list[Sighting]]] = {}
    unread = 0
    for one in sightings:
        if key := _place(one.report):
            source = (str(one.report.source), one.report.version or 0)
            heard.setdefault(key, {}).setdefault(source, []).append(one)
        else:
            unread += 1
    for instance in own:
        for family in Family:
            if instance.of(family):
                heard.setdefault((instance.vrid, family), {})
    here = frozenset(local)
    routers = [
        _router(vrid, family, [_speaker(each, end, here) for each in by_source.values()], own)
        for (vrid, family), by_source in sorted(heard.items())
    ]
    used = {router.vrid for router in routers}
    return Survey(
        routers=tuple(routers),
        conflicts=tuple(conflict for router in routers for conflict in _conflicts(router)),
        free_vrids=tuple(vrid for vrid in VRIDS if vrid not in used),
        unread=unread,
    )


def _place(report: Report) -> tuple[int, Family] | None:
    """The VRID and the family of an advert; None when it is not a sound one."""
    if not set(report.drop_reasons) <= _TOLERATED or not report.vrid or report.source is None:
        return None
    return report.vrid, Family(ip_address(report.source).version)


def _speaker(sightings: Sequence[Sighting], end: Instant, local: frozenset[str]) -> Speaker:
    first, last = sightings[0], sightings[-1]
    said = last.report
    assert said.source is not None, "a sound advert"
    assert said.version is not None, "a sound advert"
    assert said.priority is not None, "a sound advert"
    assert said.interval_s is not None, "a sound advert"
    assert said.addresses is not None, "a sound advert"
    silence = (end - last.at) / SECOND
    return Speaker(
        source=said.source,
        version=said.version,
        priority=said.priority,
        interval_s=said.interval_s,
        addresses=said.addresses,
        auth_type=said.auth_type,
        adverts=len(sightings),
        first=first.at,
        last=last.at,
        ours=said.source in local,
        speaking=said.priority != RELEASE_PRIORITY and silence <= SILENT_AFTER * said.interval_s,
    )


def _router(
    vrid: int, family: Family, speakers: Sequence[Speaker], own: Sequence[Own]
) -> VirtualRouter:
    mine = [one for one in own if one.vrid == vrid and one.of(family)]
    return VirtualRouter(
        vrid=vrid,
        family=family,
        speakers=tuple(sorted(speakers, key=lambda one: (not one.speaking, -one.priority))),
        instance=mine[0] if mine else None,
    )


# -- conflicts --------------------------------------------------------------------------------


def _conflicts(router: VirtualRouter) -> list[Conflict]:
    at_once = [pair for pair in combinations(router.masters, 2) if _overlap(*pair)]
    strangers = [pair for pair in at_once if _are_strangers(*pair)]
    found = [_two_clusters(router, *pair) for pair in strangers]
    found += [_foreign(router, one) for one in _foreigners(router) if not _named(one, strangers)]
    found += [_two_masters(router, *pair) for pair in at_once if pair not in strangers]
    return found


def _overlap(one: Speaker, other: Speaker) -> bool:
    """Whether both were heard at the same time."""
    return max(one.first, other.first) < min(one.last, other.last)


def _are_strangers(one: Speaker, other: Speaker) -> bool:
    return not set(one.addresses) & set(other.addresses)


def _named(one: Speaker, pairs: Iterable[tuple[Speaker, Speaker]]) -> bool:
    return any(one in pair for pair in pairs)


def _foreigners(router: VirtualRouter) -> list[Speaker]:
    """Who speaks in our VRID, but for other addresses than ours."""
    if router.instance is None:
        return []
    mine = router.instance.of(router.family)
    return [one for one in router.speakers if not one.ours and not mine & set(one.addresses)]


def _two_clusters(router: VirtualRouter, one: Speaker, other: Speaker) -> Conflict:
    text = (
        f"{_who(one)} and {_who(other)} speak for addresses that have nothing in common: "
        "two clusters use this VRID, and one of them needs another"
    )
    return _conflict(ConflictKind.OTHER_CLUSTER, router, text)


def _foreign(router: VirtualRouter, speaker: Speaker) -> Conflict:
    instance = router.instance
    assert instance is not None, "nothing is foreign where nothing is ours"
    text = (
        f"{_who(speaker)} speaks for {', '.join(speaker.addresses)}, and our instance "
        f"{instance.name} ({instance.state}) is for {', '.join(sorted(instance.of(router.family)))}"
        ": another cluster uses our VRID, and one of them needs another"
    )
    return _conflict(ConflictKind.OTHER_CLUSTER, router, text)


def _two_masters(router: VirtualRouter, one: Speaker, other: Speaker) -> Conflict:
    text = f"{_who(one)} and {_who(other)} both speak as MASTER: {_why(one, other)}"
    return _conflict(ConflictKind.TWO_MASTERS, router, text)


def _why(one: Speaker, other: Speaker) -> str:
    """What keeps them from hearing each other, as far as their adverts tell."""
    if one.version != other.version:
        return f"one speaks VRRPv{one.version}, the other VRRPv{other.version}"
    if one.auth_type != other.auth_type:
        return "they use different authentication"
    if one.version == 2 and one.interval_s != other.interval_s:
        return (
            f"their intervals are {one.interval_s:g} s and {other.interval_s:g} s, "
            "and VRRPv2 requires the same"
        )
    return "they do not hear or do not accept each other; look for a firewall, or a password"


def _who(speaker: Speaker) -> str:
    return f"{speaker.source}{' (this host)' if speaker.ours else ''}"


def _conflict(kind: ConflictKind, router: VirtualRouter, text: str) -> Conflict:
    where = f"VRID {router.vrid}, IPv{router.family.value}"
    return Conflict(kind=kind, vrid=router.vrid, family=router.family, text=f"{where}: {text}")
