"""Who there is, and whom something is for."""

from __future__ import annotations

from ipaddress import IPv4Address, ip_address, ip_interface

import pytest
from fake_world import PEER, PEER6, VIP4, VIP6, good_link, instance

from vipd.agent.instance import Instance
from vipd.agent.roster import Roster
from vipd.core.config import InstanceConfig, Unicast
from vipd.core.events import LinkChanged, Started, Stopped
from vipd.core.model import State
from vipd.core.units import SECOND

NEW = ip_interface("192.0.2.101/24")
WEB = instance()
OTHER = instance("other", vrid=52, addresses=(NEW,))
LOCAL = ip_interface("fe80::100/64")


def enlisted(*configs: InstanceConfig) -> Roster:
    roster = Roster()
    roster.enlist(configs, [Instance(config) for config in configs])
    return roster


def started(instance: Instance) -> Instance:
    """An instance that is BACKUP."""
    instance.machine.step(LinkChanged(good_link()), 0)
    instance.machine.step(Started(), 0)
    return instance


def names(roster: Roster) -> list[str]:
    return [each.config.name for each in roster]


def test_they_stand_in_the_order_of_the_configuration_and_who_leaves_comes_last() -> None:
    roster = enlisted(WEB, OTHER)
    web = roster.named("web")
    roster.enlist([OTHER, WEB], [])
    assert names(roster) == ["other", "web"]
    assert roster.named("web") is web
    assert roster.dismiss("other") is not web
    assert names(roster) == ["web", "other"]
    assert [each.config for each in roster.running] == [WEB]
    assert roster.leaving


def test_who_has_left_is_forgotten_and_nobody_else() -> None:
    roster = enlisted(WEB, OTHER)
    for name in ("web", "other"):
        started(roster.dismiss(name))
    assert not roster.drop_gone()
    gone = next(iter(roster))
    gone.machine.step(Stopped(), SECOND)
    assert gone.machine.state is State.INIT
    assert roster.drop_gone()
    assert names(roster) == ["other"]
    assert roster.receiver("eth0", 51, PEER) is None
    assert roster.watched("eth0") == {NEW.ip}
    assert roster.floating == {NEW.ip}
    assert not roster.drop_gone()


@pytest.mark.parametrize(
    ("wanted", "in_the_way"),
    [
        (instance("a", vrid=51, addresses=(NEW,)), True),
        (instance("a", vrid=52, addresses=(VIP4,)), True),
        (instance("a", vrid=52, addresses=(NEW, VIP4)), True),
        (instance("a", vrid=52, interface="eth1", addresses=(VIP4,)), True),
        (instance("a", vrid=52, addresses=(ip_interface("192.0.2.100/32"),)), True),
        (instance("a", vrid=51, interface="eth1", addresses=(NEW,)), False),
        (instance("a", vrid=52, addresses=(NEW,)), False),
        (instance("a", vrid=51, addresses=(VIP6,)), False),
    ],
)
def test_who_has_what_another_needs_is_in_the_way(wanted: InstanceConfig, in_the_way: bool) -> None:
    roster = enlisted(WEB)
    assert list(roster.in_the_way([wanted])) == []
    web = roster.dismiss("web")
    assert list(roster.in_the_way([wanted])) == ([web] if in_the_way else [])


def test_a_link_local_address_is_another_one_on_another_link() -> None:
    roster = enlisted(instance(addresses=(LOCAL,)))
    roster.dismiss("web")
    elsewhere = instance("a", vrid=52, interface="eth1", addresses=(LOCAL,))
    here = instance("a", vrid=52, addresses=(LOCAL,))
    assert list(roster.in_the_way([elsewhere])) == []
    assert len(list(roster.in_the_way([here]))) == 1


def test_an_advert_is_for_the_interface_the_vrid_and_the_family() -> None:
    ipv6 = instance("six", addresses=(VIP6,))
    roster = enlisted(WEB, ipv6)
    assert roster.receiver("eth0", 51, PEER) is roster.named("web")
    assert roster.receiver("eth0", 51, PEER6) is roster.named("six")
    assert roster.receiver("eth0", 52, PEER) is None
    assert roster.receiver("eth1", 51, PEER) is None


def test_who_leaves_still_gets_adverts_but_who_runs_goes_first() -> None:
    roster = enlisted(WEB)
    leaving = roster.dismiss("web")
    roster.enlist([], [])
    assert roster.receiver("eth0", 51, PEER) is leaving
    again = Instance(WEB)
    roster.enlist([WEB], [again])
    assert roster.receiver("eth0", 51, PEER) is again


def test_an_address_is_of_all_that_have_it_on_that_interface() -> None:
    roster = enlisted(WEB)
    leaving = roster.dismiss("web")
    again = Instance(WEB)
    roster.enlist([WEB], [again])
    assert list(roster.users("eth0", VIP4.ip)) == [again, leaving]
    assert list(roster.users("eth1", VIP4.ip)) == []
    assert list(roster.users("eth0", NEW.ip)) == []


def test_unicast_adverts_for_another_interface_are_known() -> None:
    unicast = instance("far", vrid=60, interface="eth1", unicast=Unicast(peers=(PEER,)))
    roster = enlisted(WEB, unicast)
    assert roster.hears_elsewhere(60, PEER)
    assert not roster.hears_elsewhere(60, PEER6)
    assert not roster.hears_elsewhere(51, PEER)


def test_the_addresses_of_an_owner_do_not_float() -> None:
    roster = enlisted(instance(priority=255), OTHER)
    assert roster.floating == {IPv4Address("192.0.2.101")}


def test_channels_are_of_all_who_have_a_source() -> None:
    roster = enlisted(WEB, OTHER)
    assert roster.channels() == {}
    roster.named("web").learn(good_link(), 1)
    roster.dismiss("web").learn(good_link(), 1)
    ((channel, vrids),) = roster.channels().items()
    assert channel.source == ip_address("192.0.2.11")
    assert vrids == {51}
