"""What ARP and Neighbor Discovery tell of our addresses."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_interface

import pytest
from fake_world import (
    OWN_MAC,
    PEER_MAC,
    VIP4,
    VIP6,
    World,
    good_link,
    instance,
    master,
    packet,
    pass_time,
    ring,
    state,
)

from vipd.agent.report import Reporter
from vipd.core.config import InstanceConfig, TakeoverProbe
from vipd.core.model import State
from vipd.core.units import SECOND

NEW = ip_interface("192.0.2.101/24")
VIRTUAL = {bytes.fromhex("00005e000133"), bytes.fromhex("00005e000233")}
ALIVE = "192.0.2.100 is alive at 02:00:00:00:00:12, but no adverts: is IP protocol 112 blocked?"


@pytest.fixture
def world() -> World:
    return World()


class TestWatching:
    def test_the_addresses_of_a_link_are_watched_whoever_serves(self, world: World) -> None:
        world.link_facts["eth1"] = good_link("eth1")
        runtime = world.runtime()
        runtime.start(
            [
                instance(addresses=(VIP4, VIP6)),
                instance("other", vrid=52, interface="eth1", addresses=(NEW,)),
            ]
        )
        assert world.watched == {
            "eth0": ({VIP4.ip, VIP6.ip}, {OWN_MAC}),
            "eth1": ({NEW.ip}, {OWN_MAC}),
        }

    def test_a_reload_changes_what_is_watched(self, world: World) -> None:
        world.link_facts["eth1"] = good_link("eth1")
        runtime = world.runtime()
        runtime.start([instance()])
        runtime.apply([instance(addresses=(VIP4, NEW))])
        assert world.watched["eth0"][0] == {VIP4.ip, NEW.ip}
        runtime.apply([instance(interface="eth1")])
        assert set(world.watched) == {"eth1"}
        runtime.apply([])
        assert world.watched == {}

    def test_another_mac_of_this_host_is_ours_too(self, world: World) -> None:
        runtime = world.runtime()
        runtime.start([instance()])
        second = bytes.fromhex("020000000111")
        world.macs = {OWN_MAC, second}
        world.changed = {"eth0"}
        runtime.wake()
        assert world.watched["eth0"][1] == {OWN_MAC, second}

    def test_a_virtual_mac_is_ours_only_while_it_is_served_here(self, world: World) -> None:
        """A MASTER whose adverts are lost answers the probe from this very MAC."""
        config = instance(virtual_mac=True, addresses=(VIP4, VIP6))
        runtime = world.runtime()
        runtime.start([config])
        assert world.watched["eth0"][1] == {OWN_MAC}
        ring(world, runtime)
        assert state(runtime) is State.MASTER
        assert world.watched["eth0"][1] == {OWN_MAC} | VIRTUAL
        world.arrived.append(("eth0", packet(config, 150)))
        runtime.wake()
        assert state(runtime) is State.BACKUP
        assert world.watched["eth0"][1] == {OWN_MAC}

    def test_a_refusal_is_one_warning_and_no_fault(self, world: World) -> None:
        world.watch_error = OSError(105, "No buffer space available")
        runtime = master(world)
        world.changed = {"eth0"}
        runtime.wake()
        assert world.log.called("cannot hear who else claims our addresses") == [
            {"interface": "eth0", "error": "[Errno 105] No buffer space available"}
        ]


class TestHearing:
    def test_a_claim_reaches_those_that_have_the_address_on_that_link(self, world: World) -> None:
        world.link_facts["eth1"] = good_link("eth1")
        inner = instance("inner", vrid=53, interface="eth1", addresses=(NEW,))
        runtime = master(world, instance(), inner)
        pass_time(world, runtime, 2 * SECOND)
        world.take_done()
        world.claims = [("eth1", VIP4.ip, PEER_MAC), ("eth9", NEW.ip, PEER_MAC)]
        runtime.overhear()
        assert world.take_done() == []
        world.claims = [("eth1", NEW.ip, PEER_MAC)]
        runtime.overhear()
        assert world.take_done() == [("announce", (str(NEW),))]
        assert world.log.called("address_conflict") == [
            {
                "instance": "inner",
                "text": "192.0.2.101 is claimed by 02:00:00:00:00:12 as well",
            }
        ]

    def test_a_conflict_stands_in_the_status(self, world: World) -> None:
        runtime = master(world)
        pass_time(world, runtime, 2 * SECOND)
        world.claims = [("eth0", VIP4.ip, PEER_MAC)]
        runtime.overhear()
        (shown,) = Reporter(runtime, world.ports(), world.clock).report().instances
        assert shown.warnings == ("192.0.2.100 is claimed by 02:00:00:00:00:12 as well",)

    def test_one_that_hands_over_lets_its_successor_have_the_address(self, world: World) -> None:
        runtime = master(world)
        pass_time(world, runtime, 2 * SECOND)
        runtime.stop()
        world.take_done()
        world.claims = [("eth0", VIP4.ip, PEER_MAC)]
        runtime.overhear()
        assert world.take_done() == []
        assert world.log.called("address_conflict") == []


class TestProbing:
    CONFIG = instance(takeover_probe=TakeoverProbe.WARN)
    HOLDS = instance(takeover_probe=TakeoverProbe.HOLD)

    def test_the_link_is_asked_shortly_before_a_takeover(self, world: World) -> None:
        runtime = world.runtime()
        runtime.start([self.CONFIG])
        ring(world, runtime)
        assert world.take_done() == [("probe on eth0", ("192.0.2.100",))]
        assert state(runtime) is State.BACKUP
        ring(world, runtime)
        assert state(runtime) is State.MASTER
        assert world.log.called("master_silent_but_alive") == []

    @pytest.mark.parametrize(
        ("config", "expected"), [(CONFIG, State.MASTER), (HOLDS, State.BACKUP)]
    )
    def test_an_answer_is_told_and_holds_back_only_who_wants_that(
        self, world: World, config: InstanceConfig, expected: State
    ) -> None:
        runtime = world.runtime()
        runtime.start([config])
        ring(world, runtime)
        world.claims = [("eth0", VIP4.ip, PEER_MAC)]
        runtime.overhear()
        ring(world, runtime)
        assert state(runtime) is expected
        (line,) = world.log.called("master_silent_but_alive")
        assert str(line["text"]).startswith(ALIVE)
        (shown,) = Reporter(runtime, world.ports(), world.clock).report().instances
        assert any(text.startswith(ALIVE) for text in shown.warnings)

    @pytest.mark.parametrize("how", ["ring", "wake", "overhear"])
    def test_an_answer_that_waits_goes_before_the_takeover_that_is_due(
        self, world: World, how: str
    ) -> None:
        runtime = world.runtime()
        runtime.start([self.HOLDS])
        ring(world, runtime)
        assert world.alarm_at is not None
        world.now = world.alarm_at
        world.claims = [("eth0", VIP4.ip, PEER_MAC)]
        getattr(runtime, how)()
        assert state(runtime) is State.BACKUP
        assert len(world.log.called("master_silent_but_alive")) == 1

    def test_who_does_not_probe_asks_nobody(self, world: World) -> None:
        runtime = master(world, replace(self.CONFIG, takeover_probe=TakeoverProbe.OFF))
        assert "probe on eth0" not in dict(world.done)
        assert world.taps == set()
        assert state(runtime) is State.MASTER
