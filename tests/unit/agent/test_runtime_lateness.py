"""Time that this process has missed, and time that it has made up for."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_interface

import pytest
from fake_world import (
    PEER,
    VIP4,
    World,
    good_link,
    instance,
    master,
    packet,
    pass_time,
    ring,
    state,
)

from vipd.agent.runtime import Runtime
from vipd.core.config import Hook, HookMoment, HooksConfig, InstanceConfig
from vipd.core.model import State
from vipd.core.units import MILLISECOND, SECOND

CLAIMED = ("claim", ("192.0.2.100/24",))
ANNOUNCED = ("announce", ("192.0.2.100/24",))
RELEASED = ("release", ("192.0.2.100/24",))
HOOKS = HooksConfig(hooks=((HookMoment.BEFORE_RELEASE, Hook(argv=("/usr/bin/demote",))),))


@pytest.fixture
def world() -> World:
    return World()


def named(name: str, vrid: int, **changes: object) -> InstanceConfig:
    """An instance with an address of its own."""
    return instance(name, vrid=vrid, addresses=(ip_interface(f"192.0.2.{vrid}/24"),), **changes)


def stalls(world: World) -> list[tuple[object, str]]:
    """Who was told that it woke late, and how late."""
    return [(line["instance"], str(line["text"])) for line in world.log.called("stalled")]


class TestWakingLate:
    def test_a_backup_that_was_frozen_listens_before_it_takes_over(self, world: World) -> None:
        runtime = world.runtime()
        runtime.start([instance()])
        assert world.alarm_at is not None
        world.now = world.alarm_at + 4 * SECOND
        runtime.ring()
        assert state(runtime) is State.BACKUP
        assert world.take_done() == []
        ((who, text),) = stalls(world)
        assert who == "web"
        assert text.startswith("did not run for 4 s")
        assert world.alarm_at == world.now + SECOND + 609_375_000

    def test_the_advert_that_waited_is_heard_after_that(self, world: World) -> None:
        runtime = world.runtime()
        runtime.start([instance()])
        assert world.alarm_at is not None
        world.now = world.alarm_at + 4 * SECOND
        world.arrived.append(("eth0", packet(instance(), 150)))
        runtime.wake()
        assert state(runtime) is State.BACKUP
        assert len(stalls(world)) == 1
        due = runtime.instances[0].machine.next_deadline()
        assert due == world.now + 3_609_375_000

    def test_a_master_that_was_frozen_lets_go_before_it_hears_of_another(
        self, world: World
    ) -> None:
        runtime = master(world)
        world.now += 10 * SECOND
        world.arrived.append(("eth0", packet(instance(), 90)))
        runtime.ring()
        assert world.take_done() == [RELEASED]
        assert state(runtime) is State.BACKUP
        last = world.log.called("transition")[-1]
        assert last["code"] == "stalled"

    def test_it_is_told_before_the_links_are_looked_at(self, world: World) -> None:
        runtime = master(world)
        world.now += 10 * SECOND
        world.link_facts["eth0"] = replace(good_link(), carrier=False)
        world.changed = {"eth0"}
        runtime.wake()
        codes = [line["code"] for line in world.log.called("transition")]
        assert codes[-2:] == ["stalled", "no_carrier"]

    def test_whoever_hears_of_it_first_tells_it_once(self, world: World) -> None:
        """The sockets may wake the agent before the alarm does."""
        runtime = master(world)
        assert world.alarm_at is not None
        world.now += 2_500 * MILLISECOND
        runtime.overhear()
        runtime.ring()
        runtime.wake()
        ((_, text),) = stalls(world)
        assert "did not run for 2.4 s" in text
        assert state(runtime) is State.MASTER

    def test_nobody_is_told_of_less_than_an_interval(self, world: World) -> None:
        runtime = master(world)
        assert world.alarm_at is not None
        world.now = world.alarm_at + SECOND
        runtime.ring()
        assert stalls(world) == []
        assert ("advert IPv4", 100) in world.take_done()

    def test_only_those_are_told_whose_interval_is_over(self, world: World) -> None:
        fast = named("fast", 52, advert_interval=100 * MILLISECOND)
        runtime = master(world, instance(advert_interval=10 * SECOND), fast)
        pass_time(world, runtime, 10 * SECOND)
        assert world.alarm_at is not None
        world.now = world.alarm_at + 150 * MILLISECOND
        runtime.ring()
        assert [who for who, _ in stalls(world)] == ["fast"]

    def test_a_deadline_that_an_advert_has_moved_is_not_missed(self, world: World) -> None:
        """The alarm stays where it was; to come too late to it is to be late for nothing."""
        runtime = world.runtime()
        runtime.start([instance()])
        assert world.alarm_at is not None
        world.now = world.alarm_at - 10
        world.arrived.append(("eth0", packet(instance(), 150)))
        runtime.wake()
        world.now += 3 * SECOND
        runtime.wake()
        assert stalls(world) == []


class TestSeveralInstances:
    def test_an_advert_for_one_does_not_keep_the_other_from_its_time(self, world: World) -> None:
        """The alarm goes off for one, at the moment at which a packet arrives for the other."""
        web, other = named("web", 51), named("other", 52)
        runtime = world.runtime()
        runtime.start([web, other])
        ring_at = world.alarm_at
        assert ring_at is not None
        world.now = ring_at
        world.arrived.append(("eth0", packet(web, 150)))
        runtime.ring()
        assert [each.machine.state for each in runtime.instances] == [State.BACKUP, State.MASTER]

    def test_the_alarm_is_set_for_the_one_that_is_due_first(self, world: World) -> None:
        web, other = named("web", 51), named("other", 52)
        runtime = world.runtime()
        runtime.start([web, other])
        world.now = SECOND
        world.arrived.append(("eth0", packet(web, 150)))
        runtime.ring()
        assert world.alarm_at == 3_609_375_000


class TestTellingOfIt:
    """A takeover does not wait until it is told what another one has become."""

    @pytest.fixture
    def runtime(self, world: World) -> Runtime:
        """One takes over so long that the other, which waits for 4 ms more, is due after it."""
        runtime = world.runtime()
        runtime.start([named("web", 51), named("other", 52, priority=99)])
        return runtime

    def told(self, world: World) -> list[object]:
        return [line["instance"] for line in world.log.called("transition")][2:]

    def test_it_is_told_of_a_takeover_when_nobody_is_due(
        self, world: World, runtime: Runtime
    ) -> None:
        world.claim_takes = 10 * MILLISECOND
        ring(world, runtime)
        assert [each.machine.state for each in runtime.instances] == [State.MASTER, State.BACKUP]
        assert self.told(world) == []
        assert world.alarm_at is not None
        assert world.alarm_at < world.now
        runtime.ring()
        assert self.told(world) == ["web", "other"]

    def test_it_is_not_put_off_for_ever(self, world: World, runtime: Runtime) -> None:
        world.claim_takes = 200 * MILLISECOND
        ring(world, runtime)
        assert state(runtime, 1) is State.BACKUP
        assert self.told(world) == ["web"]

    @pytest.mark.parametrize(
        "more", [{"hooks": HOOKS}, {"hooks": HooksConfig(fifo="/run/fifo")}], ids=["hook", "fifo"]
    )
    def test_what_hooks_follow_from_is_told_at_once(
        self, world: World, more: dict[str, object]
    ) -> None:
        world.claim_takes = 10 * MILLISECOND
        runtime = world.runtime()
        runtime.start([named("web", 51, **more), named("other", 52, priority=99)])
        ring(world, runtime)
        assert state(runtime, 1) is State.BACKUP
        assert self.told(world) == ["web"]

    def test_the_last_word_is_said_before_it_ends(self, world: World, runtime: Runtime) -> None:
        world.claim_takes = 10 * MILLISECOND
        ring(world, runtime)
        runtime.halt()
        assert self.told(world) == ["web", "web", "other"]


class TestCarryingOn:
    def test_what_was_served_is_claimed_said_and_announced_before_anything_is_swept(
        self, world: World
    ) -> None:
        stale = ip_interface("192.0.2.99/24")
        world.leftovers = [("eth0", VIP4), ("eth0", stale)]
        world.now = 10 * SECOND
        runtime = world.runtime()
        runtime.start([instance()], {"web": world.now - 700 * MILLISECOND})
        assert state(runtime) is State.MASTER
        assert world.take_done() == [
            CLAIMED,
            ("advert IPv4", 100),
            ANNOUNCED,
            ("sweep", "192.0.2.99/24"),
        ]
        (transition,) = world.log.called("transition")
        assert transition["code"] == "resumed"
        assert transition["cause"] == "restarted 700 ms after its last advert: carries on"

    def test_what_was_served_from_a_virtual_mac_is_claimed_before_anything_is_swept(
        self, world: World
    ) -> None:
        world.leftover_devices = ["vipd.4.77"]
        world.now = 10 * SECOND
        runtime = world.runtime()
        runtime.start([instance(virtual_mac=True)], {"web": world.now - SECOND})
        claimed, *_, swept = world.take_done()
        assert claimed == ("claim at virtual MAC 51", ("192.0.2.100/24",))
        assert swept == ("sweep", "vipd.4.77")
        assert world.log.called("removed a leftover virtual MAC address") == [
            {"device": "vipd.4.77"}
        ]

    def test_who_comes_back_too_late_listens_and_what_is_left_is_swept(self, world: World) -> None:
        world.leftovers = [("eth0", VIP4)]
        world.now = 10 * SECOND
        runtime = world.runtime()
        runtime.start([instance()], {"web": world.now - 3 * SECOND})
        assert state(runtime) is State.BACKUP
        assert world.take_done() == [("sweep", "192.0.2.100/24")]

    def test_only_those_carry_on_that_spoke(self, world: World) -> None:
        world.now = 10 * SECOND
        runtime = world.runtime()
        runtime.start([named("web", 51), named("other", 52)], {"other": world.now - SECOND})
        assert [each.machine.state for each in runtime.instances] == [State.BACKUP, State.MASTER]

    def test_a_stronger_one_that_served_meanwhile_is_yielded_to(self, world: World) -> None:
        world.now = 10 * SECOND
        runtime = world.runtime()
        runtime.start([instance()], {"web": world.now - SECOND})
        world.arrived.append(("eth0", packet(instance(), 150, PEER)))
        runtime.wake()
        assert state(runtime) is State.BACKUP
        assert world.kernel == set()


class TestReadingLate:
    def test_an_advert_counts_from_its_arrival(self, world: World) -> None:
        runtime = world.runtime()
        runtime.start([instance()])
        world.now, world.age = SECOND, 3 * MILLISECOND
        world.arrived.append(("eth0", packet(instance(), 150)))
        runtime.wake()
        assert runtime.instances[0].machine.next_deadline() == 4_606_375_000

    def test_but_not_from_before_what_the_machine_knows(self, world: World) -> None:
        runtime = world.runtime()
        world.now, world.age = SECOND, 3 * MILLISECOND
        runtime.start([instance()])
        world.now += MILLISECOND
        world.arrived.append(("eth0", packet(instance(), 150)))
        runtime.wake()
        assert runtime.instances[0].machine.next_deadline() == 4_609_375_000
