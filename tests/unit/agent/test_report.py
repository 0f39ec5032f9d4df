"""The report: what an agent says of its trackers, its groups and its hooks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from fake_world import World, instance
from hook_bench import Scripts, until

from vipd.agent.grouping import grouped
from vipd.agent.hook_desk import HookDesk
from vipd.agent.report import Reporter
from vipd.agent.tracking import Tracking
from vipd.control.report import EffectReport
from vipd.core.config import GroupConfig, HookMoment, HooksConfig, TrackerConfig, TrackUse
from vipd.core.units import SECOND
from vipd.track.outcome import Outcome, Report

NGINX = TrackerConfig(name="nginx", kind="http", interval=SECOND, timeout=SECOND)


class Puppet:
    """A tracker that says one thing at once."""

    def start(self, report: Report) -> None:
        report(Outcome(ok=False, text="HTTP 503", took=1_234_567))

    def stop(self) -> None:
        """Nothing was begun."""


def run(act: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(act(), 10))


def test_without_trackers_and_hooks_it_says_none() -> None:
    world = World()
    runtime = world.runtime()
    runtime.start([instance()])
    report = Reporter(runtime, world.ports(), world.clock).report()
    assert report.trackers == ()
    assert (report.instances[0].track, report.instances[0].hooks) == ((), ())


def test_a_tracker_and_what_it_means() -> None:
    world = World(now=100 * SECOND)
    log: Any = world.log
    runtime = world.runtime()
    tracking = Tracking(world.clock, log, runtime.tell, lambda _: Puppet())
    runtime.known = tracking.reports
    tracking.apply([NGINX])
    runtime.start([instance(track=(TrackUse(name="nginx", weight=-30),))])
    report = Reporter(runtime, world.ports(), world.clock, tracking).report()
    (tracker,) = report.trackers
    assert (tracker.name, tracker.kind, tracker.up) == ("nginx", "http", False)
    assert (tracker.text, tracker.took_s, tracker.next_look_s) == ("HTTP 503", 0.001235, None)
    assert tracker.since == report.generated_at
    (web,) = report.instances
    assert web.track == (EffectReport(tracker="nginx", weight=-30, adds=-30),)
    assert (web.priority, web.effective_priority) == (100, 70)


def test_the_hooks_of_an_instance_then_those_of_its_group(tmp_path: Path) -> None:
    async def act() -> None:
        world, scripts = World(), Scripts(tmp_path)
        log: Any = world.log
        runtime = world.runtime()
        desk = HookDesk(world.clock, log, runtime.answer)
        runtime.when_moved = desk.transition
        good, bad = scripts.hook("good", "echo fine"), scripts.hook("bad", "exit 3")
        web = instance(hooks=HooksConfig(hooks=((HookMoment.ON_BACKUP, good),)))
        hooks = HooksConfig(hooks=((HookMoment.ON_ANY, bad),))
        edge = GroupConfig(name="edge", members=("web",), hooks=hooks)
        configs = grouped([web], [edge])
        desk.apply(configs, [edge])
        runtime.start(configs)
        await until(lambda: desk.instances["web"].idle and desk.groups["edge"].idle)
        reporter = Reporter(runtime, world.ports(), world.clock, None, desk)
        (shown,) = reporter.report().instances
        assert shown.group == "edge"
        assert [(one.moment, one.group, one.ok, one.text) for one in shown.hooks] == [
            ("on_backup", None, True, "exit 0: fine"),
            ("on_any", "edge", False, "exit 3"),
        ]
        assert shown.hooks[0].program == f"{tmp_path}/good"
        await desk.end()

    run(act)
