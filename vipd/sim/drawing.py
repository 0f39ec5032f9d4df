"""Scenarios drawn from a seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations
from random import Random
from typing import TypeVar

from vipd.core.config import TakeoverProbe
from vipd.core.model import OWNER_PRIORITY
from vipd.core.units import MILLISECOND, Duration, Instant
from vipd.sim.fault import OF_A_HOST, SEPARATING, Fault, FaultKind
from vipd.sim.network import NO_STORM, Path, Storm
from vipd.sim.scenario import Host, Scenario

T = TypeVar("T")

NODES = 3

PRIORITIES = (1, 50, 100, 100, 150, 150, 200, 254, OWNER_PRIORITY)
"""Few enough that equal ones are frequent; in some scenarios all are equal."""

INTERVALS = tuple(
    interval * MILLISECOND for interval in (10, 50, 100, 100, 200, 300, 500, 900, 1000, 1000)
)
"""Where the lease of one second outlasts a down interval by far, by little, and not at all."""

LONGEST_INTERVAL: Duration = 1000 * MILLISECOND

LAST_NUMBERS = (2, 90, 200)
"""The last numbers of the nodes' own addresses; that of the virtual ones lies between them."""

TROUBLE = 16
"""How many advert intervals the faults have; an election takes four."""

WATCHED_IN_FAULT: Duration = 300 * MILLISECOND

DRIFTS = (0, 0, 0, -1000, 1000)

WEIGHTS = (None, -50, -50, 50, 300)

GROUPED = 2

FREQUENT = (FaultKind.CRASH, FaultKind.CRASH, FaultKind.PAUSE)
"""What the lease and the stall guard are for comes more often than the rest."""

ORDERED = (FaultKind.FAILOVER, FaultKind.MAINTENANCE)
"""What comes from operators is drawn apart, on top of all else."""

NATURAL = tuple(kind for kind in FaultKind if kind not in ORDERED)

HARMLESS = tuple(kind for kind in NATURAL if kind not in SEPARATING) + FREQUENT


def draw(seed: int) -> Scenario:
    """Make up a scenario."""
    rng = Random(seed)  # noqa: S311  (a seeded run is to be repeatable, not secret)
    hosts = _hosts(rng)
    longest = max(host.advert_interval for host in hosts)
    shortest = min(host.advert_interval for host in hosts)
    healed = TROUBLE * longest
    calm = rng.random() < 0.5
    kinds = HARMLESS if calm else NATURAL
    return Scenario(
        hosts=hosts,
        healed=healed,
        faults=tuple(_fault(rng, kinds, hosts, healed) for _ in range(rng.randint(1, 7))),
        storm=NO_STORM if calm else _storm(rng, longest, healed),
        families=rng.choice(((4, 6), (4, 6), (4,), (6,))),
        latency=shortest // 50,
        lateness=shortest // 50,
        chance=rng.getrandbits(32),
    )


def draw_ordered(seed: int) -> Scenario:
    """Make up a scenario in which operators give orders while things go wrong."""
    return _with_orders(draw(seed), seed)


def draw_ordered_group(seed: int) -> Scenario:
    """The same, of groups."""
    return _with_orders(draw_group(seed), seed)


def _with_orders(scenario: Scenario, seed: int) -> Scenario:
    """Add one order. Why not more: two who are apart may both be told to go, and who waits then
    for whom, and for how long, has no bound that was derived."""
    rng = Random(f"orders {seed}")  # noqa: S311  (as above)
    order = _fault(rng, ORDERED, scenario.hosts, scenario.healed)
    return replace(scenario, faults=(*scenario.faults, order))


def draw_group(seed: int) -> Scenario:
    """Make up a scenario of two links, on which the instances of each host are one group."""
    scenario = draw(seed)
    rng = Random(f"group {seed}")  # noqa: S311  (as above)
    return replace(
        scenario,
        links=GROUPED,
        faults=tuple(_on_a_link(rng, fault) for fault in scenario.faults),
        # Whoever holds back does so on one link; how long that divides a group has no bound.
        hosts=tuple(replace(h, takeover_probe=TakeoverProbe.WARN) for h in scenario.hosts),
    )


def _on_a_link(rng: Random, fault: Fault) -> Fault:
    return fault if fault.kind in OF_A_HOST else replace(fault, link=rng.randrange(GROUPED))


def _hosts(rng: Random) -> tuple[Host, ...]:
    interval = _one(rng, INTERVALS)
    multiples = _one(rng, ((1,), (1,), (1,), (1, 2, 3)))
    preempts = _one(rng, ((True,), (True,), (False,), (True, False)))
    priorities = _one(rng, (PRIORITIES, PRIORITIES, (_one(rng, PRIORITIES),)))
    probes = _one(rng, (tuple(TakeoverProbe), (TakeoverProbe.WARN,)))
    drifts = _one(rng, (DRIFTS, (0,)))
    lease = _one(rng, (None, None, None, None, None, 0))
    delays = _one(rng, ((0,), (0,), (0, 2, 6)))
    weights = _one(rng, ((None,), WEIGHTS, (_one(rng, WEIGHTS),)))
    last4, last6 = rng.sample(LAST_NUMBERS, NODES), rng.sample(LAST_NUMBERS, NODES)
    return tuple(
        Host(
            priority=_one(rng, priorities),
            advert_interval=min(interval * _one(rng, multiples), LONGEST_INTERVAL),
            preempt=_one(rng, preempts),
            takeover_probe=_one(rng, probes),
            lease=lease,
            start=int(_one(rng, (0, 0, 3)) * rng.random() * interval),
            drift=_one(rng, drifts),
            preempt_delay=_one(rng, delays) * interval,
            weight=_one(rng, weights),
            last4=last4[index],
            last6=last6[index],
        )
        for index in range(NODES)
    )


def _storm(rng: Random, interval: Duration, healed: Instant) -> Storm:
    return Storm(
        loss=_one(rng, (0.0, 0.1, 0.5)),
        duplication=_one(rng, (0.0, 0.2)),
        delay=_one(rng, (0, interval // 2, 3 * interval)),
        end=_one(rng, (0, healed)),
    )


def _fault(
    rng: Random, kinds: tuple[FaultKind, ...], hosts: tuple[Host, ...], healed: Instant
) -> Fault:
    begin = _part(rng, healed)
    node = rng.randrange(len(hosts))
    kind = _one(rng, kinds)
    return Fault(
        kind=kind,
        begin=begin,
        end=_end(rng, begin, healed),
        node=node,
        paths=_paths(rng, node) if kind in SEPARATING else (),
        priority=_other_priority(rng, hosts[node]) if kind is FaultKind.RELOAD else 0,
        count=_one(rng, _deletions(hosts)) if kind is FaultKind.DELETE else 1,
    )


def _deletions(hosts: tuple[Host, ...]) -> tuple[int, ...]:
    """How often an address may be removed: the FAULT after too many lasts half a minute, which is
    too long to be watched at short intervals."""
    slow = all(host.advert_interval >= WATCHED_IN_FAULT for host in hosts)
    return (1, 2, 8) if slow else (1, 2, 3)


def _end(rng: Random, begin: Instant, healed: Instant) -> Instant:
    """At the healing, or before it, or soon."""
    soon = begin + _part(rng, healed // 5)
    return min(healed, _one(rng, (healed, begin + _part(rng, healed - begin), soon)))


def _paths(rng: Random, node: int) -> tuple[Path, ...]:
    """Paths to cut: one, or all from a node, or all to it, or both."""
    paths = tuple(permutations(range(NODES), 2))
    out = tuple(path for path in paths if path[0] == node)
    into = tuple(path for path in paths if path[1] == node)
    return _one(rng, ((_one(rng, out),), out, into, out + into))


def _other_priority(rng: Random, host: Host) -> int:
    """A priority that a reload may bring: ownership is part of an instance's identity."""
    owns = host.priority == OWNER_PRIORITY
    return _one(rng, [one for one in PRIORITIES if (one == OWNER_PRIORITY) == owns])


def _one(rng: Random, among: Sequence[T]) -> T:
    return among[int(rng.random() * len(among))]


def _part(rng: Random, whole: int) -> int:
    return int(rng.random() * whole)
