"""The hook desk: whose hooks run when, with real programs and instances in a world of fakes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from ipaddress import ip_interface
from pathlib import Path
from typing import Any

import pytest
from fake_world import World, instance, packet, ring, state
from hook_bench import Scripts, nothing_stays, runs, until
from small_crew import SmallCrew

from vipd.agent.grouping import grouped
from vipd.agent.hook_desk import HookDesk
from vipd.core.config import GroupConfig, HookMoment, HooksConfig, InstanceConfig
from vipd.core.model import State

LONG = 20.0
NOTE = 'cat > /dev/null; echo $VIPD_MOMENT $VIPD_INSTANCE$VIPD_GROUP $VIPD_NEW >> "$D/log"'
VIP2 = ip_interface("192.0.2.101/24")


@dataclass
class Scene:
    """A runtime, its desk, and scripts that leave traces."""

    scripts: Scripts
    world: World = field(default_factory=World)

    def __post_init__(self) -> None:
        log: Any = self.world.log
        self.runtime = self.world.runtime()
        self.desk = HookDesk(self.world.clock, log, self.runtime.answer)
        self.runtime.work_with(SmallCrew(desk=self.desk))

    def noting(self, *moments: HookMoment) -> HooksConfig:
        """Hooks that note what they are told."""
        hook = self.scripts.hook("note", NOTE)
        return HooksConfig(hooks=tuple((moment, hook) for moment in moments))

    def apply(self, configs: list[InstanceConfig], *groups: GroupConfig) -> None:
        whole = grouped(configs, groups)
        self.desk.apply(whole, groups)
        self.runtime.apply(whole)

    def elect(self) -> None:
        """Let time pass until all that is silent is over."""
        for _ in range(4 * len(self.runtime.instances)):
            ring(self.world, self.runtime)

    def told(self) -> list[str]:
        return self.scripts.read().splitlines()

    async def told_last(self, line: str) -> None:
        await until(lambda: self.told()[-1:] == [line])


@pytest.fixture
def play(tmp_path: Path) -> Callable[[Callable[[Scene], Awaitable[None]]], None]:
    """Run a test on a loop of its own; nothing of it stays."""

    async def staged(act: Callable[[Scene], Awaitable[None]]) -> None:
        scene = Scene(Scripts(tmp_path))
        await act(scene)
        await scene.desk.end()

    def run(act: Callable[[Scene], Awaitable[None]]) -> None:
        with nothing_stays():
            asyncio.run(asyncio.wait_for(staged(act), LONG))

    return run


Play = Callable[[Callable[[Scene], Awaitable[None]]], None]


def test_an_instance_is_told_of_each_state(play: Play) -> None:
    async def act(scene: Scene) -> None:
        scene.apply([instance(hooks=scene.noting(HookMoment.ON_MASTER, HookMoment.ON_STOP))])
        scene.elect()
        assert state(scene.runtime) is State.MASTER
        await scene.told_last("on_master web MASTER")
        scene.runtime.halt()
        await scene.told_last("on_stop web INIT")
        await until(lambda: scene.desk.instances["web"].idle)
        results = scene.desk.instances["web"].results
        assert [(one.moment.value, one.run.ok) for one in results] == [
            ("on_master", True),
            ("on_stop", True),
        ]

    play(act)


def test_a_gate_is_answered_later_and_then_the_instance_claims(play: Play) -> None:
    async def act(scene: Scene) -> None:
        scene.apply([instance(hooks=scene.noting(HookMoment.BEFORE_MASTER))])
        scene.elect()
        assert state(scene.runtime) is State.BACKUP
        await until(lambda: state(scene.runtime) is State.MASTER)
        assert scene.told() == ["before_master web MASTER"]

    play(act)


def test_a_required_gate_that_fails_is_fault(play: Play) -> None:
    async def act(scene: Scene) -> None:
        hook = scene.scripts.hook("gate", "exit 4", required=True)
        hooks = HooksConfig(hooks=((HookMoment.BEFORE_MASTER, hook),))
        scene.apply([instance(hooks=hooks)])
        scene.elect()
        await until(lambda: state(scene.runtime) is State.FAULT)
        cause = scene.runtime.instances[0].machine.status(0).cause
        assert cause.text.endswith("exit 4")

    play(act)


def test_a_gate_is_called_off_when_another_one_serves_meanwhile(play: Play) -> None:
    async def act(scene: Scene) -> None:
        hook = scene.scripts.hook("gate", 'echo $$ > "$D/pid"; exec sleep 60', timeout_s=60)
        config = instance(hooks=HooksConfig(hooks=((HookMoment.BEFORE_MASTER, hook),)))
        scene.apply([config])
        scene.elect()
        await until(lambda: bool(scene.scripts.numbers("pid")))
        scene.world.arrived.append(("eth0", packet(config, 200)))
        scene.runtime.wake()
        await until(lambda: not runs(*scene.scripts.numbers("pid")))
        await until(lambda: scene.desk.instances["web"].idle)
        assert state(scene.runtime) is State.BACKUP

    play(act)


def test_one_that_a_reload_removes_has_its_hooks_to_the_end(play: Play) -> None:
    """Also those that hold up its release, while it serves on."""

    async def act(scene: Scene) -> None:
        hooks = scene.noting(HookMoment.BEFORE_RELEASE, HookMoment.ON_STOP)
        scene.apply([instance(hooks=hooks)])
        scene.elect()
        scene.world.take_done()
        scene.apply([])
        assert scene.world.take_done() == []
        await until(lambda: not scene.runtime.instances or bool(scene.world.done))
        assert scene.told() == ["before_release web INIT"]
        scene.runtime.halt()
        await scene.told_last("on_stop web INIT")

    play(act)


def test_a_reload_that_changes_hooks_changes_what_is_run_next(play: Play) -> None:
    async def act(scene: Scene) -> None:
        scene.apply([instance(hooks=scene.noting(HookMoment.ON_MASTER))])
        scene.apply([instance(hooks=scene.noting(HookMoment.ON_ANY))])
        scene.elect()
        await scene.told_last("on_any web MASTER")

    play(act)


def test_a_group_is_told_once_what_all_of_it_have_become(play: Play) -> None:
    async def act(scene: Scene) -> None:
        two = instance("mail", vrid=52, addresses=(VIP2,))
        hooks = scene.noting(HookMoment.ON_ANY)
        edge = GroupConfig(name="edge", members=("web", "mail"), hooks=hooks)
        scene.apply([instance(), two], edge)
        await scene.told_last("on_any edge BACKUP")
        scene.elect()
        assert {each.machine.state for each in scene.runtime.instances} == {State.MASTER}
        await scene.told_last("on_any edge MASTER")
        scene.runtime.halt()
        await scene.told_last("on_any edge INIT")
        assert scene.told()[:2] == ["on_any edge BACKUP", "on_any edge MASTER"]

    play(act)


def test_a_group_that_a_reload_removes_is_told_nothing_more(play: Play) -> None:
    async def act(scene: Scene) -> None:
        two = instance("mail", vrid=52, addresses=(VIP2,))
        edge = GroupConfig(
            name="edge", members=("web", "mail"), hooks=scene.noting(HookMoment.ON_ANY)
        )
        scene.apply([instance(), two], edge)
        scene.apply([instance(), two])
        assert list(scene.desk.groups) == []
        scene.elect()
        assert {each.machine.state for each in scene.runtime.instances} == {State.MASTER}
        await scene.desk.end()
        assert scene.told() == ["on_any edge BACKUP"]

    play(act)


def test_to_close_kills_what_runs(play: Play) -> None:
    async def act(scene: Scene) -> None:
        hook = scene.scripts.hook("stuck", 'echo $$ > "$D/pid"; sleep 60 & wait')
        scene.apply([instance(hooks=HooksConfig(hooks=((HookMoment.ON_BACKUP, hook),)))])
        await until(lambda: bool(scene.scripts.numbers("pid")))
        scene.desk.close()
        await until(lambda: scene.desk.instances["web"].idle)

    play(act)
