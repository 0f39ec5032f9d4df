"""A cluster that lives through a scenario, and what must be true of it afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from random import Random

from vipd.core.machine import Machine
from vipd.core.model import State
from vipd.core.units import SECOND, Instant, format_duration
from vipd.sim.circumstance import Circumstances
from vipd.sim.client import Client
from vipd.sim.clock import Clock
from vipd.sim.drawing import draw
from vipd.sim.fault import OF_A_HOST, Fault, FaultKind
from vipd.sim.fellowship import Fellowship
from vipd.sim.judge import Judge
from vipd.sim.network import Network
from vipd.sim.node import Node
from vipd.sim.rule import Broken
from vipd.sim.scenario import LOAD, SERVICE, Scenario
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


class Link:
    """One network, the nodes on it, and whoever watches them."""

    def __init__(
        self,
        index: int,
        scenario: Scenario,
        *,
        clock: Clock,
        rng: Random,
        machine: MachineType,
        tell: Callable[[str], None] | None,
    ) -> None:
        self.network = Network(clock, rng, latency=scenario.latency, storm=scenario.storm)
        client = Client()
        self.judge = Judge(scenario, clock, client)
        world = World(
            clock=clock,
            network=self.network,
            rng=rng,
            lateness=scenario.lateness,
            machine=machine,
            on_change=self.judge.look,
            on_transition=self.judge.judge_transition,
            tell=tell,
        )
        hosts = range(len(scenario.hosts))
        self.nodes = tuple(Node(host, scenario, world, index) for host in hosts)
        self.judge.attach(self.nodes)
        self.network.attach((node.receive for node in self.nodes), client.hear)


class Cluster:
    """The nodes of a scenario, on one clock and one network."""

    def __init__(self, scenario: Scenario, *, machine: MachineType, story: bool = False) -> None:
        self.scenario = scenario
        self.clock = Clock()
        self.lines: list[str] = [str(scenario)] if story else []
        rng = Random(scenario.chance)  # noqa: S311  (a run is to be repeatable, not secret)
        tell = self._tell if story else None
        self._links = tuple(
            Link(index, scenario, clock=self.clock, rng=rng, machine=machine, tell=tell)
            for index in range(scenario.links)
        )
        self.nodes = tuple(node for link in self._links for node in link.nodes)
        self._hosts = tuple(
            Fellowship(nodes, self.clock, scenario.group)
            for nodes in zip(*(link.nodes for link in self._links), strict=True)
        )

    def run(self) -> None:
        """Live through the scenario. Raises: Broken."""
        for fellows, host in zip(self._hosts, self.scenario.hosts, strict=True):
            self.clock.plan(host.start, partial(fellows.befall, Node.start))
        for fault in self.scenario.faults:
            for when, what in self._what_happens(fault):
                self.clock.plan(when, what)
        self.clock.run_until(self.scenario.healed)
        self._wait_for_everybody()
        self.clock.run_until(self.clock.now + self._judges[0].convergence)
        self._check_converged()
        self._watch_the_peace()

    def _watch_the_peace(self) -> None:
        converged = self.clock.now
        quiet = QUIET * self._judges[0].longest_interval
        self.clock.run_until(converged + max(quiet, MISLED))
        for judge in self._judges:
            if judge.changed_at > converged:
                changed = format_duration(judge.changed_at)
                raise Broken("the cluster", "changes though it had converged", f"at {changed}")
        self._check_converged()
        for judge in self._judges:
            judge.check_client()

    @property
    def _judges(self) -> Sequence[Judge]:
        return [link.judge for link in self._links]

    def _check_converged(self) -> None:
        masters = [judge.check_converged() for judge in self._judges]
        if len({self._host_of(master) for master in masters}) > 1:
            names = " and ".join(master.name for master in masters)
            raise Broken("the cluster", "is split", f"{names} are MASTER")

    def _host_of(self, node: Node) -> Fellowship:
        return next(fellows for fellows in self._hosts if node in fellows.nodes)

    def _wait_for_everybody(self) -> None:
        """Let time pass until the last node stands for election: it may have to hand over first,
        or to wait before it tries its claim again."""
        while (until := max(map(_stands_at, self.nodes))) > self.clock.now:
            self.clock.run_until(until)

    def _what_happens(self, fault: Fault) -> Iterator[tuple[Instant, Callable[[], None]]]:
        """What a fault does to the cluster, and when."""
        if fault.kind in OF_A_HOST:
            befall = self._hosts[fault.node].befall
            for when, what in _what_happens_to_a_host(fault):
                yield when, partial(befall, what)
            return
        link, begin, end = self._links[fault.link], fault.begin, fault.end
        node = link.nodes[fault.node]
        match fault.kind:
            case FaultKind.CUT:
                yield begin, partial(link.network.cut, fault.paths)
                yield end, partial(link.network.mend, fault.paths)
            case FaultKind.FILTER:
                yield begin, partial(link.network.filter, fault.paths)
                yield end, partial(link.network.unfilter, fault.paths)
            case FaultKind.FLAP:
                yield begin, node.flap
            case FaultKind.NEW_MAC:
                yield begin, node.change_mac
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
                raise AssertionError(f"{fault.kind} is no matter of one link")

    def _tell(self, line: str) -> None:
        self.lines.append(f"{self.clock.now / 1e9:>12.6f}  {line}")


def _what_happens_to_a_host(fault: Fault) -> Iterator[tuple[Instant, Callable[[Node], None]]]:
    """What a fault does to each node of a host, and when."""
    begin, end = fault.begin, fault.end
    match fault.kind:
        case FaultKind.PAUSE | FaultKind.DEAF_PAUSE:
            deaf = fault.kind is FaultKind.DEAF_PAUSE
            yield begin, lambda node: node.pause(deaf=deaf)
            yield end, Node.resume
        case FaultKind.RELOAD:
            yield begin, lambda node: node.reload(fault.priority)
        case FaultKind.STOP | FaultKind.STOP_AT_ONCE:
            at_once = fault.kind is FaultKind.STOP_AT_ONCE
            yield begin, lambda node: node.stop(at_once=at_once)
            yield end, Node.start
        case FaultKind.CRASH:
            yield begin, Node.crash
            yield end, Node.start
        case FaultKind.POWER_LOSS:
            yield begin, Node.lose_power
            yield end, Node.start
        case FaultKind.SICKEN | FaultKind.BURDEN:
            tracker = SERVICE if fault.kind is FaultKind.SICKEN else LOAD
            yield begin, _undergoing(lambda around: around.trackers.change(tracker, up=False))
            yield end, _undergoing(lambda around: around.trackers.change(tracker, up=True))
        case FaultKind.FAILOVER:
            yield begin, _undergoing(lambda around: around.operator.fail_over())
        case FaultKind.MAINTENANCE:
            yield begin, _undergoing(lambda around: around.operator.maintain(on=True))
            yield end, _undergoing(lambda around: around.operator.maintain(on=False))
        case _:
            raise AssertionError(f"{fault.kind} is no matter of a host")


def _undergoing(change: Callable[[Circumstances], None]) -> Callable[[Node], None]:
    return lambda node: node.undergo(change)


def _stands_at(node: Node) -> Instant:
    """When a node stands for election, as far as it is known now; the past when it does."""
    if node.stops_by is not None:
        return node.stops_by
    return node.alarm if node.state is State.FAULT or node.leaves else 0
