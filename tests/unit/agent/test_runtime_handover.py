"""An instance that stops while it serves: make before break."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_address, ip_interface

import pytest
from fake_world import PEER, VIP4, World, good_link, instance, master, packet, ring, state
from small_crew import SmallCrew

from vipd.agent.report import Reporter
from vipd.agent.runtime import Runtime
from vipd.core.config import InstanceConfig
from vipd.core.model import State, Vip
from vipd.core.units import MILLISECOND, SECOND

LINGER = 20 * MILLISECOND
RELEASED = ("release", ("192.0.2.100/24",))
WEB = instance(linger=LINGER)


@pytest.fixture
def world() -> World:
    return World()


def succeed(world: World, runtime: Runtime, config: InstanceConfig = WEB) -> None:
    """Let another router take over, as far as adverts tell."""
    world.arrived.append((config.interface, packet(config, 90)))
    runtime.wake()


def crew_of(runtime: Runtime) -> SmallCrew:
    """Who counts how often everybody has left."""
    crew = SmallCrew()
    runtime.work_with(crew)
    return crew


class TestStop:
    def test_it_resigns_and_releases_a_linger_after_its_successor_has_spoken(
        self, world: World
    ) -> None:
        runtime = master(world, WEB)
        runtime.stop()
        assert world.take_done() == [("advert IPv4", 0)]
        assert runtime.handing_over
        assert runtime.configs == ()
        assert state(runtime) is State.MASTER
        world.now += 30 * MILLISECOND
        succeed(world, runtime)
        assert world.take_done() == []
        assert world.alarm_at == world.now + LINGER
        ring(world, runtime)
        assert world.take_done() == [RELEASED]
        assert world.opened == set()
        assert world.watched == {}
        assert runtime.instances == ()

    def test_the_lease_runs_on_while_nobody_follows(self, world: World) -> None:
        slow = replace(WEB, advert_interval=3 * SECOND, lease=1 * SECOND)
        runtime = master(world, slow)
        runtime.stop()
        while runtime.handing_over:
            ring(world, runtime)
        (resigned, *renewed, released) = world.take_done()
        assert resigned == ("advert IPv4", 0)
        assert renewed
        assert set(renewed) == {("renew", 1)}
        assert released == RELEASED
        (line,) = world.log.called("no_successor")
        assert line["instance"] == "web"
        assert "the addresses are on no host now" in str(line["text"])

    def test_it_is_told_once_when_the_last_one_has_left(self, world: World) -> None:
        other = instance("other", vrid=52, addresses=(ip_interface("192.0.2.101/24"),))
        runtime = master(world, WEB, other)
        crew = crew_of(runtime)
        runtime.stop()
        succeed(world, runtime, other)
        assert [each.config.name for each in runtime.instances] == ["web"]
        assert crew.left == 0
        succeed(world, runtime)
        ring(world, runtime)
        assert crew.left == 1
        runtime.stop()
        runtime.halt()
        assert crew.left == 1

    def test_who_does_not_serve_is_gone_at_once(self, world: World) -> None:
        runtime = world.runtime()
        runtime.start([WEB])
        crew = crew_of(runtime)
        runtime.stop()
        assert crew.left == 1
        assert not runtime.handing_over
        assert world.take_done() == []

    def test_with_nobody_to_stop_nobody_has_left(self, world: World) -> None:
        runtime = world.runtime()
        runtime.start([])
        crew = crew_of(runtime)
        runtime.stop()
        runtime.halt()
        assert crew.left == 0
        assert not runtime.handing_over

    def test_halting_ends_a_handover_at_once_and_resigns_no_second_time(self, world: World) -> None:
        runtime = master(world, WEB)
        crew = crew_of(runtime)
        runtime.stop()
        runtime.halt()
        assert world.take_done() == [("advert IPv4", 0), RELEASED]
        assert crew.left == 1
        assert runtime.instances == ()
        runtime.halt()
        assert world.take_done() == []

    def test_halting_needs_nothing_but_the_release(self, world: World) -> None:
        """What made the agent fail may be what else it looks at."""
        runtime = master(world, WEB)
        world.drifts = ["is not asked for"]
        runtime.halt()
        assert world.take_done() == [("advert IPv4", 0), RELEASED]
        assert world.drifts == ["is not asked for"]

    def test_a_cable_that_is_pulled_meanwhile_ends_it(self, world: World) -> None:
        runtime = master(world, WEB)
        crew = crew_of(runtime)
        runtime.stop()
        world.link_facts["eth0"] = replace(good_link(), carrier=False)
        world.changed = {"eth0"}
        runtime.wake()
        assert world.take_done() == [("advert IPv4", 0), RELEASED]
        assert crew.left == 1

    def test_another_one_that_resigns_is_no_successor(self, world: World) -> None:
        runtime = master(world, WEB)
        runtime.stop()
        world.arrived.append(("eth0", packet(WEB, 0)))
        runtime.wake()
        assert world.alarm_at is not None
        assert world.alarm_at > world.now + LINGER


class TestReload:
    NEW = ip_interface("192.0.2.101/24")

    def test_an_instance_that_is_gone_hands_over_while_a_new_one_begins(self, world: World) -> None:
        runtime = master(world, WEB)
        runtime.apply([instance("other", vrid=52, addresses=(self.NEW,))])
        assert world.take_done() == [("advert IPv4", 0)]
        assert [each.config.name for each in runtime.instances] == ["other", "web"]
        succeed(world, runtime)
        ring(world, runtime)
        assert world.take_done() == [RELEASED]
        assert state(runtime) is State.BACKUP
        assert [each.config.name for each in runtime.instances] == ["other"]
        assert world.watched["eth0"][0] == {self.NEW.ip}

    @pytest.mark.parametrize(
        ("vrid", "addresses"),
        [(51, (NEW,)), (77, (VIP4,)), (77, (ip_interface("192.0.2.100/32"),))],
    )
    def test_what_a_new_one_needs_is_let_go_first(
        self, world: World, vrid: int, addresses: Sequence[Vip]
    ) -> None:
        runtime = master(world, WEB)
        runtime.apply([instance("owner", vrid=vrid, addresses=tuple(addresses), priority=255)])
        one = str(addresses[0])
        assert world.take_done() == [
            ("advert IPv4", 0),
            RELEASED,
            ("claim", (one,)),
            ("advert IPv4", 255),
            ("announce", (one,)),
        ]
        assert [each.config.name for each in runtime.instances] == ["owner"]

    def test_what_one_that_stays_needs_is_let_go_first(self, world: World) -> None:
        other = instance("other", vrid=52, addresses=(self.NEW,))
        runtime = master(world, WEB, other)
        runtime.apply([replace(other, addresses=(self.NEW, VIP4))])
        both = (str(self.NEW), str(VIP4))
        assert world.take_done() == [
            ("advert IPv4", 0),
            RELEASED,
            ("claim", both),
            ("advert IPv4", 100),
            ("announce", both),
        ]

    def test_another_change_of_one_that_stays_hurries_nobody(self, world: World) -> None:
        other = instance("other", vrid=52, addresses=(self.NEW,))
        runtime = master(world, WEB, other)
        runtime.apply([replace(other, priority=120)])
        assert world.take_done() == [("advert IPv4", 0)]

    def test_one_that_comes_back_while_it_leaves_begins_anew(self, world: World) -> None:
        runtime = master(world, WEB)
        runtime.apply([])
        runtime.apply([WEB])
        assert world.take_done() == [("advert IPv4", 0), RELEASED]
        assert [each.machine.state for each in runtime.instances] == [State.BACKUP]
        succeed(world, runtime)
        assert runtime.instances[0].counters.adverts_received == 1

    def test_one_of_the_same_name_elsewhere_leaves_beside_the_new_one(self, world: World) -> None:
        world.link_facts["eth1"] = good_link("eth1")
        runtime = master(world, WEB)
        moved = instance(interface="eth1", vrid=60, addresses=(self.NEW,))
        runtime.apply([moved])
        assert [each.config.interface for each in runtime.instances] == ["eth1", "eth0"]
        succeed(world, runtime)
        ring(world, runtime)
        assert world.take_done() == [("advert IPv4", 0), RELEASED]
        assert runtime.configs == (moved,)
        assert set(world.watched) == {"eth1"}

    def test_two_that_leave_one_after_the_other_end_each_by_itself(self, world: World) -> None:
        other = instance("other", vrid=52, addresses=(self.NEW,), linger=LINGER)
        runtime = master(world, WEB, other)
        crew = crew_of(runtime)
        runtime.apply([other])
        runtime.apply([])
        assert world.take_done() == [("advert IPv4", 0), ("advert IPv4", 0)]
        succeed(world, runtime, other)
        ring(world, runtime)
        assert world.take_done() == [("release", (str(self.NEW),))]
        assert [each.config.name for each in runtime.instances] == ["web"]
        assert crew.left == 0
        succeed(world, runtime)
        ring(world, runtime)
        assert world.take_done() == [RELEASED]
        assert crew.left == 1


def test_one_that_is_outranked_serves_on_for_a_linger(world: World) -> None:
    runtime = master(world, WEB)
    world.arrived.append(("eth0", packet(WEB, 150)))
    runtime.wake()
    assert world.take_done() == [("advert IPv4", 100)]
    assert state(runtime) is State.MASTER
    assert not runtime.handing_over
    ring(world, runtime)
    assert world.take_done() == [RELEASED]
    assert state(runtime) is State.BACKUP


def test_status_shows_who_is_leaving_and_who_follows(world: World) -> None:
    runtime = master(world, WEB)
    reporter = Reporter(runtime, world.ports(), world.clock)
    runtime.stop()
    (before,) = reporter.report().instances
    assert (before.state, before.leaving) == (State.MASTER, "stopped")
    assert before.master is not None
    assert ip_address(before.master.address) == good_link().ipv4
    succeed(world, runtime)
    (after,) = reporter.report().instances
    assert after.leaving == "stopped"
    assert after.master is not None
    assert ip_address(after.master.address) == PEER
    assert [each.in_kernel for each in after.addresses] == [True]
    ring(world, runtime)
    assert reporter.report().instances == ()
