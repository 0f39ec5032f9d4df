"""An instance with virtual MAC addresses: the same protocol by other hands."""

from __future__ import annotations

from ipaddress import ip_address

from fake_world import VIP4, VIP6, World, instance

from vipd.core.config import Unicast
from vipd.core.model import State


def test_it_claims_speaks_announces_and_releases_at_its_virtual_mac() -> None:
    world = World()
    runtime = world.runtime()
    runtime.start([instance(addresses=(VIP4, VIP6), virtual_mac=True)])
    assert world.alarm_at is not None
    world.now = world.alarm_at
    runtime.ring()
    assert runtime.instances[0].machine.state is State.MASTER
    both = (str(VIP4), str(VIP6))
    frames = ["frame on eth0 from 00:00:5e:00:01:33", "frame on eth0 from 00:00:5e:00:02:33"]
    claimed, *sent, announced = world.take_done()
    assert claimed == ("claim at virtual MAC 51", both)
    assert [what for what, _ in sent] == frames
    assert announced == ("announce at virtual MAC 51", both)
    runtime.halt()
    *sent, released = world.take_done()
    assert [what for what, _ in sent] == frames
    assert released == ("release at virtual MAC 51", both)


def test_unicast_adverts_come_from_the_interfaces_own_mac() -> None:
    world = World(own={ip_address("192.0.2.11")})
    runtime = world.runtime()
    peer = ip_address("192.0.2.12")
    world.routes[peer] = ip_address("192.0.2.11")
    runtime.start([instance(virtual_mac=True, unicast=Unicast(peers=(peer,)))])
    assert world.alarm_at is not None
    world.now = world.alarm_at
    runtime.ring()
    done = [what for what, _ in world.take_done()]
    assert done == [
        "claim at virtual MAC 51",
        f"advert IPv4 to {peer}",
        "announce at virtual MAC 51",
    ]
