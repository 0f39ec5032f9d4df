"""A group that is ordered to hand over: it does so together, or serves on together."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_interface

from fake_world import World, instance, master, packet, pass_time

from vipd.agent.crew import Crew
from vipd.agent.instance import Instance
from vipd.agent.runtime import Runtime
from vipd.core.actions import AskHooks, CallOffHooks
from vipd.core.config import Hook, HookMoment, HooksConfig
from vipd.core.events import FailoverOrdered, HooksAnswered
from vipd.core.model import State
from vipd.core.units import MILLISECOND, SECOND

OUTER = instance(group="edge")
INNER = instance(
    "inner", vrid=52, group="edge", addresses=(ip_interface("192.0.2.101/24"),), leads=False
)
GATE = HooksConfig(hooks=((HookMoment.BEFORE_RELEASE, Hook(argv=("/usr/bin/demote",))),))
ANSWER = HooksAnswered(moment=HookMoment.BEFORE_RELEASE)
MOVE = FailoverOrdered("ordered by an operator")


class Asked(Crew):
    """Whoever is asked for hooks, and says nothing yet."""

    def __init__(self) -> None:
        self.whom: list[Instance] = []

    def ask_hooks(self, instance: Instance, what: AskHooks | CallOffHooks) -> None:
        if isinstance(what, AskHooks):
            self.whom.append(instance)


def order(runtime: Runtime) -> None:
    runtime.order((one, MOVE) for one in runtime.running)


def states(runtime: Runtime) -> set[State]:
    return {one.machine.state for one in runtime.running}


def stays_for(world: World, runtime: Runtime, seconds: int) -> None:
    for _ in range(20 * seconds):
        pass_time(world, runtime, 50 * MILLISECOND)
        assert states(runtime) == {State.MASTER}, world.log.called("transition")


def test_when_nobody_comes_all_serve_on_though_not_all_wait_for_as_long() -> None:
    world = World()
    runtime = master(world, OUTER, replace(INNER, advert_interval=100 * MILLISECOND))
    order(runtime)
    stays_for(world, runtime, 10)
    assert not any(one.machine.standing.leaving for one in runtime.running)
    assert [what for what in world.done if what[0] == "release"] == []


def test_none_says_a_word_before_the_hooks_of_the_others_have_run() -> None:
    world, crew = World(), Asked()
    runtime = master(world, replace(OUTER, hooks=GATE), INNER)
    runtime.work_with(crew)
    order(runtime)
    assert [one.config.name for one in crew.whom] == ["web"]
    stays_for(world, runtime, 8)
    assert ("advert IPv4", 0) not in world.take_done()
    runtime.answer(crew.whom[0], ANSWER)
    assert world.take_done() == [("advert IPv4", 0)] * 2
    pass_time(world, runtime, 700 * MILLISECOND)
    world.arrived = [("eth0", packet(config, 90)) for config in (OUTER, INNER)]
    runtime.wake()
    pass_time(world, runtime, MILLISECOND)
    assert states(runtime) == {State.BACKUP}
    assert all(one.machine.stands_aside for one in runtime.running)


def test_a_stop_does_not_wait_for_the_hooks_of_others_twice() -> None:
    world, crew = World(), Asked()
    runtime = master(world, replace(OUTER, hooks=GATE), INNER)
    runtime.work_with(crew)
    order(runtime)
    runtime.stop()
    runtime.answer(crew.whom[0], ANSWER)
    pass_time(world, runtime, 5 * SECOND)
    assert not runtime.handing_over


def test_one_that_leaves_the_group_meanwhile_waits_for_nobody() -> None:
    world, crew = World(), Asked()
    gated = replace(OUTER, hooks=GATE)
    runtime = master(world, gated, INNER)
    runtime.work_with(crew)
    order(runtime)
    world.take_done()
    runtime.apply([gated, replace(INNER, group=None)])
    assert ("advert IPv4", 0) in world.done
