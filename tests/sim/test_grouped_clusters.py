"""Three hosts on two links, the two instances of each host a group: see `vipd.sim`.

A failing seed prints its story, shrunken. `VIPD_SIM_GROUP=N pytest -s tests/sim` tells one.
"""

# ruff: noqa: ARG002  (a broken machine ignores what a sound one looks at)

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context

import pytest

from vipd.core.actions import Action, ReportTransition
from vipd.core.cause import CauseCode
from vipd.core.config import InstanceConfig
from vipd.core.events import Event, GroupLost
from vipd.core.machine import Machine
from vipd.core.model import State
from vipd.core.units import MILLISECOND, SECOND, Instant
from vipd.sim.cluster import Cluster, live, tell
from vipd.sim.drawing import NATURAL, draw_group
from vipd.sim.fault import OF_A_HOST, Fault, FaultKind
from vipd.sim.network import Path
from vipd.sim.rule import Broken
from vipd.sim.scenario import Host, Scenario
from vipd.sim.search import broken_seed, explain
from vipd.sim.shrinking import shrink
from vipd.sim.world import MachineType

REPLAYED = os.environ.get("VIPD_SIM_GROUP")
CHUNK = 50
CHUNKS = 4
MANY = 2_000
PROCESSES = 2
SEEDS = (
    [range(int(REPLAYED), int(REPLAYED) + 1)]
    if REPLAYED
    else [range(first, first + CHUNK) for first in range(0, CHUNK * CHUNKS, CHUNK)]
)

BOTH_WAYS: tuple[Path, ...] = ((0, 1), (1, 0))


@pytest.mark.parametrize("seeds", SEEDS, ids=lambda seeds: f"{seeds[0]}-{seeds[-1]}")
def test_groups_are_whole_and_converge_and_stay_so(seeds: range) -> None:
    if REPLAYED:
        print(f"\n{tell(draw_group(seeds[0]))}")  # noqa: T201  (whoever replays a seed wants to read it)
    if (seed := broken_seed(seeds, drawing=draw_group)) is not None:
        story = explain(seed, drawing=draw_group)
        pytest.fail(f"{story}\nreplay: VIPD_SIM_GROUP={seed} pytest -s tests/sim")


@pytest.mark.slow
def test_groups_five_thousand_times() -> None:
    chunks = [range(first, first + 250) for first in range(0, MANY, 250)]
    search = partial(broken_seed, drawing=draw_group)
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        broken = [seed for seed in pool.map(search, chunks) if seed is not None]
    assert not broken, f"seeds {broken}\n{explain(broken[0], drawing=draw_group)}"


def test_the_seeds_meet_what_they_are_meant_to_meet() -> None:
    scenarios = [draw_group(seed) for seed in range(300)]
    faults = [fault for scenario in scenarios for fault in scenario.faults]
    assert {scenario.links for scenario in scenarios} == {2}
    assert {fault.link for fault in faults if fault.kind not in OF_A_HOST} == {0, 1}
    assert {fault.kind for fault in faults} == set(NATURAL)
    assert {(host.weight or 0) > 0 for one in scenarios for host in one.hosts} == {True, False}


def test_the_seeds_see_what_a_group_does() -> None:
    seen: set[tuple[State, State, CauseCode]] = set()

    class Watched(Machine):
        def step(self, event: Event, now: Instant) -> tuple[Action, ...]:
            actions = super().step(event, now)
            reports = [action for action in actions if isinstance(action, ReportTransition)]
            seen.update((one.old, one.new, one.cause.code) for one in reports)
            return actions

    for seed in range(60):
        live(draw_group(seed), machine=Watched)
    assert (State.MASTER, State.BACKUP, CauseCode.GROUP) in seen
    assert (State.MASTER, State.FAULT, CauseCode.GROUP) in seen
    assert (State.BACKUP, State.FAULT, CauseCode.GROUP) in seen
    assert (State.MASTER, State.FAULT, CauseCode.TRACKER) in seen
    assert (State.FAULT, State.BACKUP, CauseCode.RECOVERED) in seen


# -- stories --------------------------------------------------------------------------------


def masters(cluster: Cluster) -> set[str]:
    return {node.name for node in cluster.nodes if node.state is State.MASTER}


def two(*faults: Fault, **changes: object) -> Scenario:
    """Two equal hosts, of which each has the greater address on one link."""
    hosts = (Host(last4=90), Host(last4=200))
    return Scenario(hosts=hosts, links=2, healed=20 * SECOND, faults=faults, **changes)  # type: ignore[arg-type]


def when_unowned(scenario: Scenario, machine: MachineType = Machine) -> list[Instant]:
    """The moments after the first takeover at which an address was on no host."""
    cluster = Cluster(scenario, machine=machine, story=False)
    unowned: list[Instant] = []

    def look(now: Instant) -> None:
        links = (cluster.nodes[:2], cluster.nodes[2:])
        unowned.extend(now for link in links if not any(node.owns for node in link))

    for now in range(5 * SECOND, 45 * SECOND, 20 * MILLISECOND):
        cluster.clock.plan(now, partial(look, now))
    cluster.run()
    return unowned


def test_one_link_lost_moves_both_instances() -> None:
    unplugged = Fault(kind=FaultKind.UNPLUG, begin=8 * SECOND, end=20 * SECOND, node=0, link=1)
    hosts = (Host(priority=150), Host(priority=100))
    scenario = replace(two(unplugged), hosts=hosts)
    cluster = Cluster(scenario, machine=Machine)
    seen: list[set[str]] = []
    for now in (7 * SECOND, 15 * SECOND):
        cluster.clock.plan(now, lambda: seen.append(masters(cluster)))
    cluster.run()
    assert [*seen, masters(cluster)] == [{"a1", "a2"}, {"b1", "b2"}, {"a1", "a2"}]


def test_the_link_that_is_left_is_served_until_the_other_host_has_missed_the_lost_one() -> None:
    unplugged = Fault(kind=FaultKind.UNPLUG, begin=8 * SECOND, end=20 * SECOND, node=0, link=1)
    scenario = replace(two(unplugged), hosts=(Host(priority=150), Host(priority=100)))
    cluster = Cluster(scenario, machine=Machine)
    owned: list[bool] = []
    for now in range(5 * SECOND, 45 * SECOND, 20 * MILLISECOND):
        cluster.clock.plan(now, lambda: owned.append(any(one.owns for one in cluster.nodes[:2])))
    cluster.run()
    assert all(owned)


def test_a_master_that_is_silent_on_one_link_and_heard_on_the_other_is_left_alone() -> None:
    cut = Fault(kind=FaultKind.CUT, begin=8 * SECOND, end=20 * SECOND, paths=BOTH_WAYS, link=1)
    cluster = Cluster(two(cut), machine=Machine)
    seen: list[set[str]] = []
    for now in (7 * SECOND, 19 * SECOND):
        cluster.clock.plan(now, lambda: seen.append(masters(cluster)))
    cluster.run()
    assert seen[0] == seen[1] == masters(cluster)


SPLIT = tuple(
    Fault(kind=FaultKind.CUT, begin=8 * SECOND, end=20 * SECOND, paths=BOTH_WAYS, link=link)
    for link in (0, 1)
)


def everybody_leads(config: InstanceConfig) -> Machine:
    return Machine(replace(config, leads=True))


def test_equal_groups_that_were_apart_are_one_again_and_nobody_is_without() -> None:
    assert when_unowned(two(*SPLIT)) == []


def test_they_would_be_without_if_each_link_decided_for_itself() -> None:
    assert when_unowned(two(*SPLIT), everybody_leads)


# -- groups with a flaw ---------------------------------------------------------------------


class TakesOverAlone(Machine):
    """Does not wait for its group."""

    def _take_over(self, now: Instant, *, agreed: bool = False) -> tuple[Action, ...]:
        return super()._take_over(now, agreed=True)


class YieldsTooLate(Machine):
    """Serves on beside an instance that has yielded, and says that it does not."""

    def step(self, event: Event, now: Instant) -> tuple[Action, ...]:
        return () if isinstance(event, GroupLost) else super().step(event, now)


class IgnoresFaults(Machine):
    """Knows of the others' FAULT, and goes on."""

    def _on_group(self, fault: str | None, now: Instant) -> tuple[Action, ...]:
        self._terms.group_fault = fault
        return ()


class NeverRecovers(Machine):
    """Knows that the others are in health, and does not care."""

    def _on_group(self, fault: str | None, now: Instant) -> tuple[Action, ...]:
        actions = super()._on_group(fault or self._terms.group_fault, now)
        self._terms.group_fault = fault
        return actions


class KeepsAnOldFault(Machine):
    """Ends a handover, when it has slept, where it was to end when it began."""

    def _give_way(self, cause: object, now: Instant) -> tuple[Action, ...]:
        if going := self._serving.leaving.destination:
            return self._enter(going.state, going.cause, now)
        return super()._give_way(cause, now)  # type: ignore[arg-type]


class AddsWeightsUp(Machine):
    """Counts a weight again with each report."""

    def _on_tracked(self, report: object, now: Instant) -> tuple[Action, ...]:
        before = self._terms.priority
        actions = super()._on_tracked(report, now)  # type: ignore[arg-type]
        if self.config.track and not self.config.owner:
            self._terms.priority = max(1, min(254, before + self._terms.priority - 100))
        return actions


BROKEN: dict[str, tuple[MachineType, range]] = {
    "takes over alone": (TakesOverAlone, range(200)),
    "yields too late": (YieldsTooLate, range(200)),
    "serves beside a FAULT": (IgnoresFaults, range(200)),
    "never recovers": (NeverRecovers, range(200)),
    "keeps an old fault": (KeepsAnOldFault, range(200, 300)),
    "adds weights up": (AddsWeightsUp, range(200)),
}


@pytest.mark.slow
@pytest.mark.parametrize("flaw", BROKEN)
def test_a_flaw_is_found_and_told(flaw: str) -> None:
    machine, seeds = BROKEN[flaw]
    seed = broken_seed(seeds, machine=machine, drawing=draw_group)
    assert seed is not None, "the seeds find nothing wrong with a machine that is broken"
    scenario = shrink(draw_group(seed), machine=machine)
    with pytest.raises(Broken):
        live(scenario, machine=machine)
