"""A cluster that lives through a scenario, and what must be true of it afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from random import Random

from vipd.core.machine import Machine
from vipd.core.model import State
from vipd.core.units import SECOND, Instant, format_duration
from vipd.sim.client import Client
from vipd.sim.clock import Clock
from vipd.sim.drawing import draw
from vipd.sim.fault import Fault, FaultKind
from vipd.sim.judge import Judge
from vipd.sim.network import Network
from vipd.sim.node import Node
from vipd.sim.rule import Broken
from vipd.sim.scenario import Scenario
from vipd.sim.world import MachineType, World

QUIET = 12
"""For how many of the longest intervals a converged cluster is watched."""

MISLED = SECOND
"""For how long a client may be misled by what was announced in the trouble."""


def play(seed: int, *, machine: MachineType = Machine) -> Cluster:
    """Live through the scenario of a seed. Raises: Broken, when a rule does not hold."""
    return live(draw(seed), machine=machine)


def live(scenario: Scenario, *, machine: MachineType = Machine) -> Cluster:
    """Live through a scenario. Raises: Broken, when a rule does not hold."""
    cluster = Cluster(scenario, machine=machine)
    cluster.run()
    return cluster


def tell(scenario: Scenario, *, machine: MachineType = Machine) -> str:
    """The story of a scenario, up to the rule that it breaks, if it breaks one."""
    cluster = Cluster(scenario, machine=machine, story=True)
    try:
        cluster.run()
    except Broken as broken:
        cluster.lines.append(f"BROKEN at {cluster.clock.now / 1e9:.6f} s: {broken}")
    return "\n".join(cluster.lines)


class Cluster:
    """The nodes of a scenario, on one clock and one network."""

    def __init__(self, scenario: Scenario, *, machine: MachineType, story: bool = False) -> None:
        self.scenario = scenario
        self.clock = Clock()
        self.lines: list[str] = [str(scenario)] if story else []
        rng = Random(scenario.chance)  # noqa: S311  (a run is to be repeatable, not secret)
        self._network = Network(self.clock, rng, latency=scenario.latency, storm=scenario.storm)
        client = Client()
        self.judge = Judge(scenario, self.clock, client)
        world = World(
            clock=self.clock,
            network=self._network,
            rng=rng,
            lateness=scenario.lateness,
            machine=machine,
            on_change=self.judge.look,
            on_transition=self.judge.judge_transition,
            tell=self._tell if story else None,
        )
        self.nodes = tuple(Node(index, scenario, world) for index in range(len(scenario.hosts)))
        self.judge.attach(self.nodes)
        self._network.attach((node.receive for node in self.nodes), client.hear)

    def run(self) -> None:
        """Live through the scenario. Raises: Broken."""
        for node, host in zip(self.nodes, self.scenario.hosts, strict=True):
            self.clock.plan(host.start, node.start)
        for fault in self.scenario.faults:
            for when, what in self._what_happens(fault):
                self.clock.plan(when, what)
        self.clock.run_until(self.scenario.healed)
        self._wait_for_everybody()
        self.clock.run_until(self.clock.now + self.judge.convergence)
        self.judge.check_converged()
        self._watch_the_peace()

    def _watch_the_peace(self) -> None:
        converged = self.clock.now
        quiet = QUIET * self.judge.longest_interval
        self.clock.run_until(converged + max(quiet, MISLED))
        if self.judge.changed_at > converged:
            changed = format_duration(self.judge.changed_at)
            raise Broken("the cluster", "changes though it had converged", f"at {changed}")
        self.judge.check_converged()
        self.judge.check_client()

    def _wait_for_everybody(self) -> None:
        """Let time pass until the last node stands for election: it may have to hand over first,
        or to wait before it tries its claim again."""
        while (until := max(map(_stands_at, self.nodes))) > self.clock.now:
            self.clock.run_until(until)

    def _what_happens(self, fault: Fault) -> Iterator[tuple[Instant, Callable[[], None]]]:
        """What a fault does to the cluster, and when."""
        node, begin, end = self.nodes[fault.node], fault.begin, fault.end
        match fault.kind:
            case FaultKind.CUT:
                yield begin, partial(self._network.cut, fault.paths)
                yield end, partial(self._network.mend, fault.paths)
            case FaultKind.FILTER:
                yield begin, partial(self._network.filter, fault.paths)
                yield end, partial(self._network.unfilter, fault.paths)
            case FaultKind.PAUSE | FaultKind.DEAF_PAUSE:
                yield begin, partial(node.pause, deaf=fault.kind is FaultKind.DEAF_PAUSE)
                yield end, node.resume
            case FaultKind.UNPLUG:
                yield begin, partial(node.plug, carrier=False)
                yield end, partial(node.plug, carrier=True)
            case FaultKind.REFUSE:
                yield begin, partial(node.refuse, refuses=True)
                yield end, partial(node.refuse, refuses=False)
            case FaultKind.DELETE:
                step = (end - begin) // fault.count
                yield from ((begin + nth * step, node.delete) for nth in range(fault.count))
            case _:
                yield from _what_happens_to_an_agent(fault, node)

    def _tell(self, line: str) -> None:
        self.lines.append(f"{self.clock.now / 1e9:>12.6f}  {line}")


def _what_happens_to_an_agent(
    fault: Fault, node: Node
) -> Iterator[tuple[Instant, Callable[[], None]]]:
    match fault.kind:
        case FaultKind.FLAP:
            yield fault.begin, node.flap
        case FaultKind.NEW_MAC:
            yield fault.begin, node.change_mac
        case FaultKind.RELOAD:
            yield fault.begin, partial(node.reload, fault.priority)
        case FaultKind.STOP | FaultKind.STOP_AT_ONCE:
            at_once = fault.kind is FaultKind.STOP_AT_ONCE
            yield fault.begin, partial(node.stop, at_once=at_once)
            yield fault.end, node.start
        case FaultKind.CRASH:
            yield fault.begin, node.crash
            yield fault.end, node.start
        case FaultKind.POWER_LOSS:
            yield fault.begin, node.lose_power
            yield fault.end, node.start
        case _:
            raise AssertionError(f"{fault.kind} is no matter of one agent")


def _stands_at(node: Node) -> Instant:
    """When a node stands for election, as far as it is known now; the past when it does."""
    if node.stops_by is not None:
        return node.stops_by
    return node.alarm if node.state is State.FAULT or node.leaves else 0
