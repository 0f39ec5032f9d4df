"""Tracking: which trackers run, what is told of them to whom, and when."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any

from fake_world import World, instance, state
from small_crew import SmallCrew

from vipd.agent.tracking import Tracking
from vipd.core.config import TrackerConfig, TrackUse
from vipd.core.events import TrackReported
from vipd.core.model import State
from vipd.core.units import MILLISECOND, SECOND
from vipd.track.outcome import Outcome, Report
from vipd.track.polling import Polling

GOOD = Outcome(ok=True, text="well")
BAD = Outcome(ok=False, text="ill")


def config(name: str = "nginx", **changes: object) -> TrackerConfig:
    plain = TrackerConfig(name=name, kind="puppet", interval=SECOND, timeout=SECOND)
    return replace(plain, **changes)  # type: ignore[arg-type]


class Puppet:
    """A tracker that says what a test says."""

    def __init__(self) -> None:
        self.say: Report | None = None
        self.stopped = 0

    def start(self, report: Report) -> None:
        self.say = report

    def stop(self) -> None:
        self.stopped += 1


@dataclass
class Stage:
    """Trackers that are puppets."""

    world: World = field(default_factory=World)
    told: list[TrackReported] = field(default_factory=list)
    puppets: list[Puppet] = field(default_factory=list)

    def __post_init__(self) -> None:
        log: Any = self.world.log
        self.tracking = Tracking(self.world.clock, log, self.told.append, self.make)

    def make(self, _: TrackerConfig) -> Puppet:
        self.puppets.append(Puppet())
        return self.puppets[-1]

    def say(self, outcome: Outcome, index: int = -1) -> None:
        say = self.puppets[index].say
        assert say is not None, "it was started"
        say(outcome)

    def told_up(self) -> list[bool]:
        told = [report.up for report in self.told]
        self.told.clear()
        return told


def test_the_first_result_is_told_and_then_only_what_changes() -> None:
    stage = Stage()
    stage.tracking.apply([config()])
    for outcome in (BAD, BAD, GOOD, GOOD, BAD):
        stage.say(outcome)
    assert [report.text for report in stage.told] == ["ill", "well", "ill"]
    assert stage.told_up() == [False, True, False]
    lines = stage.world.log.called("tracker")
    assert lines[0] == {"tracker": "nginx", "up": False, "text": "ill"}
    assert len(lines) == 3


def test_another_weight_is_told_though_it_is_up_as_before() -> None:
    stage = Stage()
    stage.tracking.apply([config()])
    for weight in (5, 5, -7):
        stage.say(Outcome(ok=True, text="", weight=weight))
    assert [report.weight for report in stage.told] == [5, -7]


def test_what_is_known_is_what_has_looked_or_is_up_from_the_beginning() -> None:
    stage = Stage()
    stage.tracking.apply([config("a"), config("b"), config("c", initially_up=True)])
    stage.say(GOOD, 0)
    assert [(one.name, one.up) for one in stage.tracking.reports()] == [("a", True), ("c", True)]


def test_what_did_not_change_keeps_its_verdict_and_its_tracker() -> None:
    stage = Stage()
    stage.tracking.apply([config("a"), config("b")])
    stage.say(GOOD, 0)
    stage.tracking.apply([config("c"), config("a")])
    assert [watch.config.name for watch in stage.tracking.watches] == ["c", "a"]
    assert [puppet.stopped for puppet in stage.puppets] == [0, 1, 0]
    assert [report.name for report in stage.tracking.reports()] == ["a"]


def test_another_configuration_of_the_same_name_begins_anew() -> None:
    stage = Stage()
    stage.tracking.apply([config()])
    stage.say(GOOD)
    stage.tracking.apply([config(interval=2 * SECOND)])
    assert [puppet.stopped for puppet in stage.puppets] == [1, 0]
    assert list(stage.tracking.reports()) == []


def test_a_hold_ends_by_itself() -> None:
    async def play() -> None:
        stage = Stage()
        stage.tracking.apply([config(flaps=1, flap_window=50 * MILLISECOND)])
        for outcome in (GOOD, BAD, GOOD):
            stage.say(outcome)
        assert stage.told_up() == [True, False]
        assert "held down" in stage.tracking.watches[0].verdict.describe()
        stage.world.now += 50 * MILLISECOND
        async with asyncio.timeout(10):
            while not stage.told:  # noqa: ASYNC110 (the alarm of a real loop)
                await asyncio.sleep(0)
        assert stage.told_up() == [True]

    asyncio.run(play())


def test_nothing_waits_for_a_hold_of_a_tracker_that_was_stopped() -> None:
    async def play() -> None:
        stage = Stage()
        stage.tracking.apply([config(flaps=1)])
        for outcome in (GOOD, BAD, GOOD):
            stage.say(outcome)
        (watch,) = stage.tracking.watches
        stage.tracking.stop()
        assert watch.review is not None
        assert watch.review.cancelled()
        assert stage.puppets[0].stopped == 1
        assert list(stage.tracking.watches) == []

    asyncio.run(play())


def test_only_what_looks_time_and_again_says_when_it_looks_next() -> None:
    class Never:
        def check(self, done: Report) -> Any:  # noqa: ANN401, ARG002
            raise AssertionError

    async def play() -> None:
        stage = Stage()
        stage.tracking.apply([config()])
        assert stage.tracking.watches[0].next_look is None
        log: Any = stage.world.log
        looking = Tracking(
            stage.world.clock, log, stage.told.append, lambda one: Polling(one, Never())
        )
        looking.apply([config()])
        assert looking.watches[0].next_look is not None
        looking.stop()

    asyncio.run(play())


# -- with instances ---------------------------------------------------------------------------


def test_an_instance_hears_only_of_what_it_uses_also_when_it_begins_to() -> None:
    world = World()
    log: Any = world.log
    stage, runtime = Stage(world), world.runtime()
    tracking = Tracking(world.clock, log, runtime.tell, stage.make)
    runtime.work_with(SmallCrew(tracking=tracking))
    tracking.apply([config("a"), config("b")])
    stage.say(BAD, 0)
    stage.say(GOOD, 1)
    web = instance(track=(TrackUse(name="a", weight=-20),))
    runtime.start([web])
    assert runtime.instances[0].machine.priority == 80
    stage.say(GOOD, 0)
    assert runtime.instances[0].machine.priority == 100
    stage.say(BAD, 1)
    assert state(runtime) is State.BACKUP
    runtime.apply([replace(web, track=(*web.track, TrackUse(name="b")))])
    assert state(runtime) is State.FAULT
    assert runtime.instances[0].machine.status(0).cause.text == "b: ill"
