"""Scenarios: who takes part, and what goes wrong until when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from itertools import permutations
from random import Random

from vipd.core.config import InstanceConfig
from vipd.core.model import OWNER_PRIORITY, LinkFacts, Vip
from vipd.core.units import MILLISECOND, Duration, Instant, format_duration
from vipd.sim.network import Path, Storm

NODES = "abc"
PRIORITIES = (1, 50, 100, 100, 150, 150, 200, 254, OWNER_PRIORITY)
"""Few enough that equal ones are frequent; in some scenarios all are equal."""

INTERVALS = (10 * MILLISECOND, 50 * MILLISECOND, 100 * MILLISECOND, 1000 * MILLISECOND)

HOSTS = (2, 90, 200)
"""The host parts of the nodes' own addresses; that of the virtual ones is another."""

TROUBLE = 16
"""How many advert intervals the faults have; an election takes four."""

VIPS: tuple[Vip, ...] = (IPv4Interface("192.0.2.100/24"), IPv6Interface("2001:db8::100/64"))


class FaultKind(Enum):
    """What can befall a cluster, besides the storm on its network."""

    CUT = "packets are lost on some paths"
    PAUSE = "a node does not run; packets and link events wait for it"
    DEAF_PAUSE = "a node does not run; packets are lost on it"
    UNPLUG = "a node has no carrier"
    REFUSE = "a node's kernel refuses every claim"
    STOP = "an agent is stopped cleanly, later started"
    POWER_LOSS = "a host loses its power, later boots"
    RELOAD = "an agent is given another priority, for good"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong, from when till when."""

    kind: FaultKind
    begin: Instant
    end: Instant
    node: int = 0
    paths: frozenset[Path] = frozenset()
    priority: int = 0

    def __str__(self) -> str:
        """One line of a story."""
        span = f"{format_duration(self.begin)} .. {format_duration(self.end)}"
        match self.kind:
            case FaultKind.CUT:
                where = " ".join(f"{NODES[a]}>{NODES[b]}" for a, b in sorted(self.paths))
            case FaultKind.RELOAD:
                where = f"{NODES[self.node]} to {self.priority}"
            case _:
                where = NODES[self.node]
        return f"{self.kind.name} {where}, {span}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """All that a run depends on, but for the chance of single packets and wake-ups."""

    configs: tuple[InstanceConfig, ...]
    links: tuple[LinkFacts, ...]
    starts: tuple[Instant, ...]
    latency: dict[Path, Duration]
    lateness: Duration
    storm: Storm
    faults: tuple[Fault, ...]
    healed: Instant

    def __str__(self) -> str:
        """The head of a story."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        for name, config, link in zip(NODES, self.configs, self.links, strict=True):
            preempt = "preempts" if config.preempt else "does not preempt"
            families = "+".join(f"IPv{family}" for family in config.families)
            interval = format_duration(config.advert_interval)
            yield (
                f"{name}: priority {config.priority}, {interval}, {preempt}, {families}, "
                f"{link.ipv4} {link.ipv6}"
            )
        storm = self.storm
        yield (
            f"storm until {format_duration(storm.end)}: loss {storm.loss:.0%}, "
            f"duplication {storm.duplication:.0%}, delay {format_duration(storm.delay)}"
        )
        yield from map(str, self.faults)
        yield f"healed at {format_duration(self.healed)}"


def draw(rng: Random) -> Scenario:
    """Make up a scenario."""
    configs = _configs(rng)
    longest = max(config.advert_interval for config in configs)
    shortest = min(config.advert_interval for config in configs)
    healed = TROUBLE * longest
    return Scenario(
        configs=configs,
        links=_links(rng),
        starts=tuple([int(rng.choice((0, 0, 3)) * rng.random() * longest) for _ in NODES]),
        latency={path: _part(rng, shortest // 50) for path in _paths()},
        lateness=shortest // 50,
        storm=_storm(rng, longest, healed),
        faults=tuple([_fault(rng, configs, healed) for _ in range(rng.randint(1, 7))]),
        healed=healed,
    )


def _configs(rng: Random) -> tuple[InstanceConfig, ...]:
    addresses = rng.choice((VIPS, VIPS, VIPS[:1], VIPS[1:]))
    interval = rng.choice(INTERVALS)
    multiples = rng.choice(((1,), (1,), (1, 2, 3)))
    preempts = rng.choice(((True,), (True,), (False,), (True, False)))
    priorities = rng.choice((PRIORITIES, PRIORITIES, (rng.choice(PRIORITIES),)))
    return tuple(
        InstanceConfig(
            name="web",
            interface="eth0",
            vrid=51,
            addresses=addresses,
            priority=rng.choice(priorities),
            advert_interval=min(interval * rng.choice(multiples), INTERVALS[-1]),
            preempt=rng.choice(preempts),
        )
        for _ in NODES
    )


def _links(rng: Random) -> tuple[LinkFacts, ...]:
    """Good links whose IPv4 and IPv6 sources are in an order of their own."""
    hosts4 = rng.sample(HOSTS, len(NODES))
    hosts6 = rng.sample(HOSTS, len(NODES))
    return tuple(
        LinkFacts(
            name="eth0",
            exists=True,
            up=True,
            carrier=True,
            mtu=1500,
            ipv4=IPv4Address("192.0.2.0") + host4,
            ipv6=IPv6Address("fe80::") + host6,
        )
        for host4, host6 in zip(hosts4, hosts6, strict=True)
    )


def _storm(rng: Random, interval: Duration, healed: Instant) -> Storm:
    return Storm(
        loss=rng.choice((0.0, 0.1, 0.5)),
        duplication=rng.choice((0.0, 0.2)),
        delay=rng.choice((0, interval // 2, 3 * interval)),
        end=rng.choice((0, healed)),
    )


def _fault(rng: Random, configs: tuple[InstanceConfig, ...], healed: Instant) -> Fault:
    begin = _part(rng, healed)
    kind = rng.choice(tuple(FaultKind))
    node = rng.randrange(len(NODES))
    return Fault(
        kind=kind,
        begin=begin,
        end=rng.choice((healed, begin + _part(rng, healed - begin))),
        node=node,
        paths=_cut(rng, node) if kind is FaultKind.CUT else frozenset(),
        priority=_other_priority(rng, configs[node]) if kind is FaultKind.RELOAD else 0,
    )


def _cut(rng: Random, node: int) -> frozenset[Path]:
    """Paths to cut: one, or all from a node, or all to it, or both."""
    out = {path for path in _paths() if path[0] == node}
    into = {path for path in _paths() if path[1] == node}
    return frozenset(rng.choice(({rng.choice(sorted(out))}, out, into, out | into)))


def _other_priority(rng: Random, config: InstanceConfig) -> int:
    """A priority that a reload may bring: ownership is part of an instance's identity."""
    allowed = [p for p in PRIORITIES if replace(config, priority=p).identity == config.identity]
    return rng.choice(allowed)


def _paths() -> tuple[Path, ...]:
    return tuple(permutations(range(len(NODES)), 2))


def _part(rng: Random, whole: int) -> int:
    return int(rng.random() * whole)
