"""The report: what an agent says of its trackers, its groups and its hooks."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from ipaddress import ip_interface
from pathlib import Path
from typing import Any

from fake_world import VIP4, VIP6, World, instance
from hook_bench import Scripts, until
from small_crew import SmallCrew

from vipd.agent.grouping import grouped
from vipd.agent.hook_desk import HookDesk
from vipd.agent.lag import LoopLag
from vipd.agent.report import Reporter
from vipd.agent.tracking import Tracking
from vipd.control.messages import StatusRequest, answer_status, encode
from vipd.control.report import EffectReport
from vipd.core.config import GroupConfig, HookMoment, HooksConfig, TrackerConfig, TrackUse
from vipd.core.model import Vip
from vipd.core.units import MILLISECOND, SECOND
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
    runtime.work_with(SmallCrew(tracking=tracking))
    tracking.apply([NGINX])
    runtime.start([instance(track=(TrackUse(name="nginx", weight=-30),))])
    report = Reporter(runtime, world.ports(), world.clock, tracking=tracking).report()
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
        runtime.work_with(SmallCrew(desk=desk))
        good, bad = scripts.hook("good", "echo fine"), scripts.hook("bad", "exit 3")
        web = instance(hooks=HooksConfig(hooks=((HookMoment.ON_BACKUP, good),)))
        hooks = HooksConfig(hooks=((HookMoment.ON_ANY, bad),))
        edge = GroupConfig(name="edge", members=("web",), hooks=hooks)
        configs = grouped([web], [edge])
        desk.apply(configs, [edge])
        runtime.start(configs)
        await until(lambda: desk.instances["web"].idle and desk.groups["edge"].idle)
        reporter = Reporter(runtime, world.ports(), world.clock, desk=desk)
        (shown,) = reporter.report().instances
        assert shown.group == "edge"
        assert [(one.moment, one.group, one.ok, one.text) for one in shown.hooks] == [
            ("on_backup", None, True, "exit 0: fine"),
            ("on_any", "edge", False, "exit 3"),
        ]
        assert shown.hooks[0].program == f"{tmp_path}/good"
        assert [(one.runs, one.failures) for one in shown.hooks] == [(1, 0), (1, 1)]
        await desk.end()

    run(act)


def test_the_counters_tell_what_was_done() -> None:
    world = World()
    runtime = world.runtime()
    runtime.start([instance(lease=3 * SECOND)])
    reporter = Reporter(runtime, world.ports(), world.clock)
    for _ in range(6):
        world.now += SECOND
        runtime.ring()
    counted = reporter.report().instances[0].counters
    assert counted.causes == {"started": 1, "master_silent": 1}
    assert (counted.transitions, counted.claims_failed, counted.adverts_failed) == (2, 0, 0)
    assert counted.announced > 0
    assert counted.renewed > 0
    world.send_error, world.refusal = OSError("no"), "the kernel is full"
    world.now += SECOND
    runtime.ring()
    counted = reporter.report().instances[0].counters
    assert counted.adverts_failed > 0
    assert (counted.claims_failed, counted.causes["claim_failed"]) == (1, 1)


def test_the_lease_that_is_left_is_told_while_there_is_one() -> None:
    world = World()
    runtime = world.runtime()
    runtime.start([instance(lease=3 * SECOND)])
    reporter = Reporter(runtime, world.ports(), world.clock)

    def left() -> float | None:
        return reporter.report().instances[0].addresses[0].lease_left_s

    assert left() is None
    for _ in range(5):
        world.now += SECOND
        runtime.ring()
    full = left()
    assert full is not None
    assert 0 < full <= 3
    world.now += SECOND // 4
    assert left() == full - 0.25
    world.kernel.clear()
    assert left() is None


def test_what_is_written_again_is_what_is_so() -> None:
    """The book of addresses minds who holds what, and what the kernel has."""
    world = World()
    runtime = world.runtime()
    runtime.start([instance()])
    reporter = Reporter(runtime, world.ports(), world.clock)

    def told() -> tuple[bool, bool]:
        (address,) = reporter.report().instances[0].addresses
        return address.held, address.in_kernel

    assert told() == (False, False)
    for _ in range(5):
        world.now += SECOND
        runtime.ring()
    assert told() == told() == (True, True)
    kernel = set(world.kernel)
    world.kernel.clear()
    assert told() == (True, False)
    world.kernel |= kernel
    assert told() == (True, True)
    runtime.apply([instance(addresses=(VIP4, VIP6))])
    assert [one.address for one in reporter.report().instances[0].addresses] == [
        str(VIP4),
        str(VIP6),
    ]
    runtime.apply([instance("other", vrid=52)])
    assert [one.name for one in reporter.report().instances] == ["other"]


def test_the_lag_of_the_loop_is_told() -> None:
    world = World()
    runtime = world.runtime()
    runtime.start([instance()])
    lag = LoopLag()
    lag.note(2 * MILLISECOND)
    lag.stall()
    report = Reporter(runtime, world.ports(), world.clock, lag=lag).report()
    assert report.pid == os.getpid()
    assert report.lag is not None
    assert report.lag.counts[report.lag.bounds_s.index(0.0025)] == 1
    assert (report.lag.total_s, report.lag.worst_s, report.lag.stalls) == (0.002, 0.002, 1)


def test_a_report_of_as_many_as_there_can_be_takes_little_of_the_loop(
    record_property: Callable[[str, object], None],
) -> None:
    world = World()
    runtime = world.runtime()
    runtime.start(
        [
            instance(f"web-{vrid}", vrid=vrid, addresses=(_vip(vrid, 4), _vip(vrid, 6)))
            for vrid in range(1, 256)
        ]
    )
    for _ in range(5):
        world.now += SECOND
        runtime.ring()
    reporter = Reporter(runtime, world.ports(), world.clock)
    took = min(_time(reporter) for _ in range(15))
    record_property("figure", f"a status of 255 instances busies the loop for {took * 1e3:.1f} ms")
    assert took < 0.02


def _vip(number: int, family: int) -> Vip:
    return ip_interface(f"198.18.{number}.1/24" if family == 4 else f"2001:db8:{number:x}::1/64")


def _time(reporter: Reporter) -> float:
    began = time.thread_time()
    encode(answer_status(StatusRequest(), reporter.report()))
    return time.thread_time() - began
