"""What signals and failures mean for an agent, with real signals and a world without a kernel."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_interface
from pathlib import Path
from typing import Any

import pytest
from fake_world import World, instance, master, packet
from hook_bench import Scripts, runs, until
from staffed import staffed

from vipd.agent.hook_desk import HookDesk
from vipd.agent.main import Agent
from vipd.agent.memory import Entry, Memory, key_of
from vipd.agent.runtime import Runtime
from vipd.agent.supervisor import Supervisor
from vipd.config.model import Config
from vipd.core.config import (
    GroupConfig,
    HookMoment,
    HooksConfig,
    TrackerConfig,
    TrackUse,
)
from vipd.core.model import State
from vipd.core.units import SECOND

RELEASED = ("release", ("192.0.2.100/24",))
LONG = 10.0
"""Units: seconds. What a test waits before it counts as failed; never what it takes."""


async def turns() -> None:
    """Let the loop turn: more often than anything takes that does not wait for the world."""
    loop = asyncio.get_running_loop()
    for _ in range(10):
        turned = asyncio.Event()
        loop.call_soon(turned.set)
        await turned.wait()


@dataclass
class Scene:
    """An agent that runs, and what is around it."""

    world: World
    runtime: Runtime
    agent: Agent
    staying: asyncio.Task[None]
    state_file: Path
    manager: socket.socket
    desk: HookDesk

    async def signalled(self, number: signal.Signals) -> None:
        """Send a signal to this thread, and let the loop take it in."""
        signal.raise_signal(number)
        await turns()

    def told(self) -> list[bytes]:
        """What the service manager was told since the last call."""
        words = []
        try:
            while True:
                words.append(self.manager.recv(100).split(b"\n")[0])
        except BlockingIOError:
            return words


@contextmanager
def service_manager(path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as receiver:
        receiver.bind(str(path))
        yield receiver


@pytest.fixture
def play(tmp_path: Path) -> Callable[[Callable[[Scene], Awaitable[None]]], None]:
    """Run a test on a loop of its own, beside an agent that is MASTER."""

    async def staged(act: Callable[[Scene], Awaitable[None]]) -> None:
        world = World()
        runtime = master(world)
        notify = tmp_path / "notify"
        supervisor = Supervisor({"NOTIFY_SOCKET": str(notify)})
        with service_manager(notify) as manager:
            whole = staffed(world, tmp_path, runtime=runtime, supervisor=supervisor)
            whole.agent.listen()
            staying = asyncio.create_task(whole.agent.stay())
            file, desk = whole.settings.state_file, whole.staff.desk
            scene = Scene(world, runtime, whole.agent, staying, file, manager, desk)
            await turns()
            await act(scene)
            staying.cancel()
            await asyncio.gather(staying, return_exceptions=True)
            whole.staff.journal.close()

    return lambda act: asyncio.run(asyncio.wait_for(staged(act), LONG))


Play = Callable[[Callable[[Scene], Awaitable[None]]], None]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_hands_over_and_the_agent_stays_until_that_is_done(
    play: Play, number: signal.Signals
) -> None:
    async def act(scene: Scene) -> None:
        assert scene.state_file.exists()
        await scene.signalled(number)
        assert scene.world.take_done() == [("advert IPv4", 0)]
        assert not scene.state_file.exists()
        assert not scene.staying.done()
        scene.world.arrived.append(("eth0", packet(instance(), 90)))
        scene.runtime.wake()
        assert scene.world.take_done() == [RELEASED]
        await scene.staying
        assert scene.told() == [b"READY=1", b"STOPPING=1"]

    play(act)


def test_the_second_signal_lets_go_at_once(play: Play) -> None:
    async def act(scene: Scene) -> None:
        await scene.signalled(signal.SIGTERM)
        await scene.signalled(signal.SIGTERM)
        assert scene.world.take_done() == [("advert IPv4", 0), RELEASED]
        await scene.staying

    play(act)


def test_who_serves_nothing_is_gone_at_once(play: Play) -> None:
    async def act(scene: Scene) -> None:
        scene.world.arrived.append(("eth0", packet(instance(), 150)))
        scene.runtime.wake()
        await scene.signalled(signal.SIGTERM)
        await scene.staying

    play(act)


def test_a_failure_is_raised_and_hands_nothing_over(play: Play) -> None:
    async def act(scene: Scene) -> None:
        loop = asyncio.get_running_loop()
        loop.call_exception_handler({"message": "m", "exception": ValueError("nobody expected")})
        with pytest.raises(ValueError, match="nobody expected"):
            await scene.staying
        assert scene.world.take_done() == []
        scene.agent.leave_at_once()
        assert scene.world.take_done() == [("advert IPv4", 0), RELEASED]
        assert not scene.state_file.exists()

    play(act)


def test_a_failure_while_it_hands_over_ends_that(play: Play) -> None:
    async def act(scene: Scene) -> None:
        await scene.signalled(signal.SIGTERM)
        asyncio.get_running_loop().call_exception_handler({"message": "nobody expected"})
        await scene.staying
        scene.agent.leave_at_once()
        assert scene.world.take_done() == [("advert IPv4", 0), RELEASED]

    play(act)


def test_a_reload_means_nothing_to_an_agent_that_is_on_its_way_out(play: Play) -> None:
    async def act(scene: Scene) -> None:
        await scene.signalled(signal.SIGTERM)
        await scene.signalled(signal.SIGHUP)
        assert scene.told() == [b"READY=1", b"STOPPING=1"]
        assert scene.runtime.configs == ()

    play(act)


def test_hooks_are_waited_for_until_one_more_signal(play: Play, tmp_path: Path) -> None:
    scripts = Scripts(tmp_path)
    hook = scripts.hook("stuck", 'echo $$ > "$D/pid"; sleep 60 & wait', timeout_s=60)

    async def act(scene: Scene) -> None:
        config = instance(hooks=HooksConfig(hooks=((HookMoment.ON_STOP, hook),)))
        scene.desk.apply([config], [])
        scene.world.arrived.append(("eth0", packet(instance(), 150)))
        scene.runtime.wake()
        await scene.signalled(signal.SIGTERM)
        await until(lambda: bool(scripts.numbers("pid")))
        assert not scene.staying.done()
        await scene.signalled(signal.SIGTERM)
        await scene.staying
        assert not runs(*scripts.numbers("pid"))

    play(act)


def test_an_agent_that_starts_has_trackers_groups_and_hooks(tmp_path: Path) -> None:
    async def act() -> None:
        world = World()
        runtime = world.runtime()
        whole = staffed(world, tmp_path, runtime=runtime)
        settings, agent, desk = whole.settings, whole.agent, whole.staff.desk
        options = {"path": str(tmp_path / "drain"), "present": "down"}
        drain = TrackerConfig(
            name="drain", kind="file", interval=SECOND, timeout=SECOND, options=options
        )
        edge = GroupConfig(name="edge", members=("web",), track=(TrackUse(name="drain"),))
        (tmp_path / "drain").touch()
        agent.start(
            Config(agent=settings, instances=(instance(),), trackers=(drain,), groups=(edge,))
        )
        (web,) = runtime.instances
        assert web.config.group == "edge"
        assert (list(desk.instances), list(desk.groups)) == (["web"], ["edge"])
        await until(lambda: web.machine.state is State.FAULT)
        await until(lambda: "exists" in web.machine.status(0).cause.text)
        (tmp_path / "drain").unlink()
        await until(lambda: web.machine.state is State.BACKUP)
        whole.staff.tracking.stop()
        await desk.end()
        whole.staff.journal.close()

    asyncio.run(asyncio.wait_for(act(), LONG))


@pytest.mark.parametrize(("spoken", "state"), [(1, State.BACKUP), (2, State.MASTER)])
def test_a_group_is_carried_on_whole_or_not_at_all(
    tmp_path: Path, spoken: int, state: State
) -> None:
    async def act() -> None:
        world = World(now=100 * SECOND)
        log: Any = world.log
        mail = instance("mail", vrid=52, addresses=(ip_interface("192.0.2.101/24"),))
        members = (instance(), mail)
        memory = Memory(tmp_path / "state.json", world.clock, log, boot="this")
        memory.save(
            [
                Entry(key=key_of(one), state=State.MASTER, priority=100, spoke=world.now - SECOND)
                for one in members[:spoken]
            ]
        )
        whole = staffed(world, tmp_path)
        settings, agent, runtime = whole.settings, whole.agent, whole.runtime
        edge = GroupConfig(name="edge", members=("web", "mail"))
        agent.start(Config(agent=settings, instances=members, groups=(edge,)))
        assert {each.machine.state for each in runtime.instances} == {state}

    asyncio.run(act())


def test_what_an_earlier_life_has_served_is_carried_on(tmp_path: Path) -> None:
    async def act() -> None:
        world = World(now=100 * SECOND)
        config, file = instance(), tmp_path / "state.json"
        earlier = Memory(file, world.clock, world.log, boot="this")  # type: ignore[arg-type]
        spoke = world.now - SECOND
        key = key_of(config)
        earlier.save([Entry(key=key, state=State.MASTER, priority=100, spoke=spoke)])
        whole = staffed(world, tmp_path)
        settings, agent, runtime = whole.settings, whole.agent, whole.runtime
        agent.start(Config(agent=settings, instances=(config,)))
        assert runtime.instances[0].machine.state is State.MASTER
        assert world.log.called("transition")[-1]["code"] == "resumed"

    asyncio.run(act())
