"""The hooks of an instance, whole: real scripts, the FIFO, what is kept, and the end."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_world import World
from hook_bench import FACTS, WEB, Scripts, nothing_stays, report, runs, until

from vipd.agent.hook import Hooks, drain
from vipd.agent.hook_occasion import Subject, SubjectKind
from vipd.core.config import Hook, HookMoment, HooksConfig
from vipd.core.model import State
from vipd.core.units import MILLISECOND, SECOND
from vipd.lab.pause import wait_until

ON_EVERY_STATE = (
    HookMoment.ON_MASTER,
    HookMoment.ON_BACKUP,
    HookMoment.ON_FAULT,
    HookMoment.ON_STOP,
)
TELL = "echo $VIPD_SEQUENCE $VIPD_NEW >> $D/log"


@pytest.fixture
def scripts(tmp_path: Path) -> Iterator[Scripts]:
    with nothing_stays():
        yield Scripts(tmp_path)


@pytest.fixture
def world() -> World:
    return World()


def make(config: HooksConfig, world: World, subject: Subject = WEB) -> Hooks:
    return Hooks(config, subject, world.clock, world.log)  # type: ignore[arg-type]


def on(*hooks: tuple[HookMoment, Hook], fifo: str | None = None) -> HooksConfig:
    return HooksConfig(hooks=hooks, fifo=fifo)


def go_through(hooks: Hooks, *states: State) -> None:
    """Tell of one transition after the other, faster than any hook can run."""
    old = State.INIT
    for new in states:
        hooks.transition(report(new, old), FACTS)
        old = new


FIVE = (State.BACKUP, State.MASTER, State.FAULT, State.BACKUP, State.MASTER)


def test_five_fast_transitions_end_with_the_last_state(scripts: Scripts, world: World) -> None:
    tell = scripts.hook("tell", TELL)

    async def play() -> Hooks:
        hooks = make(on(*((moment, tell) for moment in ON_EVERY_STATE)), world)
        go_through(hooks, *FIVE)
        assert await drain([hooks], 10 * SECOND)
        return hooks

    hooks = asyncio.run(play())
    assert scripts.read() == "1 BACKUP\n5 MASTER\n"
    assert hooks.skipped == 3
    assert [line["sequence"] for line in world.log.called("hook")] == [1, 5]
    assert [line.get("skipped") for line in world.log.called("hook")] == [None, 3]


def test_slow_transitions_are_all_told_in_order(scripts: Scripts, world: World) -> None:
    tell = scripts.hook("tell", TELL)

    async def play() -> None:
        hooks = make(on((HookMoment.ON_ANY, tell)), world)
        old = State.INIT
        for new in (*FIVE, State.INIT):
            hooks.transition(report(new, old), FACTS)
            await until(lambda: hooks.idle)
            old = new
        await drain([hooks], SECOND)

    asyncio.run(play())
    assert scripts.read() == "1 BACKUP\n2 MASTER\n3 FAULT\n4 BACKUP\n5 MASTER\n6 INIT\n"


def test_another_cause_of_the_same_state_is_no_transition(scripts: Scripts, world: World) -> None:
    tell = scripts.hook("tell", TELL)

    async def play() -> None:
        hooks = make(on((HookMoment.ON_ANY, tell)), world)
        hooks.transition(report(State.FAULT, State.FAULT), FACTS)
        assert hooks.idle
        hooks.close()

    asyncio.run(play())


def test_results_are_kept_for_each_hook_and_logged(scripts: Scripts, world: World) -> None:
    good, bad = scripts.hook("good", "echo fine"), scripts.hook("bad", "echo no; exit 4")
    config = on((HookMoment.ON_MASTER, good), (HookMoment.ON_MASTER, bad))
    world.now = 42

    async def play() -> Hooks:
        hooks = make(config, world)
        assert hooks.results == ()
        go_through(hooks, State.MASTER)
        await drain([hooks], 10 * SECOND)
        return hooks

    hooks = asyncio.run(play())
    assert [(each.hook, each.run.text, each.at) for each in hooks.results] == [
        (good, "exit 0: fine", 42),
        (bad, "exit 4: no", 42),
    ]
    assert (hooks.counters.runs, hooks.counters.failures) == (2, 1)
    (failure,) = world.log.called("hook failed")
    assert failure["instance"] == "web"
    assert (failure["program"], failure["result"]) == (bad.argv[0], "exit 4: no")


def test_a_reload_keeps_the_results_of_what_stays(scripts: Scripts, world: World) -> None:
    kept, gone = scripts.hook("kept", "exit 0"), scripts.hook("gone", "exit 0")

    async def play() -> Hooks:
        hooks = make(on((HookMoment.ON_MASTER, kept), (HookMoment.ON_MASTER, gone)), world)
        go_through(hooks, State.MASTER)
        await until(lambda: hooks.idle)
        hooks.configure(on((HookMoment.ON_MASTER, kept)))
        await drain([hooks], SECOND)
        return hooks

    assert [each.hook for each in asyncio.run(play()).results] == [kept]


# -- the FIFO -------------------------------------------------------------------------------


def test_the_fifo_gets_every_transition_as_keepalived_writes_it(
    tmp_path: Path, world: World
) -> None:
    path = tmp_path / "fifo"
    with nothing_stays():
        hooks = make(on(fifo=str(path)), world)
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        go_through(hooks, *FIVE, State.INIT)
        words = ("BACKUP", "MASTER", "FAULT", "BACKUP", "MASTER", "STOP")
        expected = "".join(f'INSTANCE "web" {word} 150\n' for word in words)
        assert os.read(reader, 4096).decode() == expected
        other = tmp_path / "other"
        hooks.configure(on(fifo=str(other)))
        go_through(hooks, State.MASTER)
        assert os.read(reader, 4096) == b"", "nobody writes there any more"
        os.close(reader)
        assert other.is_fifo()
        assert hooks.fifo_dropped == 0
        hooks.close()
        hooks.close()


def test_a_group_has_its_own_line(tmp_path: Path, world: World) -> None:
    path = tmp_path / "fifo"
    hooks = make(on(fifo=str(path)), world, Subject(kind=SubjectKind.GROUP, name="edge"))
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    go_through(hooks, State.MASTER)
    assert os.read(reader, 4096) == b'GROUP "edge" MASTER 0\n'
    os.close(reader)
    hooks.close()


# -- gates ----------------------------------------------------------------------------------


async def ask(hooks: Hooks, moment: HookMoment) -> tuple[bool, str]:
    answer: asyncio.Future[tuple[bool, str]] = asyncio.get_running_loop().create_future()
    hooks.gate(moment, report(), FACTS, lambda ok, text: answer.set_result((ok, text)))
    return await asyncio.wait_for(answer, 10)


def test_the_gate_before_master_runs_its_hooks_in_order(scripts: Scripts, world: World) -> None:
    config = on(
        (HookMoment.BEFORE_MASTER, scripts.hook("a", "echo a $VIPD_MOMENT >> $D/log")),
        (HookMoment.BEFORE_MASTER, scripts.hook("b", "echo b >> $D/log")),
    )

    async def play() -> None:
        hooks = make(config, world)
        assert hooks.bound(HookMoment.BEFORE_MASTER) == 20 * SECOND
        assert hooks.bound(HookMoment.BEFORE_RELEASE) == 0
        assert await ask(hooks, HookMoment.BEFORE_MASTER) == (True, "")
        assert await ask(hooks, HookMoment.BEFORE_RELEASE) == (True, "")
        await drain([hooks], SECOND)

    asyncio.run(play())
    assert scripts.read() == "a before_master\nb\n"


def test_a_gate_tells_a_failure_and_a_timeout(scripts: Scripts, world: World) -> None:
    def config(required: bool) -> HooksConfig:
        bad = scripts.hook("bad", "echo refused; exit 1", required=required)
        return on((HookMoment.BEFORE_MASTER, bad))

    slow = scripts.hook("slow", "sleep 60", timeout_s=0.2, required=True)

    async def play() -> list[tuple[bool, str]]:
        answers = []
        hooks = make(config(required=True), world)
        answers.append(await ask(hooks, HookMoment.BEFORE_MASTER))
        hooks.configure(config(required=False))
        answers.append(await ask(hooks, HookMoment.BEFORE_MASTER))
        hooks.configure(on((HookMoment.BEFORE_MASTER, slow)))
        began = time.monotonic_ns()
        answers.append(await ask(hooks, HookMoment.BEFORE_MASTER))
        assert time.monotonic_ns() - began < 200 * MILLISECOND + SECOND
        assert await drain([hooks], 5 * SECOND)
        return answers

    text = f"before_master {scripts.directory}/bad: exit 1: refused"
    assert asyncio.run(play()) == [
        (False, text),
        (True, text),
        (False, "its hooks have not ended within 200 ms"),
    ]


def test_a_gate_that_is_called_off_is_set_right_by_the_last_state(
    scripts: Scripts, world: World
) -> None:
    config = on(
        (HookMoment.ON_BACKUP, scripts.hook("demote", "echo demoted >> $D/log")),
        (HookMoment.BEFORE_MASTER, scripts.hook("promote", "echo promoted >> $D/log; sleep 60")),
    )

    async def play() -> None:
        hooks = make(config, world)
        go_through(hooks, State.BACKUP)
        await until(lambda: hooks.idle)
        unheard: list[tuple[bool, str]] = []
        call_off = hooks.gate(
            HookMoment.BEFORE_MASTER,
            report(),
            FACTS,
            lambda ok, text: unheard.append((ok, text)),
        )
        await until(lambda: "promoted" in scripts.read())
        call_off()
        assert await drain([hooks], 5 * SECOND)
        assert unheard == []

    asyncio.run(play())
    assert scripts.read() == "demoted\npromoted\ndemoted\n"


# -- the end --------------------------------------------------------------------------------


def test_the_end_waits_for_what_on_stop_does(scripts: Scripts, world: World) -> None:
    config = on(
        (HookMoment.ON_MASTER, scripts.hook("master", "sleep 0.2; echo master >> $D/log")),
        (HookMoment.ON_STOP, scripts.hook("stop", "sleep 0.2; echo stop >> $D/log")),
    )

    async def play() -> None:
        hooks = make(config, world)
        go_through(hooks, State.MASTER, State.INIT)
        assert await drain([hooks], 5 * SECOND)

    asyncio.run(play())
    assert scripts.read() == "master\nstop\n"


def test_what_does_not_end_in_time_is_killed_at_the_end(scripts: Scripts, world: World) -> None:
    body = "trap '' TERM; sleep 60 & echo $! $$ > $D/pids; wait; sleep 60"
    stuck = scripts.hook("stuck", body, timeout_s=60)

    async def play() -> None:
        both = [make(on((HookMoment.ON_STOP, stuck)), world) for _ in range(2)]
        for hooks in both:
            go_through(hooks, State.INIT, State.MASTER, State.INIT)
        await until(lambda: len(scripts.numbers("pids")) == 2)
        began = time.monotonic_ns()
        assert not await drain(both, 300 * MILLISECOND)
        assert time.monotonic_ns() - began < 2 * SECOND
        assert all(hooks.idle for hooks in both)
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(play())
    dead = scripts.numbers("pids")
    wait_until(lambda: not any(runs(pid) for pid in dead), 5, "the whole group is dead")


def test_many_queues_run_side_by_side(scripts: Scripts, world: World) -> None:
    """Each waits for itself alone."""
    slow = scripts.hook("slow", "sleep 0.5; " + TELL)

    async def play() -> int:
        every = [make(on((HookMoment.ON_MASTER, slow)), world) for _ in range(10)]
        began = time.monotonic_ns()
        for hooks in every:
            go_through(hooks, State.MASTER)
        assert await drain(every, 10 * SECOND)
        return time.monotonic_ns() - began

    assert asyncio.run(play()) < 3 * SECOND
    assert scripts.read() == 10 * "1 MASTER\n"
