"""Firewalls of this host, as the agent and its status tell of them."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from dataclasses import replace

import pytest
from fake_world import (
    PEER,
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
from vipd.agent.runtime import Runtime
from vipd.core.config import TakeoverProbe
from vipd.core.model import State
from vipd.core.units import SECOND

CONFIG = instance(takeover_probe=TakeoverProbe.WARN)
OUT = "a firewall of this host drops the IPv4 adverts that we send: let IP protocol 112 out on eth0"
IN = (
    "adverts from 192.0.2.12 reach eth0, but a firewall of this host drops them: "
    "let IP protocol 112 in on eth0"
)


@pytest.fixture
def world() -> World:
    return World()


def warnings(world: World, runtime: Runtime) -> Sequence[str]:
    """What the status says."""
    return Reporter(runtime, world.ports(), world.clock).report().instances[0].warnings


def wondering(world: World) -> Runtime:
    """A BACKUP that hears nothing, shortly before it takes over."""
    runtime = world.runtime()
    runtime.start([CONFIG])
    assert world.taps == set()
    ring(world, runtime)
    assert state(runtime) is State.BACKUP
    return runtime


def tap(world: World, runtime: Runtime, priority: int = 150) -> None:
    """Let an advert of a peer reach the interface, and no socket."""
    world.tapped.append(("eth0", packet(CONFIG, priority)))
    runtime.overhear()


class TestIncoming:
    def test_the_tap_is_in_use_only_while_somebody_wonders(self, world: World) -> None:
        runtime = wondering(world)
        assert world.taps == {"eth0"}
        while world.taps:
            assert world.now < 10 * SECOND
            ring(world, runtime)
        assert state(runtime) is State.MASTER

    def test_an_advert_that_no_socket_gets_is_proof(self, world: World) -> None:
        runtime = wondering(world)
        assert warnings(world, runtime) == ()
        tap(world, runtime)
        tap(world, runtime)
        assert warnings(world, runtime) == (IN,)
        assert world.log.called(IN) == [{"instance": "web"}]

    def test_what_the_tap_hears_decides_nothing(self, world: World) -> None:
        runtime = wondering(world)
        for _ in range(3):
            tap(world, runtime)
        ring(world, runtime)
        assert state(runtime) is State.MASTER
        assert runtime.instances[0].counters.adverts_received == 0

    def test_as_long_as_the_tap_hears_something_it_stays(self, world: World) -> None:
        runtime = wondering(world)
        for _ in range(20):
            pass_time(world, runtime, SECOND)
            tap(world, runtime)
        assert world.taps == {"eth0"}
        assert warnings(world, runtime) == (IN,)

    def test_what_a_socket_gets_as_well_is_no_proof_however_often(self, world: World) -> None:
        runtime = wondering(world)
        for _ in range(3):
            world.arrived.append(("eth0", packet(CONFIG, 50)))
            tap(world, runtime, 50)
        assert warnings(world, runtime) == ()
        assert world.log.called(IN) == []

    def test_it_is_over_when_the_socket_hears_again(self, world: World) -> None:
        runtime = wondering(world)
        tap(world, runtime)
        tap(world, runtime)
        world.arrived.append(("eth0", packet(CONFIG, 50)))
        runtime.wake()
        assert warnings(world, runtime) == ()

    def test_it_is_over_when_the_tap_hears_nothing_any_more(self, world: World) -> None:
        runtime = wondering(world)
        tap(world, runtime)
        tap(world, runtime)
        pass_time(world, runtime, 3 * SECOND)
        assert warnings(world, runtime) == (IN,)
        pass_time(world, runtime, 2 * SECOND)
        assert warnings(world, runtime) == ()
        assert world.taps == set()

    def test_a_fault_that_no_timer_ends_ends_it_all_the_same(self, world: World) -> None:
        runtime = wondering(world)
        tap(world, runtime)
        tap(world, runtime)
        world.link_facts["eth0"] = replace(good_link(), carrier=False)
        world.changed = {"eth0"}
        runtime.wake()
        assert state(runtime) is State.FAULT
        world.now += 5 * SECOND
        assert warnings(world, runtime) == ()

    def test_the_tap_is_closed_with_the_last_instance(self, world: World) -> None:
        runtime = wondering(world)
        runtime.apply([])
        assert world.taps == set()

    def test_what_would_be_dropped_anyway_is_no_proof(self, world: World) -> None:
        runtime = wondering(world)
        foreign = packet(instance(vrid=52), 150)
        far = packet(CONFIG, 150, ttl=64)
        unicast = packet(CONFIG, 150, destination=good_link().ipv4)
        for datagram in (foreign, far, unicast) * 2:
            world.tapped.append(("eth0", datagram))
        world.tapped += [("eth9", packet(CONFIG, 150))] * 2
        runtime.overhear()
        assert warnings(world, runtime) == ()
        assert list(runtime.strangers) == []
        assert not runtime.instances[0].counters.dropped

    def test_a_tap_that_is_refused_is_one_warning(self, world: World) -> None:
        world.tap_error = PermissionError(errno.EPERM, "Operation not permitted")
        runtime = wondering(world)
        ring(world, runtime)
        assert state(runtime) is State.MASTER
        assert world.log.called("cannot see past the firewall of this host") == [
            {"error": "[Errno 1] Operation not permitted"}
        ]


class TestOutgoing:
    def test_a_refused_send_is_a_warning_until_one_succeeds(self, world: World) -> None:
        runtime = master(world)
        world.send_error = PermissionError(errno.EPERM, "Operation not permitted")
        pass_time(world, runtime, 3 * SECOND)
        assert warnings(world, runtime) == (OUT,)
        assert world.log.called(OUT) == [{"instance": "web"}]
        world.send_error = None
        pass_time(world, runtime, SECOND)
        assert warnings(world, runtime) == ()

    def test_each_family_is_a_warning_of_its_own(self, world: World) -> None:
        runtime = master(world, instance(addresses=(VIP4, VIP6)))
        world.send_error = PermissionError(errno.EPERM, "Operation not permitted")
        pass_time(world, runtime, SECOND)
        assert warnings(world, runtime) == (OUT, OUT.replace("IPv4", "IPv6"))

    @pytest.mark.parametrize("number", [errno.ENETUNREACH, errno.ENOBUFS, errno.ENODEV])
    def test_whatever_else_fails_is_no_firewall(self, world: World, number: int) -> None:
        runtime = master(world)
        world.send_error = OSError(number, "no")
        pass_time(world, runtime, SECOND)
        assert warnings(world, runtime) == ()
        assert len(world.log.called("cannot send adverts over IPv4")) == 1


def test_the_source_is_the_one_that_was_tapped(world: World) -> None:
    runtime = wondering(world)
    world.tapped.append(("eth0", packet(CONFIG, 150, source=PEER + 1)))
    runtime.overhear()
    assert warnings(world, runtime) == (IN.replace(str(PEER), str(PEER + 1)),)
