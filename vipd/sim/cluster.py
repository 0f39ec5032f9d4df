"""A cluster that lives through a scenario, and what must be true of it afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from random import Random

from vipd.core.machine import Machine
from vipd.core.model import State
from vipd.core.units import Duration, Instant, format_duration
from vipd.sim.clock import Clock
from vipd.sim.fault import NODES, Fault, FaultKind, Scenario, draw
from vipd.sim.network import Network
from vipd.sim.node import Broken, MachineType, Node

QUIET = 12
"""For how many of the longest intervals a converged cluster is watched."""


def play(seed: int, *, machine: MachineType = Machine, story: bool = False) -> Cluster:
    """Live through the scenario of a seed.

    Raises: Broken, when a rule does not hold.
    """
    rng = Random(seed)  # noqa: S311  (a seeded run is to be repeatable, not secret)
    cluster = Cluster(draw(rng), rng, machine=machine, story=story)
    cluster.run()
    return cluster


def retell(seed: int, *, machine: MachineType = Machine) -> str:
    """The story of a seed, up to the rule that it breaks, if it breaks one."""
    rng = Random(seed)  # noqa: S311  (a seeded run is to be repeatable, not secret)
    cluster = Cluster(draw(rng), rng, machine=machine, story=True)
    try:
        cluster.run()
    except Broken as broken:
        cluster.lines.append(f"BROKEN at {cluster.clock.now / 1e9:.6f} s: {broken}")
    return "\n".join([f"seed {seed}", *cluster.lines])


class Cluster:
    """The nodes of a scenario, on one clock and one network."""

    def __init__(
        self, scenario: Scenario, rng: Random, *, machine: MachineType, story: bool
    ) -> None:
        self.scenario = scenario
        self.clock = Clock()
        self.lines: list[str] = [str(scenario)] if story else []
        self._network = Network(self.clock, rng, latency=scenario.latency, storm=scenario.storm)
        self.nodes = tuple(
            Node(
                index,
                name,
                scenario.configs[index],
                scenario.links[index],
                clock=self.clock,
                network=self._network,
                rng=rng,
                lateness=scenario.lateness,
                machine=machine,
                on_change=self._count_masters,
                tell=self._tell if story else None,
            )
            for index, name in enumerate(NODES)
        )
        self._network.attach(node.receive for node in self.nodes)
        self._overlap_since: Instant | None = None
        self._changed_at: Instant = 0

    # -- bounds (derived in `vipd.sim`) -----------------------------------------------------

    @property
    def _longest_interval(self) -> Duration:
        return max(node.config.advert_interval for node in self.nodes)

    @property
    def _latency(self) -> Duration:
        return max(self.scenario.latency.values())

    @property
    def inherited_overlap_bound(self) -> Duration:
        """How long two MASTERs that the faults have left behind may last."""
        return self._longest_interval + self.scenario.lateness + 4 * self._latency

    @property
    def new_overlap_bound(self) -> Duration:
        """How long two MASTERs may last where one of them arises in a healed network."""
        return 4 * self._latency

    @property
    def convergence_bound(self) -> Duration:
        """How long an election may take among nodes that all stand for it."""
        return 5 * self._longest_interval + 4 * (self.scenario.lateness + self._latency)

    # -- a life -----------------------------------------------------------------------------

    def run(self) -> None:
        """Live through the scenario. Raises: Broken."""
        for node, start in zip(self.nodes, self.scenario.starts, strict=True):
            self.clock.plan(start, node.start)
        for fault in self.scenario.faults:
            begin, end = self._what_happens(fault)
            self.clock.plan(fault.begin, begin)
            self.clock.plan(fault.end, end)
        self.clock.run_until(self.scenario.healed)
        self.clock.run_until(self._everybody_stands() + self.convergence_bound)
        self._check_converged()
        converged = self.clock.now
        self.clock.run_until(converged + QUIET * self._longest_interval)
        if self._changed_at > converged:
            raise Broken(f"a state changed at {format_duration(self._changed_at)}, long converged")
        self._check_converged()

    def _what_happens(self, fault: Fault) -> tuple[Callable[[], None], Callable[[], None]]:
        """What a fault does to the cluster when it begins and when it ends."""
        node = self.nodes[fault.node]
        match fault.kind:
            case FaultKind.CUT:
                return (
                    partial(self._network.cut, fault.paths),
                    partial(self._network.mend, fault.paths),
                )
            case FaultKind.PAUSE | FaultKind.DEAF_PAUSE:
                deaf = fault.kind is FaultKind.DEAF_PAUSE
                return partial(node.pause, deaf=deaf), node.resume
            case FaultKind.UNPLUG:
                return partial(node.plug, carrier=False), partial(node.plug, carrier=True)
            case FaultKind.REFUSE:
                return (
                    partial(node.refuse_claims, refuses=True),
                    partial(node.refuse_claims, refuses=False),
                )
            case FaultKind.STOP:
                return node.stop, node.start
            case FaultKind.POWER_LOSS:
                return node.lose_power, node.start
            case FaultKind.RELOAD:
                config = replace(node.config, priority=fault.priority)
                return partial(node.reload, config), lambda: None

    def _everybody_stands(self) -> Instant:
        """When the last node stands for election: now, or when it tries its claim again."""
        waits = [node.machine for node in self.nodes if node.state is State.FAULT]
        return max([self.clock.now, *(m.next_deadline() or 0 for m in waits if m is not None)])

    # -- what must hold ---------------------------------------------------------------------

    def _count_masters(self) -> None:
        """Measure how long more than one node is MASTER, as far as the network is healed."""
        now = self.clock.now
        self._changed_at = now
        several = sum(node.state is State.MASTER for node in self.nodes) > 1
        if self._overlap_since is None:
            self._overlap_since = now if several else None
        elif not several:
            self._judge_overlap(self._overlap_since, now)
            self._overlap_since = None

    def _judge_overlap(self, begin: Instant, end: Instant) -> None:
        inherited = begin <= self.scenario.healed + self.inherited_overlap_bound
        bound = self.inherited_overlap_bound if inherited else self.new_overlap_bound
        lasted = end - max(begin, self.scenario.healed)
        if lasted > bound:
            raise Broken(f"there were two MASTERs for {format_duration(lasted)}")

    def _check_converged(self) -> None:
        """One MASTER that everybody knows, the strongest as far as anybody preempts."""
        masters = [node for node in self.nodes if node.state is State.MASTER]
        if len(masters) != 1:
            states = ", ".join(f"{node.name} is {node.state.value}" for node in self.nodes)
            raise Broken(f"not converged: {states}")
        (master,) = masters
        for node in self.nodes:
            preempts = node.config.preempts
            if preempts and node.config.priority > master.config.priority:
                raise Broken(f"{node.name} is stronger than the MASTER {master.name}")
            if node is not master:
                self._check_backup(node, master)

    def _check_backup(self, node: Node, master: Node) -> None:
        if node.state is not State.BACKUP or node.machine is None or node.held:
            raise Broken(f"{node.name} is {node.state.value} and holds {node.held}")
        known = node.machine.status(self.clock.now).master
        if known is None or known.address not in {master.link.ipv4, master.link.ipv6}:
            raise Broken(f"{node.name} takes {known} for the MASTER, but it is {master.name}")

    def _tell(self, line: str) -> None:
        self.lines.append(f"{self.clock.now / 1e9:>12.6f}  {line}")
