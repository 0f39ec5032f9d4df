"""Scenarios: who takes part, and what goes wrong until when. Values, to be written in a test."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface

from vipd.core.config import InstanceConfig, TakeoverProbe, TrackUse
from vipd.core.model import Family, LinkFacts, Vip
from vipd.core.units import MILLISECOND, SECOND, Duration, Instant, format_duration
from vipd.sim.fault import SEPARATING, Fault, FaultKind
from vipd.sim.network import NO_STORM, Storm

VIPS: dict[int, Vip] = {
    Family.IPV4: IPv4Interface("192.0.2.100/24"),
    Family.IPV6: IPv6Interface("2001:db8::100/64"),
}

MIRROR = 253
"""What the last numbers of a host's addresses on two links add up to."""

SERVICE, LOAD = "service", "load"
"""What a host tracks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A node as it begins, and what is odd about it.

    `last4` and `last6` are the last numbers of its own addresses; None takes its place among the
    hosts. `lease` is as in the configuration: None fits the interval, 0 has no end. With a `weight`
    its agent tracks two things: one without which it is in FAULT, and one that weighs so much.
    Units: `drift` of its clock is in parts per million.
    """

    priority: int = 100
    advert_interval: Duration = SECOND
    preempt: bool = True
    takeover_probe: TakeoverProbe = TakeoverProbe.WARN
    lease: Duration | None = None
    start: Instant = 0
    drift: int = 0
    preempt_delay: Duration = 0
    weight: int | None = None
    last4: int | None = None
    last6: int | None = None

    @property
    def track(self) -> tuple[TrackUse, ...]:
        """What its agent tracks."""
        if self.weight is None:
            return ()
        return (TrackUse(name=SERVICE), TrackUse(name=LOAD, weight=self.weight))

    def config(
        self, families: tuple[int, ...], link: int = 0, group: str | None = None
    ) -> InstanceConfig:
        """What its agent is told to be on one of the links."""
        return InstanceConfig(
            name=f"web{link + 1}" if group else "web",
            interface=f"eth{link}",
            vrid=51,
            addresses=tuple(VIPS[family] for family in families),
            group=group,
            leads=link == 0,
            preempt_delay=self.preempt_delay,
            track=self.track,
            priority=self.priority,
            advert_interval=self.advert_interval,
            preempt=self.preempt,
            takeover_probe=self.takeover_probe,
            lease=self.lease,
        )

    def link(self, index: int, link: int = 0) -> LinkFacts:
        """Its interface on one of the links, which is good at first.

        Why: the greater address on the first link is the lesser one on the second.
        """
        last4 = self.last4 if self.last4 is not None else index + 1
        last6 = self.last6 if self.last6 is not None else index + 1
        if link:
            last4, last6 = MIRROR - last4, MIRROR - last6
        return LinkFacts(
            name=f"eth{link}",
            exists=True,
            up=True,
            carrier=True,
            mtu=1500,
            ipv4=IPv4Address("192.0.2.0") + last4,
            ipv6=IPv6Address("fe80::") + last6,
            mac=bytes((2, 0, 0, 0, 0, index + 1)),
            carriers=1,
        )

    def __str__(self) -> str:
        """What a story says of it after its name."""
        oddities = (
            "" if self.preempt else "does not preempt",
            "" if self.takeover_probe is TakeoverProbe.WARN else self.takeover_probe.value,
            "" if self.lease is None else f"lease {format_duration(self.lease)}",
            f"starts at {format_duration(self.start)}" if self.start else "",
            f"clock {self.drift:+} ppm" if self.drift else "",
            f"preempts after {format_duration(self.preempt_delay)}" if self.preempt_delay else "",
            f"weight {self.weight:+}" if self.weight is not None else "",
        )
        told = (f"priority {self.priority}", format_duration(self.advert_interval), *oddities)
        return ", ".join(filter(None, told))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """All that a run depends on; `chance` seeds what befalls single packets and wake-ups.

    `latency` is the longest that a packet takes, `lateness` the longest that a wake-up comes late.
    Every host is on each of the `links`, with an instance of its own; several make a group.
    """

    hosts: tuple[Host, ...]
    healed: Instant
    faults: tuple[Fault, ...] = ()
    storm: Storm = NO_STORM
    families: tuple[int, ...] = (4,)
    links: int = 1
    latency: Duration = MILLISECOND
    lateness: Duration = MILLISECOND
    chance: int = 0

    @property
    def group(self) -> str | None:
        """What the instances of a host are called together; None if there is but one."""
        return "edge" if self.links > 1 else None

    @property
    def calm(self) -> bool:
        """Whether every node that runs and has a carrier hears the others, and in time."""
        separated = any(fault.kind in SEPARATING for fault in self.faults)
        return self.storm.harmless and not separated

    @property
    def drifts(self) -> bool:
        """Whether the clocks disagree about how long a second is."""
        return any(host.drift for host in self.hosts)

    def befalls(self, *kinds: FaultKind) -> bool:
        """Whether something of these kinds happens."""
        return any(fault.kind in kinds for fault in self.faults)

    def __str__(self) -> str:
        """The head of a story."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        for index, host in enumerate(self.hosts):
            link = host.link(index)
            sources = " ".join(str(link.source(Family(family))) for family in self.families)
            yield f"{chr(ord('a') + index)}: {host}, {sources}"
        yield (
            f"packets take up to {format_duration(self.latency)}, "
            f"wake-ups up to {format_duration(self.lateness)}"
        )
        if self.storm.end:
            yield (
                f"storm until {format_duration(self.storm.end)}: loss {self.storm.loss:.0%}, "
                f"duplication {self.storm.duplication:.0%}, "
                f"delay {format_duration(self.storm.delay)}"
            )
        if self.links > 1:
            yield f"{self.links} links, with one group"
        yield from map(str, self.faults)
        yield f"healed at {format_duration(self.healed)}"
