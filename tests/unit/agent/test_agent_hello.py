"""Hellos: when they are said, to whom, and what is made of those that are heard."""

from __future__ import annotations

import errno
import time
from dataclasses import replace
from ipaddress import IPv4Address, ip_address, ip_interface
from typing import Any

import pytest
from fake_world import PEER, VIP4, VIP6, good_link, instance
from hello_bench import Host, Link, pair, talk

from vipd import __version__
from vipd.agent.instance import Instance
from vipd.control.report import PeerReport
from vipd.core.config import InstanceConfig, Unicast
from vipd.core.events import AdvertReceived, LinkChanged, Stopped
from vipd.core.model import Advert, Channel, ChecksumForm, Family, State
from vipd.core.units import MILLISECOND, SECOND
from vipd.wire.hello import Hello, HelloFault, decode
from vipd.wire.vrrp import GROUP, Datagram

BOTH = instance(addresses=(VIP4, VIP6))
ALL = 255
CPU_LIMIT_NS = 3 * MILLISECOND
"""What a second of hellos of 255 instances may cost."""


def hellos(host: Host) -> list[Hello]:
    """What a host has sent since the last look."""
    said = [decode(payload) for _, _, payload in host.port.take_sent()]
    assert all(isinstance(one, Hello) for one in said)
    return [one for one in said if isinstance(one, Hello)]


def many(priority: int) -> list[InstanceConfig]:
    return [
        instance(
            f"i{vrid}",
            vrid=vrid,
            priority=priority,
            addresses=(ip_interface(f"192.0.2.{vrid}/24"),),
        )
        for vrid in range(1, ALL + 1)
    ]


class TestSpeaking:
    def test_all_is_said_once_a_second_and_the_caller_is_told_when(self) -> None:
        host = Host(Link(), 11, BOTH)
        assert host.speak() == SECOND
        assert len(hellos(host)) == 2
        host.link.now += 800 * MILLISECOND
        assert host.speak() == 200 * MILLISECOND
        assert hellos(host) == []
        host.link.now += 190 * MILLISECOND
        assert host.speak() == SECOND
        assert len(hellos(host)) == 2

    def test_what_changes_is_said_at_once_but_ten_times_a_second_at_most(self) -> None:
        host = Host(Link(), 11)
        host.speak()
        hellos(host)
        host.link.now += 300 * MILLISECOND
        host.fail()
        assert host.speak() == SECOND
        (said,) = hellos(host)
        assert (said.routers[0].state, said.routers[0].ready) == (State.FAULT, False)
        assert said.routers[0].why == "eth0 has no carrier"
        host.link.now += 10 * MILLISECOND
        host.connect(host.web)
        assert host.speak() == 90 * MILLISECOND
        assert hellos(host) == []
        host.link.now += 90 * MILLISECOND
        host.speak()
        assert hellos(host)[0].routers[0].ready

    def test_it_goes_where_the_adverts_go(self) -> None:
        unicast = Unicast(peers=(PEER, ip_address("192.0.2.13")), ttl=64)
        host = Host(Link(), 11, BOTH, instance("far", vrid=52, unicast=unicast))
        host.speak()
        sent = host.port.take_sent()
        link = good_link()
        four, six = link.ipv4, link.ipv6
        assert four is not None
        assert six is not None
        far = Channel(interface="eth0", source=host.address, ttl=64, unicast=True)
        assert [(channel, to) for channel, to, _ in sent] == [
            (Channel(interface="eth0", source=host.address), GROUP[Family.IPV4]),
            (Channel(interface="eth0", source=ip_address("fe80::11")), GROUP[Family.IPV6]),
            (far, PEER),
            (far, ip_address("192.0.2.13")),
        ]
        assert host.port.opened == {channel for channel, _, _ in sent}

    def test_everything_that_others_compare_is_said(self) -> None:
        config = instance(priority=150, advert_interval=2 * SECOND, preempt=False)
        host = Host(Link(), 11, config)
        host.speak()
        (said,) = hellos(host)
        (router,) = said.routers
        assert (router.vrid, router.families, router.version) == (51, (Family.IPV4,), 3)
        assert (router.priority, router.effective_priority) == (150, 150)
        assert (router.interval_cs, router.preempts) == (200, False)
        assert len(said.speaker.life) == 8
        assert said.speaker.version == __version__

    def test_the_order_of_the_addresses_makes_no_difference_and_another_one_does(self) -> None:
        other = ip_interface("192.0.2.101/24")
        told = []
        for addresses in ((VIP4, other), (other, VIP4), (VIP4,)):
            host = Host(Link(), 11, instance(addresses=addresses))
            host.speak()
            told.append(hellos(host)[0].routers[0].addresses)
        assert told[0] == told[1] != told[2]

    def test_in_maintenance_nobody_is_ready_whatever_he_is(self) -> None:
        host = Host(Link(), 11)
        host.maintenance = True
        host.speak()
        (said,) = hellos(host)
        assert said.speaker.maintenance
        assert (said.routers[0].ready, said.routers[0].why) == (False, "in maintenance")

    def test_a_master_that_leaves_is_not_ready(self) -> None:
        host = Host(Link(), 11)
        host.serve()
        host.speak()
        assert hellos(host)[0].routers[0].ready
        host.web.machine.step(Stopped(), host.link.now)
        host.link.now += SECOND
        host.speak()
        (router,) = hellos(host)[0].routers
        assert (router.state, router.ready, router.why) == (State.MASTER, False, "hands over")

    def test_what_is_no_more_is_said_once_and_its_channel_is_closed(self) -> None:
        host = Host(Link(), 11, instance(), instance("other", vrid=52, interface="eth1"))
        host.speak()
        hellos(host)
        host.link.now += SECOND
        del host.instances[1]
        host.speak()
        farewell, rest = hellos(host)
        assert [(one.vrid, one.state, one.why) for one in farewell.routers] == [
            (52, State.INIT, "stopped")
        ]
        assert [one.vrid for one in rest.routers] == [51]
        assert {channel.interface for channel in host.port.opened} == {"eth0"}

    def test_who_leaves_says_so_of_all(self) -> None:
        host = Host(Link(), 11, BOTH)
        host.speak()
        hellos(host)
        host.hellos.leave()
        assert [one.routers[0].state for one in hellos(host)] == [State.INIT] * 2
        assert host.port.opened == set()

    def test_what_has_not_begun_is_stopped(self) -> None:
        host = Host(Link(), 11)
        host.instances = [Instance(instance())]
        host.web.learn(good_link(), 1)
        host.speak()
        (router,) = hellos(host)[0].routers
        assert (router.state, router.ready, router.why) == (State.INIT, False, "stopped")

    def test_without_an_address_nothing_is_said_and_nothing_breaks(self) -> None:
        host = Host(Link(), 11)
        host.web.learn(replace(good_link(), ipv4=None), 1)
        assert host.speak() == SECOND
        assert host.port.sent == []

    def test_what_cannot_be_sent_is_logged_unless_the_link_is_down(self) -> None:
        host = Host(Link(), 11)
        host.port.refusal = PermissionError(errno.EPERM, "Operation not permitted")
        host.speak()
        (line,) = host.log.called("cannot tell the other hosts what this one is")
        assert line == {"interface": "eth0", "error": "[Errno 1] Operation not permitted"}
        other = Host(Link(), 12)
        other.web.learn(replace(good_link(), carrier=False), 1)
        other.port.refusal = OSError(errno.ENETDOWN, "Network is down")
        other.speak()
        assert other.log.lines == []

    def test_255_instances_go_into_five_datagrams_that_cost_little(self) -> None:
        host = Host(Link(), 11, *many(100))
        host.speak()
        said = hellos(host)
        assert [router.vrid for one in said for router in one.routers] == [*range(1, ALL + 1)]
        assert len(said) == 5
        costs = []
        for _ in range(20):
            host.link.now += SECOND
            began = time.thread_time_ns()
            host.speak()
            costs.append(time.thread_time_ns() - began)
            assert len(host.port.take_sent()) == 5
        assert min(costs) < CPU_LIMIT_NS


class TestHearing:
    def test_two_hosts_know_each_other(self) -> None:
        first, second = pair(instance(priority=150), instance(priority=100))
        first.serve()
        talk(first, second)
        (seen,) = second.hellos.fellows_of(second.web)
        node = seen.node
        assert node
        assert seen == PeerReport(
            address="192.0.2.11", node=node, state=State.MASTER, priority=150, ready=True, age_s=0.0
        )
        (back,) = first.hellos.fellows_of(first.web)
        assert (back.address, back.state, back.ready) == ("192.0.2.12", State.BACKUP, True)
        assert first.hellos.ready_fellows(first.web) == 1
        assert second.take_told() == [
            f"web peer_ready: {node} (192.0.2.11) is ready: MASTER, priority 150"
        ]
        talk(first, second, duration=10 * SECOND)
        assert second.take_told() == []
        assert second.hellos.dropped == {}

    def test_two_families_are_one_fellow(self) -> None:
        first, second = pair(replace(BOTH, priority=150), BOTH)
        talk(first, second)
        (seen,) = second.hellos.fellows_of(second.web)
        assert (seen.address, seen.ready) == ("192.0.2.11", True)
        assert len(second.take_told()) == 1
        first.link.mute = {4}
        talk(first, second, duration=5 * SECOND)
        (seen,) = second.hellos.fellows_of(second.web)
        assert (seen.address, seen.ready) == ("fe80::11", True)
        assert second.take_told() == []

    def test_ipv6_alone(self) -> None:
        first, second = pair(instance(addresses=(VIP6,), priority=150), instance(addresses=(VIP6,)))
        talk(first, second)
        (seen,) = second.hellos.fellows_of(second.web)
        assert (seen.address, seen.ready, seen.differs) == ("fe80::11", True, ())

    def test_an_instance_for_each_family_is_one_fellow_that_must_be_ready_with_both(self) -> None:
        link = Link()
        parted = Host(
            link,
            11,
            instance("four", priority=150),
            instance("six", addresses=(VIP6,), priority=150),
        )
        other = Host(link, 12, BOTH)
        talk(parted, other)
        assert other.hellos.ready_fellows(other.web) == 1
        parted.fail(parted.instances[1])
        talk(parted, other, duration=SECOND)
        (seen,) = other.hellos.fellows_of(other.web)
        assert (seen.ready, seen.why) == (False, "eth0 has no carrier")
        assert seen.differs == ("addresses: others there",)

    def test_unicast_peers_know_each_other_and_nobody_else_is_heard(self) -> None:
        def speaks_to(number: int) -> InstanceConfig:
            peer = ip_address(f"192.0.2.{number}")
            return instance(priority=number, unicast=Unicast(peers=(peer,)))

        link = Link()
        first, second = Host(link, 11, speaks_to(12)), Host(link, 12, speaks_to(11))
        stranger = Host(link, 13, speaks_to(12))
        talk(first, second, stranger)
        assert [one.address for one in second.hellos.fellows_of(second.web)] == ["192.0.2.11"]
        assert first.hellos.ready_fellows(first.web) == 1

    def test_a_hello_that_a_router_has_touched_counts_for_those_who_allow_it(self) -> None:
        def speaks_to(number: int, min_ttl: int | None) -> InstanceConfig:
            peer = ip_address(f"192.0.2.{number}")
            return instance(priority=number, unicast=Unicast(peers=(peer,), min_ttl=min_ttl))

        link = Link(ttl=254)
        strict, lenient = Host(link, 11, speaks_to(12, None)), Host(link, 12, speaks_to(11, 254))
        talk(strict, lenient)
        assert lenient.hellos.ready_fellows(lenient.web) == 1
        assert strict.hellos.ready_fellows(strict.web) == 0
        assert set(strict.hellos.dropped) == {HelloFault.TTL}
        first, second = pair(instance(priority=150), instance())
        first.link.ttl = 254
        talk(first, second)
        assert second.hellos.fellows_of(second.web) == ()
        assert second.hellos.dropped == {HelloFault.TTL: 1}

    def test_of_255_instances_each_is_known(self) -> None:
        link = Link()
        first, second = Host(link, 11, *many(150)), Host(link, 12, *many(100))
        talk(first, second, duration=2 * SECOND)
        assert sum(map(second.hellos.ready_fellows, second.instances)) == ALL
        assert len(second.take_told()) == ALL
        costs = []
        for _ in range(20):
            link.now += SECOND
            first.speak()
            began = time.thread_time_ns()
            second.hear()
            costs.append(time.thread_time_ns() - began)
        assert min(costs) < CPU_LIMIT_NS

    def test_what_is_not_for_us_is_not_kept(self) -> None:
        link = Link()
        here = Host(link, 11)
        others = Host(link, 12, instance(vrid=52)), Host(link, 13, instance(interface="eth1"))
        talk(here, *others)
        assert here.hellos.fellows_of(here.web) == ()
        assert here.hellos.dropped == {}

    def test_an_instance_that_is_new_here_hears_what_is_said_already(self) -> None:
        link = Link()
        configs = (instance(priority=150), instance("other", vrid=52, priority=150))
        first, second = (
            Host(link, 11, *configs),
            Host(link, 12, instance(), instance("other", vrid=52)),
        )
        added = second.instances.pop()
        talk(first, second)
        second.instances.append(added)
        talk(first, second, duration=SECOND)
        assert second.hellos.ready_fellows(added) == 1


class TestGarbage:
    def receive(self, host: Host, payload: bytes, source: str = "192.0.2.66") -> None:
        channel = next(iter(host.port.opened))
        received = Datagram(
            payload=payload,
            source=ip_address(source),
            destination=GROUP[Family.IPV4],
            ttl=255,
        )
        host.port.arrived.append((channel, received))
        host.hear()

    def said_by(self, *configs: InstanceConfig) -> bytes:
        stranger = Host(Link(), 66, *configs)
        stranger.speak()
        return stranger.port.take_sent()[0][2]

    def test_it_is_counted_by_its_reason(self) -> None:
        host = Host(Link(), 11)
        host.speak()
        self.receive(host, b"garbage")
        self.receive(host, b"vipd\2 from the future")
        self.receive(host, b"vipd\2 from the same")
        self.receive(host, b"vipd\1\0")
        own = host.port.sent[0][2]
        self.receive(host, own)
        assert host.hellos.dropped == {
            HelloFault.FOREIGN: 1,
            HelloFault.VERSION: 2,
            HelloFault.MALFORMED: 1,
            HelloFault.OWN: 1,
        }
        ((event, fields),) = host.log.lines
        assert event == "cannot read the hellos of another host: is its vipd much newer?"
        assert fields == {"interface": "eth0"}
        assert host.hellos.fellows_of(host.web) == ()

    def test_of_a_flood_of_senders_so_many_are_kept(self) -> None:
        host = Host(Link(), 11, instance(), instance("other", vrid=52), instance("third", vrid=53))
        host.speak()
        for number in range(100):
            for config in (instance(), instance("other", vrid=52), instance("third", vrid=53)):
                self.receive(host, self.said_by(config), f"192.0.2.{number}")
        fellows = [len(host.hellos.fellows_of(one)) for one in host.instances]
        assert fellows == [16, 16, 16]
        assert host.hellos.dropped[HelloFault.FULL] == 3 * (100 - 32)

    def test_of_a_flood_on_an_interface_so_many_are_kept_and_later_forgotten(self) -> None:
        configs = [instance(f"i{vrid}", vrid=vrid) for vrid in range(1, 6)]
        host = Host(Link(), 11, *configs)
        host.speak()
        for number in range(100):
            self.receive(host, self.said_by(configs[number % 5]), f"192.0.2.{number}")
        assert host.hellos.dropped == {HelloFault.FULL: 36}
        host.link.now += 64 * SECOND
        host.speak()
        assert host.hellos.fellows_of(host.web) == ()
        self.receive(host, self.said_by(configs[0]), "192.0.2.200")
        assert host.hellos.ready_fellows(host.web) == 1

    def test_one_that_was_there_for_long_is_missed_for_long(self) -> None:
        link = Link()
        first, second = Host(link, 11, instance()), Host(link, 12, instance())
        for _ in range(63):
            for host in (first, second):
                host.speak()
                host.hear()
            link.now += SECOND
        assert first.hellos.ready_fellows(first.web) == 1
        link.now += 23 * 3600 * SECOND
        first.speak()
        (missed,) = first.hellos.fellows_of(first.web)
        assert missed.ready is False
        assert str(missed.why).startswith("silent for 23 h")
        link.now += 2 * 3600 * SECOND
        first.speak()
        assert first.hellos.fellows_of(first.web) == ()

    def test_much_news_is_taken_in_by_and_by(self) -> None:
        link = Link()
        first, second = Host(link, 11, *many(150)), Host(link, 12, *many(100))
        for host in (first, second):
            host.speak()
        second.port.arrived.clear()
        link.now += SECOND
        first.speak()
        heard = []
        while second.port.arrived:
            second.hear()
            heard.append(sum(map(second.hellos.ready_fellows, second.instances)))
        assert len(heard) >= 2
        assert sorted(heard) == heard
        assert heard[0] < ALL == heard[-1]


class TestTime:
    def test_who_is_silent_is_not_ready_and_is_forgotten_after_a_minute(self) -> None:
        first, second = pair(instance(priority=150), instance())
        talk(first, second)
        second.take_told()
        talk(second, duration=3_500 * MILLISECOND)
        assert second.hellos.ready_fellows(second.web) == 1
        talk(second, duration=700 * MILLISECOND)
        (seen,) = second.hellos.fellows_of(second.web)
        assert (seen.ready, seen.why, seen.age_s) == (False, "silent for 4.2 s", 4.2)
        (told,) = second.take_told()
        assert told.startswith("web peer_not_ready: ")
        assert ") is not ready: silent for " in told
        talk(second, duration=58 * SECOND)
        assert len(second.hellos.fellows_of(second.web)) == 1
        talk(second, duration=3 * SECOND)
        assert second.hellos.fellows_of(second.web) == ()
        assert second.take_told() == []
        talk(first, second)
        assert second.hellos.ready_fellows(second.web) == 1
        assert [told.split(":")[0] for told in second.take_told()] == ["web peer_ready"]

    def test_who_speaks_again_is_ready_again(self) -> None:
        first, second = pair(instance(priority=150), instance())
        talk(first, second)
        talk(second, duration=10 * SECOND)
        talk(first, second)
        assert [told.split(":")[0] for told in second.take_told()] == [
            "web peer_ready",
            "web peer_not_ready",
            "web peer_ready",
        ]

    def test_who_stops_in_order_is_not_ready_at_once_for_that_reason(self) -> None:
        first, second = pair(instance(priority=150), instance())
        talk(first, second)
        second.take_told()
        first.hellos.leave()
        second.hear()
        (told,) = second.take_told()
        assert told.endswith("(192.0.2.11) is not ready: stopped")
        talk(second, duration=10 * SECOND)
        (seen,) = second.hellos.fellows_of(second.web)
        assert (seen.state, seen.why) == (State.INIT, "stopped")

    def test_a_fault_there_is_known_here_at_once_with_its_reason(self) -> None:
        first, second = pair(instance(priority=150), instance())
        talk(first, second)
        first.link.now += 200 * MILLISECOND
        first.fail()
        first.speak()
        second.hear()
        (seen,) = second.hellos.fellows_of(second.web)
        assert (seen.state, seen.ready, seen.why) == (State.FAULT, False, "eth0 has no carrier")
        assert second.take_told()[1:] == [
            f"web peer_not_ready: {seen.node} (192.0.2.11) is not ready: eth0 has no carrier"
        ]

    def test_a_restart_that_nobody_notices_is_no_news(self) -> None:
        first, second = pair(replace(BOTH, priority=150), BOTH)
        talk(first, second)
        second.take_told()
        first.restart()
        talk(first, second, duration=SECOND)
        (seen,) = second.hellos.fellows_of(second.web)
        assert seen.ready
        assert second.take_told() == []


class TestDrift:
    @pytest.mark.parametrize(
        ("theirs", "told"),
        [
            ({"advert_interval": 2 * SECOND}, "advert_interval: 2 s there, 1 s here"),
            ({"addresses": (VIP4, ip_interface("192.0.2.7/24"))}, "addresses: others there"),
            ({"version": 2}, "version: 2 there, 3 here"),
            ({"priority": 100}, "priority: 100 there and here"),
            ({"preempt": False}, "preempt: false there, true here"),
        ],
    )
    def test_what_is_set_up_in_another_way_is_told_once_and_when_it_is_mended(
        self, theirs: dict[str, Any], told: str
    ) -> None:
        good = instance(priority=150)
        first, second = pair(instance(**({"priority": 150} | theirs)), instance())
        talk(first, second, duration=3 * SECOND)
        (seen,) = second.hellos.fellows_of(second.web)
        assert seen.differs == (told,)
        assert seen.ready
        who = f"{seen.node} (192.0.2.11)"
        assert second.take_told()[1:] == [
            f"web peer_differs: {who} is set up in another way: {told}"
        ]
        first.configure(good)
        talk(first, second, duration=3 * SECOND)
        assert second.take_told() == [f"web peer_agrees: {who} is set up as this host is"]

    def test_a_reload_here_may_make_the_difference(self) -> None:
        first, second = pair(instance(priority=150), instance())
        talk(first, second)
        second.take_told()
        second.configure(instance(preempt=False, advert_interval=2 * SECOND))
        second.link.now += SECOND
        second.speak()
        (told,) = second.take_told()
        assert told.endswith(
            "advert_interval: 1 s there, 2 s here; preempt: true there, false here"
        )


class TestGroups:
    def test_a_node_is_ready_for_a_group_when_it_is_for_each_member(self) -> None:
        def members(priority: int) -> tuple[InstanceConfig, ...]:
            return (
                instance("web", priority=priority),
                instance("db", vrid=52, interface="eth1", priority=priority),
            )

        link = Link()
        first, second = Host(link, 11, *members(150)), Host(link, 12, *members(100))
        talk(first, second)
        nodes = second.hellos.ready_for(second.instances)
        assert len(nodes) == 1
        assert second.hellos.ready_for(second.instances[:1]) == nodes
        assert second.hellos.ready_for(()) == frozenset()
        first.fail(first.instances[1])
        talk(first, second, duration=SECOND)
        assert second.hellos.ready_for(second.instances) == frozenset()
        assert second.hellos.ready_for(second.instances[:1]) == nodes


class TestMute:
    """Who advertises and says no hellos."""

    def advertise(self, host: Host, priority: int = 150) -> None:
        advert = Advert(
            version=3,
            vrid=51,
            priority=priority,
            interval_cs=100,
            addresses=(VIP4.ip,),
            checksum=ChecksumForm.MESSAGE,
        )
        host.web.machine.step(AdvertReceived(advert=advert, source=PEER), host.link.now)

    def test_it_is_known_by_its_adverts_and_nobody_knows_whether_it_is_ready(self) -> None:
        host = Host(Link(), 11)
        host.speak()
        self.advertise(host)
        host.link.now += SECOND
        assert host.hellos.fellows_of(host.web) == (
            PeerReport(address=str(PEER), priority=150, age_s=1.0),
        )
        assert host.hellos.ready_fellows(host.web) == 0
        host.link.now += 70 * SECOND
        assert host.hellos.fellows_of(host.web) == ()

    def test_who_says_hellos_too_is_not_there_twice(self) -> None:
        first, second = pair(instance(), instance(priority=150))
        talk(first, second)
        self.advertise(first)
        assert [one.address for one in first.hellos.fellows_of(first.web)] == [str(PEER)]
        assert first.hellos.fellows_of(first.web)[0].ready

    def test_a_master_is_no_fellow_of_its_own(self) -> None:
        host = Host(Link(), 11)
        host.serve()
        host.speak()
        assert host.hellos.fellows_of(host.web) == ()

    def test_an_instance_that_nothing_was_said_of_yet_has_fellows_all_the_same(self) -> None:
        host = Host(Link(), 11)
        self.advertise(host)
        assert len(host.hellos.fellows_of(host.web)) == 1


def test_an_interface_that_comes_back_with_another_address_is_spoken_from_that() -> None:
    first, second = pair(instance(priority=150), instance())
    talk(first, second)
    link = replace(good_link(), ipv4=IPv4Address("192.0.2.21"))
    first.web.learn(link, 2)
    first.web.machine.step(LinkChanged(link), first.link.now)
    talk(first, second, duration=SECOND)
    (seen,) = second.hellos.fellows_of(second.web)
    assert (seen.address, seen.ready) == ("192.0.2.21", True)
