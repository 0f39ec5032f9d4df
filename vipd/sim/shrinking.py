"""A scenario that breaks a rule, made as short as it can be while it still breaks that rule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace

from vipd.core.machine import Machine
from vipd.core.units import MILLISECOND, Instant
from vipd.sim.cluster import live
from vipd.sim.fault import Fault, FaultKind
from vipd.sim.network import NO_STORM
from vipd.sim.rule import Broken
from vipd.sim.scenario import Host, Scenario
from vipd.sim.world import MachineType

CHANCES = 4
"""How many fates of packets and wake-ups are tried before a part of a scenario counts as needed."""

GRAINS = (100 * MILLISECOND, 10 * MILLISECOND, MILLISECOND)
"""To what the times of a story are rounded, if it survives that."""


def shrink(scenario: Scenario, *, machine: MachineType = Machine) -> Scenario:
    """Leave out whatever a broken rule does not need: faults, the storm, nodes, oddities."""
    rule = broken_rule(scenario, machine)
    assert rule is not None, "only what breaks a rule can be shrunk"
    shorter: Scenario | None = scenario
    while shorter is not None:
        scenario = shorter
        candidates = (_fated(candidate, rule, machine) for candidate in _simpler(scenario))
        shorter = next((candidate for candidate in candidates if candidate), None)
    return scenario


def broken_rule(scenario: Scenario, machine: MachineType = Machine) -> str | None:
    """The rule that a scenario breaks; None when it breaks none."""
    try:
        live(scenario, machine=machine)
    except Broken as broken:
        return broken.rule
    return None


def _fated(scenario: Scenario, rule: str, machine: MachineType) -> Scenario | None:
    """The scenario with a chance by which it breaks the rule, if one is found."""
    chances = (scenario.chance, *range(CHANCES))
    tries = (replace(scenario, chance=chance) for chance in chances)
    return next((one for one in tries if broken_rule(one, machine) == rule), None)


def _simpler(scenario: Scenario) -> Iterator[Scenario]:
    """Scenarios that are a little simpler, those that leave out most first."""
    for index in range(len(scenario.faults)):
        yield replace(scenario, faults=_without(scenario.faults, index))
    if len(scenario.hosts) > 1:
        for index in range(len(scenario.hosts)):
            yield from _without_host(scenario, index)
    yield from _simpler_storms(scenario)
    if scenario.links > 1 and not any(fault.link for fault in scenario.faults):
        yield replace(scenario, links=1)
    if len(scenario.families) > 1:
        yield from (replace(scenario, families=(family,)) for family in scenario.families)
    yield from _simpler_faults(scenario)
    yield from _simpler_hosts(scenario)
    yield from _simpler_times(scenario)


def _without(faults: tuple[Fault, ...], index: int) -> tuple[Fault, ...]:
    return faults[:index] + faults[index + 1 :]


def _without_host(scenario: Scenario, gone: int) -> Iterator[Scenario]:
    """The scenario without a node, whose faults go with it."""
    if any(fault.node == gone or gone in sum(fault.paths, ()) for fault in scenario.faults):
        return
    hosts = tuple(
        replace(host, last4=host.last4 or index + 1, last6=host.last6 or index + 1)
        for index, host in enumerate(scenario.hosts)
        if index != gone
    )
    yield replace(scenario, hosts=hosts, faults=tuple(_moved(f, gone) for f in scenario.faults))


def _moved(fault: Fault, gone: int) -> Fault:
    """The same fault where a node has gone from the row."""
    paths = tuple((one - (one > gone), other - (other > gone)) for one, other in fault.paths)
    return replace(fault, node=fault.node - (fault.node > gone), paths=paths)


def _simpler_storms(scenario: Scenario) -> Iterator[Scenario]:
    storm = scenario.storm
    if storm == NO_STORM:
        return
    yield replace(scenario, storm=NO_STORM)
    for part in ("loss", "duplication", "delay"):
        if getattr(storm, part):
            yield replace(scenario, storm=replace(storm, **{part: 0}))


def _simpler_faults(scenario: Scenario) -> Iterator[Scenario]:
    for index, fault in enumerate(scenario.faults):
        for simpler in _simpler_fault(fault):
            faults = (*scenario.faults[:index], simpler, *scenario.faults[index + 1 :])
            yield replace(scenario, faults=faults)


def _simpler_fault(fault: Fault) -> Iterator[Fault]:
    if fault.kind is FaultKind.DEAF_PAUSE:
        yield replace(fault, kind=FaultKind.PAUSE)
    for gone in range(len(fault.paths)) if len(fault.paths) > 1 else ():
        yield replace(fault, paths=fault.paths[:gone] + fault.paths[gone + 1 :])
    for count in range(1, fault.count):
        yield replace(fault, count=count)
    for begin in _rounder(fault.begin):
        yield replace(fault, begin=begin, end=max(begin, fault.end))
    for end in _rounder(fault.end):
        if end >= fault.begin:
            yield replace(fault, end=end)


def _simpler_hosts(scenario: Scenario) -> Iterator[Scenario]:
    """Each oddity of each host is tried without."""
    usual = Host()
    for index, host in enumerate(scenario.hosts):
        for field in fields(host):
            value = getattr(usual, field.name)
            if getattr(host, field.name) != value and field.name != "advert_interval":
                odd = replace(host, **{field.name: value})
                hosts = (*scenario.hosts[:index], odd, *scenario.hosts[index + 1 :])
                yield replace(scenario, hosts=hosts)


def _simpler_times(scenario: Scenario) -> Iterator[Scenario]:
    if scenario.latency != MILLISECOND:
        yield replace(scenario, latency=MILLISECOND)
    if scenario.lateness != MILLISECOND:
        yield replace(scenario, lateness=MILLISECOND)
    last = max((fault.end for fault in scenario.faults), default=0)
    for healed in (last, *_rounder(scenario.healed)):
        if max(last, scenario.storm.end) <= healed < scenario.healed:
            yield replace(scenario, healed=healed)
    if scenario.chance >= CHANCES:
        yield from (replace(scenario, chance=chance) for chance in range(CHANCES))


def _rounder(when: Instant) -> Iterator[Instant]:
    """The moment with fewer digits, the fewest first."""
    for grain in GRAINS:
        rounded = -(-when // grain) * grain
        if rounded == when:
            return
        yield rounded
