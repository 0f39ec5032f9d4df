"""What an instance's configuration says of itself."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from solo_machine import CONFIG, LINK, VIP4, VIP6

from vipd.core.config import InstanceConfig, TakeoverProbe, Unicast
from vipd.core.model import Family


def test_the_families_of_the_addresses_ipv4_first() -> None:
    assert replace(CONFIG, addresses=(VIP6, VIP4)).families == (Family.IPV4, Family.IPV6)
    assert replace(CONFIG, addresses=(VIP6,)).families == (Family.IPV6,)


def test_priority_255_owns_the_addresses_and_always_preempts() -> None:
    assert not replace(CONFIG, priority=254).owner
    owner = replace(CONFIG, priority=255, preempt=False)
    assert owner.owner
    assert owner.preempts
    assert not replace(CONFIG, preempt=False).preempts


@pytest.mark.parametrize(
    ("change", "same"),
    [
        (replace(CONFIG, priority=254), True),
        (replace(CONFIG, addresses=(VIP4,)), True),
        (replace(CONFIG, priority=255), False),
        (replace(CONFIG, interface="eth1"), False),
        (replace(CONFIG, vrid=52), False),
        (replace(CONFIG, name="mail"), False),
        (replace(CONFIG, version=2), False),
    ],
)
def test_what_a_running_instance_can_change(change: InstanceConfig, *, same: bool) -> None:
    assert (change.identity == CONFIG.identity) is same


def test_the_peers_and_the_source_of_each_family() -> None:
    v4, other, v6 = map(ip_address, ("192.0.2.51", "192.0.2.52", "2001:db8::51"))
    unicast = Unicast(peers=(v4, v6, other), sources=(v6,))
    assert unicast.peers_of(Family.IPV4) == (v4, other)
    assert unicast.peers_of(Family.IPV6) == (v6,)
    assert unicast.source_of(Family.IPV4) is None
    assert unicast.source_of(Family.IPV6) == v6


def test_a_link_with_another_source_is_otherwise_the_same() -> None:
    v4, v6 = IPv4Address("192.0.2.7"), IPv6Address("fe80::7")
    other = LINK.with_source(v4).with_source(v6)
    assert other == replace(LINK, ipv4=v4, ipv6=v6)


def test_the_defaults_of_what_the_rfc_does_not_know() -> None:
    plain = InstanceConfig(name="web", interface="eth0", vrid=51, addresses=(VIP4,))
    assert plain.linger == 20_000_000
    assert plain.takeover_probe is TakeoverProbe.WARN
    assert plain.probe_hold_max == 60_000_000_000
