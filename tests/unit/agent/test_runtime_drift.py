"""Addresses that somebody else takes away or changes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fake_world import VIP4, World, good_link, instance, master, packet, ring, state

from vipd.core.model import State

GONE = "192.0.2.100/24 was removed from eth0"
PUT_RIGHT = [
    ("claim", ("192.0.2.100/24",)),
    ("advert IPv4", 100),
    ("announce", ("192.0.2.100/24",)),
]


@pytest.fixture
def world() -> World:
    return World()


def test_after_a_link_event_it_is_put_right_and_named_in_one_line(world: World) -> None:
    runtime = master(world)
    world.drifts, world.changed = [GONE], {"eth0"}
    runtime.wake()
    assert world.take_done() == PUT_RIGHT
    assert state(runtime) is State.MASTER
    assert world.log.called("address_drift") == [
        {"instance": "web", "text": f"{GONE}; put right (1 of 5 times in 30 s)"}
    ]


def test_after_a_reload_it_is_put_right(world: World) -> None:
    runtime = master(world)
    world.drifts = [GONE]
    runtime.apply([instance()])
    assert world.take_done() == PUT_RIGHT


def test_behind_a_virtual_mac_it_is_put_right_there(world: World) -> None:
    runtime = master(world, instance(virtual_mac=True))
    world.drifts, world.changed = ["gone"], {"eth0"}
    runtime.wake()
    assert world.take_done()[0][0] == "claim at virtual MAC 51"
    (line,) = world.log.called("address_drift")
    assert str(line["text"]).startswith("gone at virtual MAC 51;")


def test_without_an_event_nothing_is_asked(world: World) -> None:
    runtime = master(world)
    world.drifts = [GONE]
    ring(world, runtime)
    world.arrived.append(("eth0", packet(instance(), 90)))
    runtime.wake()
    assert world.drifts == [GONE]


def test_who_holds_nothing_misses_nothing(world: World) -> None:
    runtime = world.runtime()
    runtime.start([instance()])
    world.drifts, world.changed = [GONE], {"eth0"}
    runtime.wake()
    assert world.take_done() == []
    assert world.drifts == [GONE]


def test_one_that_hands_over_has_it_back_in_silence(world: World) -> None:
    runtime = master(world)
    runtime.stop()
    world.take_done()
    world.drifts, world.changed = [GONE], {"eth0"}
    runtime.wake()
    assert world.take_done() == PUT_RIGHT[:1]
    assert runtime.handing_over


def test_a_fight_is_given_up(world: World) -> None:
    runtime = master(world)
    for _ in range(6):
        world.drifts, world.changed = [GONE], {"eth0"}
        runtime.wake()
    assert len(world.log.called("address_drift")) == 5
    assert world.take_done()[-2:] == [("advert IPv4", 0), ("claim", ("192.0.2.100/24",))]
    world.arrived.append(("eth0", packet(instance(), 90)))
    runtime.wake()
    assert state(runtime) is State.FAULT
    assert world.take_done() == [("release", ("192.0.2.100/24",))]
    assert world.log.called("transition")[-1]["code"] == "drift"


def test_what_a_fault_of_the_link_takes_is_no_drift(world: World) -> None:
    runtime = master(world)
    world.link_facts["eth0"] = replace(good_link(), up=False)
    world.drifts, world.changed = [GONE], {"eth0"}
    runtime.wake()
    assert state(runtime) is State.FAULT
    assert world.log.called("address_drift") == []
    assert ("eth0", VIP4) not in world.kernel
