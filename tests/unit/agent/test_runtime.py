"""The runtime, in a world without a kernel."""

from __future__ import annotations

import errno
from dataclasses import replace
from ipaddress import ip_address, ip_interface
from typing import Any

import pytest
from fake_world import (
    PASSWORD,
    PEER6,
    VIP4,
    VIP6,
    World,
    good_link,
    instance,
    master,
    packet,
    ring,
    state,
)

from vipd.agent.advice import advice
from vipd.agent.scrutiny import PEERS_REMEMBERED, Oddity
from vipd.core.config import InstanceConfig, Unicast
from vipd.core.model import IPAddress, State
from vipd.core.units import MILLISECOND, SECOND
from vipd.wire.vrrp import DropReason

DOWN_AT_100 = 3_609_375_000
"""3 s + (256 - 100) / 256 s, in nanoseconds."""


@pytest.fixture
def world() -> World:
    return World()


def sources(world: World) -> list[IPAddress]:
    """Where the open channels send from, IPv4 first."""
    return sorted((each.source for each in world.opened), key=lambda one: one.version)


def test_silence_makes_master_which_claims_then_speaks_then_announces(world: World) -> None:
    runtime = world.runtime()
    runtime.start([instance(addresses=(VIP4, VIP6))])
    assert state(runtime) is State.BACKUP
    assert world.take_done() == []
    assert world.alarm_at == DOWN_AT_100
    ring(world, runtime)
    both = ("192.0.2.100/24", "2001:db8::100/64")
    assert world.take_done() == [
        ("claim", both),
        ("advert IPv4", 100),
        ("advert IPv6", 100),
        ("announce", both),
    ]
    assert world.kernel == {("eth0", VIP4), ("eth0", VIP6)}


def test_a_transition_is_logged_once_with_its_cause_and_timings(world: World) -> None:
    master(world)
    entered = world.log.called("transition")[-1]
    assert (entered["instance"], entered["old"], entered["new"]) == ("web", "BACKUP", "MASTER")
    assert entered["cause"] == "nobody advertised for 3.609 s"
    assert {"claimed_ms", "announced_ms"} <= entered.keys()
    assert len(world.log.called("transition")) == 2


def test_an_advert_that_waits_goes_before_the_timer_that_is_due(world: World) -> None:
    config = instance()
    runtime = world.runtime()
    runtime.start([config])
    world.arrived.append(("eth0", packet(config, 150)))
    ring(world, runtime)
    assert state(runtime) is State.BACKUP
    assert world.alarm_at == 2 * DOWN_AT_100


def test_hearing_an_advert_does_not_set_the_alarm(world: World) -> None:
    config = instance()
    runtime = world.runtime()
    runtime.start([config])
    before = world.alarms_set
    for _ in range(10):
        world.now += SECOND // 10
        world.arrived.append(("eth0", packet(config, 150)))
        runtime.wake()
    assert world.alarms_set == before
    assert runtime.instances[0].counters.adverts_received == 10


def test_an_alarm_that_comes_early_is_set_again(world: World) -> None:
    runtime = world.runtime()
    runtime.start([instance()])
    world.now, world.alarm_at = DOWN_AT_100 - 1, None
    runtime.ring()
    assert state(runtime) is State.BACKUP
    assert world.alarm_at == DOWN_AT_100


def test_an_invalid_packet_is_counted_and_changes_nothing(world: World) -> None:
    config = instance()
    runtime = master(world, config)
    world.arrived.append(("eth0", packet(config, 255, ttl=64)))
    runtime.wake()
    assert state(runtime) is State.MASTER
    assert world.take_done() == []
    assert runtime.instances[0].counters.dropped == {DropReason.TTL: 1}
    assert world.log.called("dropped an advert") == [
        {
            "instance": "web",
            "source": "192.0.2.12",
            "reason": "ttl",
            "advice": "it came with TTL 64, so its sender is not on this link",
        }
    ]


def test_rejected_packets_do_not_silence_a_master(world: World) -> None:
    """keepalived restarts its advert timer for every packet of the VRID, rejected ones too."""
    config = instance()
    runtime = master(world, config)
    bad = packet(config, 100)
    bad = replace(bad, payload=bad.payload[:-1] + bytes([bad.payload[-1] ^ 1]))
    start = world.now
    while world.now < start + 10 * SECOND:
        world.now += 400 * MILLISECOND
        world.arrived.append(("eth0", bad))
        runtime.wake()
    sent = [what for what, _ in world.take_done() if what == "advert IPv4"]
    assert len(sent) == 10
    assert runtime.instances[0].counters.dropped == {DropReason.CHECKSUM: 25}


def test_our_own_packet_come_back_is_not_a_rival(world: World) -> None:
    config = instance()
    runtime = master(world, config)
    own = good_link().ipv4
    assert own is not None
    world.arrived.append(("eth0", packet(config, 100, source=own)))
    world.arrived.append(("eth0", packet(config, 0, source=own)))
    runtime.wake()
    assert state(runtime) is State.MASTER
    assert world.take_done() == []
    assert runtime.instances[0].counters.dropped == {DropReason.OWN: 2}
    assert "cloned" in str(world.log.called("dropped an advert")[0]["advice"])


@pytest.mark.parametrize("interface", ["eth0", "eth9"])
def test_packets_for_nobody_here_are_nobodys_business(world: World, interface: str) -> None:
    runtime = master(world)
    world.arrived.append((interface, packet(instance(vrid=52), 200)))
    world.arrived.append((interface, packet(instance(addresses=(VIP6,)), 200, source=PEER6)))
    world.arrived.append((interface, replace(packet(instance(), 200), payload=b"\x31")))
    runtime.wake()
    assert state(runtime) is State.MASTER
    assert runtime.instances[0].counters.dropped == {}


def test_a_refused_claim_is_a_fault_with_the_kernels_reason_and_is_tried_again(
    world: World,
) -> None:
    runtime = world.runtime()
    runtime.start([instance()])
    world.refusal = "the kernel refused 192.0.2.100/24 on eth0: Permission denied"
    ring(world, runtime)
    assert state(runtime) is State.FAULT
    assert world.take_done() == [
        ("claim", ("192.0.2.100/24",)),
        ("release", ("192.0.2.100/24",)),
    ]
    assert world.log.called("transition")[-1]["cause"] == world.refusal
    world.refusal = None
    ring(world, runtime)
    assert state(runtime) is State.BACKUP
    ring(world, runtime)
    assert state(runtime) is State.MASTER


def test_a_cable_that_is_pulled_is_a_fault_and_plugged_in_again_none(world: World) -> None:
    runtime = master(world)
    world.link_facts["eth0"] = replace(good_link(), carrier=False)
    world.changed = {"eth0"}
    runtime.wake()
    assert state(runtime) is State.FAULT
    assert world.take_done() == [("advert IPv4", 0), ("release", ("192.0.2.100/24",))]
    world.link_facts["eth0"] = good_link()
    world.changed = {"eth0"}
    runtime.wake()
    assert state(runtime) is State.BACKUP


def test_an_interface_that_is_not_there_is_waited_for(world: World) -> None:
    world.link_facts.clear()
    runtime = world.runtime()
    runtime.start([instance()])
    assert state(runtime) is State.FAULT
    assert world.log.called("transition")[0]["cause"] == "eth0 does not exist"
    assert world.opened == set()
    world.link_facts["eth0"] = good_link()
    world.changed = {"eth0"}
    runtime.wake()
    assert state(runtime) is State.BACKUP
    assert sources(world) == [good_link().ipv4]


def test_a_socket_that_cannot_be_opened_is_a_fault_that_says_so(world: World) -> None:
    world.attach_error = OSError(errno.ENOBUFS, "No buffer space available")
    runtime = world.runtime()
    runtime.start([instance()])
    assert state(runtime) is State.FAULT
    cause = str(runtime.instances[0].machine.status(0).cause)
    assert cause == "cannot hear adverts on eth0: [Errno 105] No buffer space available"


def test_adverts_that_do_not_leave_the_host_are_said_once_a_minute(world: World) -> None:
    runtime = master(world)
    sent = runtime.instances[0].counters.adverts_sent
    world.send_error = PermissionError(errno.EPERM, "Operation not permitted")
    start = world.now
    while world.now < start + 61 * SECOND:
        ring(world, runtime)
    assert runtime.instances[0].counters.adverts_sent == sent
    first, second = world.log.called("cannot send adverts over IPv4")
    assert first["error"] == "[Errno 1] Operation not permitted"
    assert second["suppressed"] == 59


def test_halting_resigns_releases_and_leaves_the_groups(world: World) -> None:
    runtime = master(world)
    runtime.halt()
    assert world.take_done() == [("advert IPv4", 0), ("release", ("192.0.2.100/24",))]
    assert world.opened == set()
    assert world.kernel == set()
    assert runtime.instances == ()


def test_leftovers_are_removed_and_named(world: World) -> None:
    world.leftovers = [("eth0", ip_interface("192.0.2.99/24")), ("eth1", VIP4)]
    world.runtime().start([instance()])
    assert world.log.called("removed a leftover address") == [
        {"interface": "eth0", "address": "192.0.2.99/24"}
    ]


class TestReload:
    def test_what_did_not_change_does_not_notice(self, world: World) -> None:
        other = instance("other", vrid=52, addresses=(ip_interface("192.0.2.101/24"),))
        runtime = master(world, instance())
        world.log.lines.clear()
        alarm, web = world.alarm_at, runtime.instances[0]
        runtime.apply([instance(), other])
        assert runtime.instances[0] is web
        assert world.alarm_at == alarm
        assert world.take_done() == []
        assert [line["instance"] for line in world.log.called("transition")] == ["other"]

    def test_an_instance_that_is_gone_resigns_and_the_others_stay(self, world: World) -> None:
        other = instance("other", vrid=52, addresses=(ip_interface("192.0.2.101/24"),))
        runtime = master(world, instance(), other)
        runtime.apply([instance()])
        assert world.take_done() == [("advert IPv4", 0)]
        assert [config.name for config in runtime.configs] == ["web"]
        while len(runtime.instances) > 1:
            ring(world, runtime)
        assert ("release", ("192.0.2.101/24",)) in world.take_done()
        assert {held for _, held in world.kernel} == {VIP4}
        assert sources(world) == [good_link().ipv4]

    def test_a_new_priority_is_in_the_next_advert(self, world: World) -> None:
        runtime = master(world, instance())
        runtime.apply([instance(priority=120)])
        assert state(runtime) is State.MASTER
        while not (done := [each for each in world.take_done() if "advert" in each[0]]):
            ring(world, runtime)
        assert done == [("advert IPv4", 120)]

    def test_another_address_is_claimed_and_the_old_one_released(self, world: World) -> None:
        new = ip_interface("192.0.2.101/24")
        runtime = master(world, instance())
        runtime.apply([instance(addresses=(new,))])
        assert state(runtime) is State.MASTER
        assert world.take_done() == [
            ("release", ("192.0.2.100/24",)),
            ("claim", ("192.0.2.101/24",)),
            ("advert IPv4", 100),
            ("announce", ("192.0.2.101/24",)),
        ]

    def test_a_second_family_is_listened_to_from_then_on(self, world: World) -> None:
        runtime = master(world, instance())
        runtime.apply([instance(addresses=(VIP4, VIP6))])
        assert state(runtime) is State.MASTER
        assert sources(world) == [good_link().ipv4, good_link().ipv6]
        assert ("advert IPv6", 100) in world.take_done()
        runtime.apply([instance()])
        assert sources(world) == [good_link().ipv4]

    def test_another_vrid_is_another_router(self, world: World) -> None:
        runtime = master(world, instance())
        runtime.apply([instance(vrid=77)])
        assert world.take_done() == [("advert IPv4", 0), ("release", ("192.0.2.100/24",))]
        assert state(runtime) is State.BACKUP


def test_a_clone_with_our_address_but_a_higher_priority_is_a_rival(world: World) -> None:
    config = instance()
    runtime = master(world, config)
    own = good_link().ipv4
    assert own is not None
    world.arrived.append(("eth0", packet(config, 150, source=own)))
    runtime.wake()
    assert state(runtime) is State.BACKUP


def test_an_interface_replaced_between_two_looks_is_claimed_anew(world: World) -> None:
    runtime = master(world)
    world.index = 2
    world.changed = {"eth0"}
    runtime.wake()
    assert state(runtime) is State.BACKUP
    assert ("release", ("192.0.2.100/24",)) in world.take_done()
    assert [line["new"] for line in world.log.called("transition")][-2:] == ["FAULT", "BACKUP"]


def test_a_fault_for_another_reason_is_no_transition(world: World) -> None:
    runtime = master(world)
    transitions = runtime.instances[0].counters.transitions
    for worse in (replace(good_link(), carrier=False), replace(good_link(), up=False)):
        world.link_facts["eth0"] = worse
        world.changed = {"eth0"}
        runtime.wake()
    assert runtime.instances[0].counters.transitions == transitions + 1


class TestStrangers:
    def test_a_foreign_vrid_is_counted_by_sender_and_said_once(self, world: World) -> None:
        runtime = master(world)
        for _ in range(3):
            world.arrived.append(("eth0", packet(instance(vrid=52), 200)))
            runtime.wake()
        assert [(one.vrid, str(one.source), count) for one, count in runtime.strangers] == [
            (52, "192.0.2.12", 3)
        ]
        said = world.log.called("somebody else's virtual router is on this link")
        assert said == [{"interface": "eth0", "vrid": 52, "source": "192.0.2.12"}]

    def test_a_flood_of_senders_is_bounded(self, world: World) -> None:
        runtime = master(world)
        for last in range(1, 255):
            for third in (0, 1):
                source = ip_address(f"198.51.{third}.{last}")
                world.arrived.append(("eth0", packet(instance(vrid=52), 200, source=source)))
        runtime.wake()
        assert len(list(runtime.strangers)) == 256


class TestScrutiny:
    def test_another_list_of_addresses_is_said_once_and_decides_nothing(self, world: World) -> None:
        config = instance()
        runtime = world.runtime()
        runtime.start([config])
        other = [ip_address("192.0.2.100"), ip_address("192.0.2.101")]
        for _ in range(3):
            world.now += SECOND
            world.arrived.append(("eth0", packet(config, 150, addresses=other)))
            runtime.wake()
        text = "peer 192.0.2.12 also advertises 192.0.2.101"
        assert world.log.called(text) == [{"instance": "web"}]
        assert state(runtime) is State.BACKUP
        assert runtime.instances[0].machine.next_deadline() == world.now + DOWN_AT_100
        assert runtime.instances[0].scrutiny.seen[Oddity.ADDRESSES] == 3

    def test_a_flood_of_senders_is_said_in_part_only(self, world: World) -> None:
        config = instance()
        runtime = world.runtime()
        runtime.start([config])
        senders = [ip_address(f"192.0.2.{last}") for last in range(100, 100 + PEERS_REMEMBERED + 9)]
        other = [ip_address("192.0.2.77")]
        for sender in senders * 2:
            world.arrived.append(("eth0", packet(config, 100, sender, addresses=other)))
        runtime.wake()
        said = [line for line, _ in world.log.lines if "also advertises" in line]
        assert len(said) == PEERS_REMEMBERED

    def test_what_is_missing_is_said_and_what_comes_back_is_said_again(self, world: World) -> None:
        config = instance(addresses=(VIP4, ip_interface("192.0.2.101/24")))
        runtime = world.runtime()
        runtime.start([config])
        few, text = [VIP4.ip], "peer 192.0.2.12 does not advertise 192.0.2.101"
        for addresses in (few, None, few):
            world.arrived.append(("eth0", packet(config, 150, addresses=addresses)))
            runtime.wake()
        assert len(world.log.called(text)) == 2

    def test_another_interval_is_said_once_and_followed(self, world: World) -> None:
        config = instance()
        runtime = world.runtime()
        runtime.start([config])
        for _ in range(2):
            world.arrived.append(("eth0", packet(config, 150, interval_cs=200)))
            runtime.wake()
        text = "peer 192.0.2.12 advertises every 2 s, we are set to 1 s"
        assert len(world.log.called(text)) == 1
        assert runtime.instances[0].machine.master_down_interval == 2 * DOWN_AT_100


class TestVersion2:
    def test_another_interval_is_refused_with_both_numbers(self, world: World) -> None:
        config = instance(version=2)
        runtime = world.runtime()
        runtime.start([config])
        world.arrived.append(("eth0", packet(config, 150, interval_cs=200)))
        runtime.wake()
        assert runtime.instances[0].counters.dropped == {DropReason.INTERVAL_MISMATCH: 1}
        (line,) = world.log.called("dropped an advert")
        assert line["advice"] == (
            "the peer advertises every 2 s, we are set to 1 s: VRRPv2 requires the same interval"
        )

    def test_a_password_is_sent_required_and_never_said(self, world: World) -> None:
        config = instance(version=2, password=PASSWORD)
        runtime = master(world, config)
        warning = "the password of VRRPv2 protects nothing: everybody on the link can read it"
        assert world.log.called(warning) == [{"instance": "web"}]
        for wrong in (None, b"other"):
            sent = packet(replace(config, password=wrong), 200)
            world.arrived.append(("eth0", sent))
        runtime.wake()
        assert state(runtime) is State.MASTER
        assert runtime.instances[0].counters.dropped == {
            DropReason.AUTH_TYPE: 1,
            DropReason.PASSWORD: 1,
        }
        assert PASSWORD.decode() not in str(world.log.lines)
        assert PASSWORD.decode() not in repr(config)
        assert PASSWORD.decode() not in repr(runtime.instances[0].rules)
        world.arrived.append(("eth0", packet(config, 200)))
        runtime.wake()
        assert state(runtime) is State.BACKUP

    def test_the_other_version_is_named(self, world: World) -> None:
        config = instance(version=2)
        runtime = world.runtime()
        runtime.start([config])
        world.arrived.append(("eth0", packet(instance(), 150)))
        runtime.wake()
        (line,) = world.log.called("dropped an advert")
        assert line["advice"] == "it is VRRPv3, we are set to version = 2"


class TestUnicast:
    PEERS = (ip_address("192.0.2.12"), ip_address("198.51.100.12"))
    OWN = ip_address("192.0.2.11")

    def config(self, **changes: Any) -> InstanceConfig:  # noqa: ANN401
        return instance(unicast=Unicast(peers=self.PEERS, **changes))

    def routed(self, world: World) -> None:
        world.routes = {self.PEERS[0]: self.OWN}
        world.own = {self.OWN}

    def test_every_peer_gets_an_advert_of_its_own(self, world: World) -> None:
        self.routed(world)
        runtime = world.runtime()
        runtime.start([self.config(ttl=7)])
        ring(world, runtime)
        assert world.take_done()[1:3] == [
            ("advert IPv4 to 192.0.2.12", 100),
            ("advert IPv4 to 198.51.100.12", 100),
        ]
        (channel,) = world.opened
        assert (channel.unicast, channel.ttl, channel.source) == (True, 7, self.OWN)
        assert world.follows_routes

    def test_only_peers_are_heard(self, world: World) -> None:
        self.routed(world)
        config = self.config()
        runtime = master(world, config)
        stranger = packet(config, 200, source=ip_address("192.0.2.13"), destination=self.OWN)
        multicast = packet(config, 200)
        world.arrived += [("eth0", stranger), ("eth0", multicast)]
        runtime.wake()
        assert state(runtime) is State.MASTER
        assert runtime.instances[0].counters.dropped == {DropReason.PEER: 1}
        world.arrived.append(("eth0", packet(config, 200, destination=self.OWN)))
        runtime.wake()
        assert state(runtime) is State.BACKUP

    def test_an_advert_for_an_instance_of_another_interface_is_no_stranger(
        self, world: World
    ) -> None:
        """Two sockets that are bound to one source hear the same packets."""
        self.routed(world)
        world.link_facts["eth1"] = good_link("eth1")
        web, inner = self.config(), replace(self.config(), name="inner", interface="eth1", vrid=52)
        runtime = world.runtime()
        runtime.start([web, inner])
        advert = packet(inner, 200, destination=self.OWN)
        world.arrived += [("eth0", advert), ("eth1", advert)]
        runtime.wake()
        assert [each.counters.adverts_received for each in runtime.instances] == [0, 1]
        assert list(runtime.strangers) == []
        foreign = packet(replace(inner, vrid=53), 200, destination=self.OWN)
        world.arrived.append(("eth0", foreign))
        runtime.wake()
        assert [one.vrid for one, _ in runtime.strangers] == [53]

    def test_a_multicast_instance_does_not_hear_unicast(self, world: World) -> None:
        runtime = master(world)
        world.arrived.append(("eth0", packet(instance(), 200, destination=self.OWN)))
        runtime.wake()
        assert state(runtime) is State.MASTER

    @pytest.mark.parametrize(("min_ttl", "heard"), [(255, False), (254, True)])
    def test_how_far_a_peer_may_be(self, world: World, min_ttl: int, heard: bool) -> None:
        self.routed(world)
        config = self.config(min_ttl=min_ttl)
        runtime = master(world, config)
        world.arrived.append(("eth0", packet(config, 200, ttl=254, destination=self.OWN)))
        runtime.wake()
        assert (state(runtime) is State.BACKUP) == heard
        if not heard:
            (line,) = world.log.called("dropped an advert")
            assert "set min_ttl = 254" in str(line["advice"])

    def test_without_a_route_it_waits_in_fault_and_joins_when_there_is_one(
        self, world: World
    ) -> None:
        runtime = world.runtime()
        runtime.start([self.config()])
        assert state(runtime) is State.FAULT
        cause = str(runtime.instances[0].machine.status(0).cause)
        assert cause == "there is no route to the peer 192.0.2.12"
        self.routed(world)
        world.changed = {"eth5"}
        runtime.wake()
        assert state(runtime) is State.BACKUP

    def test_a_peer_behind_a_router_must_be_allowed_for(self, world: World) -> None:
        self.routed(world)
        world.gateways = {self.PEERS[1]: ip_address("192.0.2.1")}
        runtime = world.runtime()
        runtime.start([self.config()])
        cause = str(runtime.instances[0].machine.status(0).cause)
        assert cause == (
            "the peer 198.51.100.12 is behind the router 192.0.2.1: set min_ttl (254 for one hop)"
        )
        runtime.apply([self.config(min_ttl=254)])
        assert state(runtime) is State.BACKUP

    def test_a_configured_source_that_is_not_here_is_named(self, world: World) -> None:
        source = ip_address("192.0.2.77")
        runtime = world.runtime()
        runtime.start([self.config(sources=(source,))])
        cause = str(runtime.instances[0].machine.status(0).cause)
        assert cause == "192.0.2.77, the source of the adverts, is not on this host"
        world.own = {source}
        world.changed = {"eth0"}
        runtime.wake()
        assert state(runtime) is State.BACKUP
        assert sources(world) == [source]

    def test_link_local_peers_are_reached_from_the_link_local_address(self, world: World) -> None:
        runtime = world.runtime()
        config = instance(addresses=(VIP6,), unicast=Unicast(peers=(PEER6,)))
        runtime.start([config])
        ring(world, runtime)
        assert sources(world) == [good_link().ipv6]
        assert ("advert IPv6 to fe80::12", 100) in world.take_done()


def advised() -> list[tuple[DropReason, InstanceConfig]]:
    both = (instance(), instance(version=2, password=PASSWORD))
    return [(reason, config) for reason in DropReason for config in both]


@pytest.mark.parametrize(("reason", "config"), advised())
def test_there_is_advice_for_every_reason(reason: DropReason, config: InstanceConfig) -> None:
    text = advice(reason, packet(config, 100), config)
    assert 20 < len(text) < 160
    assert PASSWORD.decode() not in text
