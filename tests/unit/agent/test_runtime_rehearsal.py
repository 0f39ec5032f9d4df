"""A takeover that is near is rehearsed, and nobody sleeps until it is due."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_interface

import pytest
from fake_world import (
    PEER_MAC,
    VIP4,
    World,
    instance,
    master,
    packet,
    pass_time,
    ring,
    state,
)

from vipd.agent.crew import Crew
from vipd.agent.runtime import Runtime
from vipd.core.config import InstanceConfig, TakeoverProbe
from vipd.core.model import State
from vipd.core.units import MILLISECOND, SECOND, Duration, Instant

LEAD = 3 * MILLISECOND
LENGTH = MILLISECOND
DOWN = 3 * SECOND + SECOND * 156 // 256
"""After so long a BACKUP of priority 100 takes over. RFC: 9568 §6.1."""


@dataclass
class Actors(Crew):
    """A crew that rehearses: it notes when, and what else the runtime tells it of its alarms."""

    world: World
    rehearsed: list[Instant] = field(default_factory=list)
    late: list[Duration] = field(default_factory=list)
    stalls: int = 0

    @property
    def lead(self) -> Duration:
        return LEAD

    def rehearse(self) -> None:
        self.rehearsed.append(self.world.now)
        self.world.now += LENGTH

    def on_wake(self, late: Duration) -> None:
        self.late.append(late)

    def on_stall(self) -> None:
        self.stalls += 1


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def actors(world: World) -> Actors:
    return Actors(world)


def backup(world: World, actors: Actors, *configs: InstanceConfig) -> Runtime:
    """A runtime with that crew."""
    runtime = world.runtime()
    runtime.work_with(actors)
    runtime.start(configs or [instance()])
    return runtime


class TestATakeover:
    def test_is_rehearsed_once_and_waited_for_awake(self, world: World, actors: Actors) -> None:
        runtime = backup(world, actors)
        assert (world.alarm_at, world.awake) == (DOWN - LEAD, False)
        ring(world, runtime)
        assert actors.rehearsed == [DOWN - LEAD]
        assert (world.alarm_at, world.awake) == (DOWN, True)
        assert (state(runtime), world.take_done()) == (State.BACKUP, [])
        ring(world, runtime)
        assert state(runtime) is State.MASTER
        assert len(actors.rehearsed) == 1

    def test_is_rehearsed_before_the_probe_that_comes_right_before_it(
        self, world: World, actors: Actors
    ) -> None:
        """The skew of a priority of 254 at 100 ms is 0.8 ms, in which it asks the link."""
        down = 300 * MILLISECOND + 781_250
        probes = TakeoverProbe.WARN
        quick = instance(priority=254, advert_interval=100 * MILLISECOND, takeover_probe=probes)
        runtime = backup(world, actors, quick)
        assert (world.alarm_at, world.awake) == (down - LEAD, False)
        ring(world, runtime)
        assert (world.alarm_at, world.awake) == (300 * MILLISECOND, True)
        for _ in range(2):
            ring(world, runtime)
        assert state(runtime) is State.MASTER
        assert world.now == down
        assert actors.rehearsed == [down - LEAD]

    def test_that_is_held_back_is_not_waited_for_awake_again(
        self, world: World, actors: Actors
    ) -> None:
        runtime = backup(world, actors, instance(takeover_probe=TakeoverProbe.HOLD))
        while world.now < DOWN:
            ring(world, runtime)
            world.claims = [("eth0", VIP4.ip, PEER_MAC)]
        assert state(runtime) is State.BACKUP
        assert len(actors.rehearsed) == 1
        while world.now < DOWN + 5 * SECOND:
            ring(world, runtime)
            assert not world.awake
        assert len(actors.rehearsed) == 1

    def test_is_late_for_nobody(self, world: World, actors: Actors) -> None:
        runtime = backup(world, actors)
        for _ in range(2):
            ring(world, runtime)
        assert actors.late == [0, 0]
        assert actors.stalls == 0
        assert world.log.called("stalled") == []

    def test_is_called_off_by_an_advert_between_the_two(self, world: World, actors: Actors) -> None:
        runtime = backup(world, actors)
        ring(world, runtime)
        world.now = DOWN - 1
        world.arrived.append(("eth0", packet(instance(), 150)))
        ring(world, runtime)
        assert world.now == DOWN
        assert state(runtime) is State.BACKUP
        assert (world.alarm_at, world.awake) == (2 * DOWN - LEAD, False)

    def test_is_called_off_by_an_advert_that_the_socket_tells_of(
        self, world: World, actors: Actors
    ) -> None:
        runtime = backup(world, actors)
        ring(world, runtime)
        world.now = DOWN - 1
        world.arrived.append(("eth0", packet(instance(), 150)))
        runtime.wake()
        ring(world, runtime)
        assert state(runtime) is State.BACKUP
        assert (world.alarm_at, world.awake) == (2 * DOWN - 1 - LEAD, False)

    def test_is_not_rehearsed_when_an_advert_has_come_just_before(
        self, world: World, actors: Actors
    ) -> None:
        runtime = backup(world, actors)
        world.arrived.append(("eth0", packet(instance(), 150)))
        ring(world, runtime)
        assert actors.rehearsed == []
        assert not world.awake

    def test_is_rehearsed_when_a_socket_wakes_the_agent_for_it(
        self, world: World, actors: Actors
    ) -> None:
        runtime = backup(world, actors)
        world.now = DOWN - LEAD + 1
        runtime.wake()
        assert actors.rehearsed == [DOWN - LEAD + 1]
        assert (world.alarm_at, world.awake) == (DOWN, True)

    def test_is_not_rehearsed_by_who_wakes_too_late_for_that(
        self, world: World, actors: Actors
    ) -> None:
        runtime = backup(world, actors)
        world.now = DOWN - LEAD // 2
        runtime.ring()
        assert actors.rehearsed == []
        assert (world.alarm_at, world.awake) == (DOWN, True)

    def test_goes_ahead_at_once_for_who_wakes_after_its_moment(
        self, world: World, actors: Actors
    ) -> None:
        runtime = backup(world, actors)
        world.now = DOWN + 1
        runtime.ring()
        assert state(runtime) is State.MASTER
        assert actors.rehearsed == []

    def test_hears_before_it_what_neighbours_have_answered(
        self, world: World, actors: Actors
    ) -> None:
        runtime = backup(world, actors, instance(takeover_probe=TakeoverProbe.HOLD))
        while not world.awake:
            world.claims = [("eth0", VIP4.ip, PEER_MAC)]
            ring(world, runtime)
        assert len(actors.rehearsed) == 1
        assert world.claims == []
        ring(world, runtime)
        assert state(runtime) is State.BACKUP, "somebody has the address"


class TestWhatElseIsDue:
    def test_the_advert_of_a_master_is_not_rehearsed(self, world: World, actors: Actors) -> None:
        runtime = master(world)
        runtime.work_with(actors)
        for _ in range(5):
            ring(world, runtime)
            assert not world.awake
        assert actors.rehearsed == []
        assert actors.late == [0] * 5
        assert world.alarm_at == world.now + SECOND

    def test_a_probe_is_not_rehearsed(self, world: World, actors: Actors) -> None:
        runtime = backup(world, actors, instance(takeover_probe=TakeoverProbe.WARN))
        probe = DOWN - 50 * MILLISECOND
        assert (world.alarm_at, world.awake) == (probe, False)
        ring(world, runtime)
        assert (world.alarm_at, world.awake) == (DOWN - LEAD, False)
        assert actors.rehearsed == []

    def test_a_moment_that_an_advert_has_moved_away_is_not_rehearsed(
        self, world: World, actors: Actors
    ) -> None:
        runtime = backup(world, actors)
        world.now = SECOND
        world.arrived.append(("eth0", packet(instance(), 150)))
        runtime.wake()
        while world.alarm_at != SECOND + DOWN - LEAD:
            assert world.alarm_at is not None
            assert world.alarm_at <= DOWN
            ring(world, runtime)
            assert not world.awake
        assert actors.rehearsed == []

    def test_one_that_waits_for_its_group_does_not_rehearse_again(
        self, world: World, actors: Actors
    ) -> None:
        """It asks in every interval, for as long as the others have a MASTER."""
        inner = instance(
            "inner", vrid=52, group="edge", addresses=(ip_interface("192.0.2.101/24"),)
        )
        runtime = backup(world, actors, instance(group="edge"), inner)
        for _ in range(20):
            world.arrived.append(("eth0", packet(inner, 150)))
            ring(world, runtime)
        assert len(actors.rehearsed) == 1
        assert state(runtime) is State.BACKUP

    def test_what_is_due_between_the_two_is_done_in_time(
        self, world: World, actors: Actors
    ) -> None:
        """Another instance speaks while the takeover would be rehearsed."""
        runtime = master(world)
        takeover, speaks = DOWN + 4 * SECOND + LEAD // 2, DOWN + 4 * SECOND
        pass_time(world, runtime, takeover - DOWN - world.now)
        runtime.work_with(actors)
        other = instance("other", vrid=52, addresses=(ip_interface("192.0.2.101/24"),))
        runtime.apply([instance(), other])
        while world.now < speaks:
            world.take_done()
            ring(world, runtime)
        assert world.now == speaks
        assert world.take_done() == [("advert IPv4", 100), ("renew", 3)]
        assert (world.alarm_at, world.awake) == (takeover, True)
        ring(world, runtime)
        assert state(runtime, 1) is State.MASTER


def test_without_a_crew_the_alarm_is_set_for_the_moment_itself(world: World) -> None:
    runtime = world.runtime()
    runtime.start([instance()])
    assert (world.alarm_at, world.awake) == (DOWN, False)
    ring(world, runtime)
    assert state(runtime) is State.MASTER
