"""Virtual MAC addresses in a real kernel: the claim, the release, what a crash leaves behind."""

from __future__ import annotations

import json
import select
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from ipaddress import ip_interface
from pathlib import Path
from typing import Any

import pytest
from claiming import claim

from vipd.core.model import Family, Vip
from vipd.core.units import SECOND
from vipd.net.address import Addresses
from vipd.net.link import Links
from vipd.net.netlink import Requests
from vipd.net.virtual_mac import VirtualMacs
from vipd.wire.virtual_mac import virtual_mac

VRID = 51
VIP4 = ip_interface("192.0.2.100/24")
OTHER4 = ip_interface("192.0.2.101/24")
VIP6 = ip_interface("2001:db8::100/64")
LOCAL6 = ip_interface("fe80::100/64")
BOTH = [VIP4, LOCAL6, VIP6]
CONF = Path("/proc/sys/net/ipv4/conf")
STRICT = (1, 2)
LEASE = 600 * SECOND


def ip(*words: str) -> str:
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout


def macvlans() -> dict[str, dict[str, Any]]:
    """What `ip` shows of every macvlan, by its MAC address."""
    shown = json.loads(ip("-json", "-details", "address", "show", "type", "macvlan"))
    return {one["address"]: one for one in shown if one}


def addresses_of(macvlan: dict[str, Any]) -> set[str]:
    return {f"{info['local']}/{info['prefixlen']}" for info in macvlan["addr_info"]}


def mac(family: Family, vrid: int = VRID) -> str:
    return virtual_mac(family, vrid).hex(":")


def strict_arp() -> tuple[int, int]:
    """What is borrowed from the host: arp_ignore and arp_announce."""
    ignore, announce = (CONF / "all" / name for name in ("arp_ignore", "arp_announce"))
    return int(ignore.read_text()), int(announce.read_text())


def conf(device: str, setting: str) -> int:
    family, name = setting.split("/")
    return int(Path(f"/proc/sys/net/{family}/conf/{device}/{name}").read_text())


@pytest.fixture(autouse=True)
def _untouched() -> Iterator[None]:
    """Whatever a test does, the host is in the end as it was."""
    before = strict_arp()
    yield
    assert macvlans() == {}
    assert strict_arp() == before == (0, 0)


@pytest.fixture
def virtual(requests: Requests, links: Links) -> Iterator[VirtualMacs]:
    with closing(VirtualMacs(requests, links)) as opened:
        yield opened


@pytest.fixture
def pair() -> Iterator[str]:
    """A veth pair, both ends up; the name of one, which may go before the test ends."""
    ip("link", "add", "dev", "left", "type", "veth", "peer", "name", "right")
    ip("link", "set", "dev", "left", "up")
    ip("link", "set", "dev", "right", "up")
    yield "left"
    subprocess.run(["ip", "link", "del", "dev", "left"], check=False, capture_output=True)


def test_a_claim_makes_a_macvlan_for_each_family_and_the_addresses_are_there_alone(
    virtual: VirtualMacs, links: Links
) -> None:
    assert claim(virtual, "eth0", VRID, BOTH) is None
    made = macvlans()
    assert addresses_of(made[mac(Family.IPV4)]) == {str(VIP4)}
    assert addresses_of(made[mac(Family.IPV6)]) == {str(LOCAL6), str(VIP6)}
    for one in made.values():
        assert {"UP", "LOWER_UP"} <= set(one["flags"])
        assert one["link"] == "eth0"
        assert one["linkinfo"]["info_data"]["mode"] == "bridge"
        assert one["ifalias"].startswith(f"vipd: VRID {VRID} on eth0")
        assert all(info.get("noprefixroute") for info in one["addr_info"])
    assert all("tentative" not in info for info in made[mac(Family.IPV6)]["addr_info"])
    links.drain()
    assert virtual.present("eth0", VRID) == set(BOTH)
    assert not links.present("eth0") & set(BOTH)


def test_a_macvlan_takes_its_own_settings_and_two_of_the_host_are_borrowed(
    virtual: VirtualMacs,
) -> None:
    assert claim(virtual, "eth0", VRID, BOTH) is None
    made = macvlans()
    ipv4, ipv6 = made[mac(Family.IPV4)]["ifname"], made[mac(Family.IPV6)]["ifname"]
    assert conf(ipv4, "ipv4/rp_filter") == 2
    assert conf(ipv4, "ipv4/arp_ignore") == 1
    assert conf(ipv4, "ipv6/disable_ipv6") == 1
    assert conf(ipv6, "ipv4/arp_ignore") == 8
    assert (conf(ipv6, "ipv6/accept_ra"), conf(ipv6, "ipv6/addr_gen_mode")) == (0, 1)
    assert strict_arp() == STRICT
    assert "arp_ignore=0>1" in made[mac(Family.IPV4)]["ifalias"]
    virtual.release("eth0", VRID, [VIP4])
    assert strict_arp() == (0, 0)


def test_a_gateway_forwards_what_its_virtual_mac_gets(virtual: VirtualMacs) -> None:
    own = CONF / "eth0/forwarding"
    own.write_text("1")
    try:
        assert claim(virtual, "eth0", VRID, [VIP4]) is None
        assert conf(macvlans()[mac(Family.IPV4)]["ifname"], "ipv4/forwarding") == 1
    finally:
        own.write_text("0")


def test_a_second_claim_is_no_news_and_a_release_is_idempotent(virtual: VirtualMacs) -> None:
    for _ in range(2):
        assert claim(virtual, "eth0", VRID, BOTH) is None
    first = {one["ifindex"] for one in macvlans().values()}
    assert claim(virtual, "eth0", VRID, BOTH) is None
    assert {one["ifindex"] for one in macvlans().values()} == first
    for _ in range(2):
        virtual.release("eth0", VRID, BOTH)


def test_a_release_makes_silent_at_once_and_a_claim_can_follow_at_once(
    virtual: VirtualMacs,
) -> None:
    for _ in range(5):
        assert claim(virtual, "eth0", VRID, BOTH) is None
        virtual.release("eth0", VRID, BOTH)
        assert strict_arp() == (0, 0)
        assert not {str(vip) for vip in BOTH} & {
            a for m in macvlans().values() for a in addresses_of(m)
        }


def test_some_addresses_go_and_others_come(virtual: VirtualMacs) -> None:
    assert claim(virtual, "eth0", VRID, [VIP4, VIP6]) is None
    virtual.release("eth0", VRID, [VIP4])
    assert list(macvlans()) == [mac(Family.IPV6)]
    assert claim(virtual, "eth0", VRID, [OTHER4, VIP6]) is None
    assert addresses_of(macvlans()[mac(Family.IPV4)]) == {str(OTHER4)}


def test_two_vrids_do_not_disturb_each_other(virtual: VirtualMacs) -> None:
    assert claim(virtual, "eth0", 51, [VIP4]) is None
    assert claim(virtual, "eth0", 52, [OTHER4]) is None
    assert set(macvlans()) == {mac(Family.IPV4, 51), mac(Family.IPV4, 52)}
    virtual.release("eth0", 51, [VIP4])
    assert strict_arp() == STRICT
    virtual.release("eth0", 52, [OTHER4])
    assert strict_arp() == (0, 0)


def test_one_vrid_on_two_links(virtual: VirtualMacs, links: Links, pair: str) -> None:
    links.drain()
    assert claim(virtual, "eth0", VRID, [VIP4]) is None
    assert claim(virtual, pair, VRID, [OTHER4]) is None
    shown = json.loads(ip("-json", "address", "show", "type", "macvlan"))
    assert {(one["link"], *addresses_of(one)) for one in shown} == {
        ("eth0", str(VIP4)),
        (pair, str(OTHER4)),
    }


def test_what_the_administrator_sets_meanwhile_stays(virtual: VirtualMacs) -> None:
    announce = CONF / "all/arp_announce"
    assert claim(virtual, "eth0", VRID, [VIP4]) is None
    announce.write_text("1")
    virtual.release("eth0", VRID, [VIP4])
    assert strict_arp() == (0, 1)
    announce.write_text("0")


def test_what_is_strict_already_is_not_borrowed(virtual: VirtualMacs) -> None:
    ignore = CONF / "all/arp_ignore"
    ignore.write_text("2")
    assert claim(virtual, "eth0", VRID, [VIP4]) is None
    assert strict_arp() == (2, 2)
    virtual.release("eth0", VRID, [VIP4])
    assert strict_arp() == (2, 0)
    ignore.write_text("0")


@pytest.mark.parametrize(("setting", "value"), [("all/arp_filter", "1"), ("eth0/arp_ignore", "3")])
def test_a_setting_that_defeats_virtual_macs_is_an_obstacle(
    virtual: VirtualMacs, setting: str, value: str
) -> None:
    (CONF / setting).write_text(value)
    try:
        reason = claim(virtual, "eth0", VRID, [VIP6, VIP4])
        assert reason is not None
        assert reason.startswith(f"net.ipv4.conf.{setting.replace('/', '.')} = {value} ")
        assert claim(virtual, "eth0", VRID, [VIP6]) is None
    finally:
        (CONF / setting).write_text("0")


@pytest.mark.parametrize("vip", [VIP4, VIP6])
def test_an_address_that_is_elsewhere_is_refused_with_the_way_out(
    virtual: VirtualMacs, vip: Vip
) -> None:
    ip("address", "add", str(vip), "dev", "eth0")
    try:
        reason = claim(virtual, "eth0", VRID, BOTH)
        assert reason is not None
        assert reason.startswith(f"{vip} is on eth0 already")
        assert f"ip address del {vip} dev eth0" in reason
    finally:
        ip("address", "del", str(vip), "dev", "eth0")


def test_a_refused_claim_leaves_nothing(virtual: VirtualMacs, links: Links, pair: str) -> None:
    """An interface with an MTU below 1280 bytes cannot have IPv6."""
    ip("link", "set", "dev", pair, "mtu", "1000")
    links.drain()
    reason = claim(virtual, pair, VRID, [VIP4, VIP6])
    assert reason is not None
    assert reason.startswith(f"the kernel refused a virtual MAC address on {pair}: ")
    assert strict_arp() == (0, 0)


def test_an_interface_of_a_bridge_cannot_have_a_macvlan(
    virtual: VirtualMacs, links: Links, pair: str
) -> None:
    ip("link", "add", "name", "bridge", "type", "bridge")
    try:
        ip("link", "set", "dev", pair, "master", "bridge")
        links.drain()
        reason = claim(virtual, pair, VRID, [VIP4])
    finally:
        ip("link", "del", "dev", "bridge")
    assert reason is not None
    assert reason.endswith("Device or resource busy")


def test_no_interface_no_claim(virtual: VirtualMacs) -> None:
    assert claim(virtual, "eth7", VRID, BOTH) == "eth7 does not exist"
    virtual.release("eth7", VRID, BOTH)


def test_no_ethernet_no_claim(virtual: VirtualMacs, links: Links) -> None:
    ip("tuntap", "add", "dev", "point", "mode", "tun")
    try:
        links.drain()
        reason = claim(virtual, "point", VRID, [VIP4])
    finally:
        ip("tuntap", "del", "dev", "point", "mode", "tun")
    assert reason == "point has no Ethernet address, so it cannot have a virtual one"


def test_the_interface_goes_and_comes_again(virtual: VirtualMacs, links: Links, pair: str) -> None:
    links.drain()
    assert claim(virtual, pair, VRID, BOTH) is None
    ip("link", "del", "dev", pair)
    links.drain()
    assert claim(virtual, pair, VRID, BOTH) == f"{pair} does not exist"
    assert strict_arp() == STRICT
    ip("link", "add", "dev", pair, "type", "veth", "peer", "name", "right")
    links.drain()
    assert claim(virtual, pair, VRID, BOTH) is None
    assert len(macvlans()) == 2
    ip("link", "del", "dev", pair)
    virtual.release(pair, VRID, BOTH)
    assert strict_arp() == (0, 0)


def test_a_macvlan_that_somebody_deletes_is_made_again(virtual: VirtualMacs) -> None:
    assert claim(virtual, "eth0", VRID, [VIP4]) is None
    ip("link", "del", "dev", macvlans()[mac(Family.IPV4)]["ifname"])
    assert claim(virtual, "eth0", VRID, [VIP4]) is None
    assert addresses_of(macvlans()[mac(Family.IPV4)]) == {str(VIP4)}


# -- an earlier life ----------------------------------------------------------------------------


def test_a_claim_adopts_what_a_crash_left_and_nobody_notices(
    requests: Requests, links: Links, virtual: VirtualMacs
) -> None:
    """The first life, which holds a reference still, stands for one that was killed."""
    assert claim(virtual, "eth0", VRID, [*BOTH, OTHER4], LEASE) is None
    left = {name: one["ifindex"] for name, one in macvlans().items()}
    links.drain()
    with closing(VirtualMacs(requests, links)) as next_life:
        assert claim(next_life, "eth0", VRID, BOTH, 2 * LEASE) is None
        made = macvlans()
        assert {name: one["ifindex"] for name, one in made.items()} == left
        assert addresses_of(made[mac(Family.IPV4)]) == {str(VIP4)}
        assert addresses_of(made[mac(Family.IPV6)]) == {str(LOCAL6), str(VIP6)}
        lives = [info["valid_life_time"] for one in made.values() for info in one["addr_info"]]
        assert all(1190 <= life <= 1200 for life in lives)
        assert next_life.inspect("eth0", VRID, BOTH, 2 * LEASE) is None
        assert next_life.sweep() == []
        assert "arp_ignore=0>1" in made[mac(Family.IPV4)]["ifalias"]
        next_life.release("eth0", VRID, BOTH)
        assert strict_arp() == (0, 0)


@pytest.mark.parametrize(
    "words", [("address", "02:00:00:00:00:99"), ("type", "macvlan", "mode", "vepa")]
)
def test_what_is_not_as_we_would_make_it_is_made_anew(
    requests: Requests, links: Links, words: tuple[str, ...]
) -> None:
    first = VirtualMacs(requests, links)
    assert claim(first, "eth0", VRID, [VIP4], LEASE) is None
    device = macvlans()[mac(Family.IPV4)]
    ip("link", "set", "dev", device["ifname"], *words)
    assert claim(first, "eth0", VRID, [VIP4], LEASE) is None
    made = macvlans()[mac(Family.IPV4)]
    assert made["ifindex"] != device["ifindex"]
    assert made["linkinfo"]["info_data"]["mode"] == "bridge"
    first.close()


def test_a_bad_one_of_an_earlier_life_is_made_anew_and_its_loan_given_back(
    requests: Requests, links: Links, virtual: VirtualMacs
) -> None:
    assert claim(virtual, "eth0", VRID, [VIP4], LEASE) is None
    device = macvlans()[mac(Family.IPV4)]
    ip("link", "set", "dev", device["ifname"], "type", "macvlan", "mode", "vepa")
    with closing(VirtualMacs(requests, links)) as next_life:
        assert claim(next_life, "eth0", VRID, [VIP4], LEASE) is None
        made = macvlans()[mac(Family.IPV4)]
        assert made["ifindex"] != device["ifindex"]
        assert made["linkinfo"]["info_data"]["mode"] == "bridge"
    assert strict_arp() == (0, 0)


def test_an_address_may_move_to_another_virtual_router_between_two_lives(
    requests: Requests, links: Links, virtual: VirtualMacs
) -> None:
    assert claim(virtual, "eth0", 51, [VIP4, OTHER4], LEASE) is None
    links.drain()
    with closing(VirtualMacs(requests, links)) as next_life:
        assert claim(next_life, "eth0", 52, [VIP4], LEASE) is None
        made = macvlans()
        assert addresses_of(made[mac(Family.IPV4, 52)]) == {str(VIP4)}
        assert addresses_of(made[mac(Family.IPV4, 51)]) == {str(OTHER4)}
        assert "arp_ignore=0>1" in made[mac(Family.IPV4, 52)]["ifalias"]
        assert next_life.sweep() == [made[mac(Family.IPV4, 51)]["ifname"]]
        assert strict_arp() == STRICT
    assert strict_arp() == (0, 0)


def test_a_sweep_can_leave_what_ends_by_itself(
    requests: Requests, links: Links, virtual: VirtualMacs
) -> None:
    assert claim(virtual, "eth0", 51, [VIP4], LEASE) is None
    assert claim(virtual, "eth0", 52, [OTHER4], 0) is None
    made = macvlans()
    links.drain()
    with closing(VirtualMacs(requests, links)) as next_life:
        assert next_life.sweep(leased=False) == [made[mac(Family.IPV4, 52)]["ifname"]]
        assert strict_arp() == STRICT
    assert addresses_of(macvlans()[mac(Family.IPV4, 51)]) == {str(VIP4)}


def test_the_sweep_of_plain_addresses_leaves_macvlans_alone(
    addresses: Addresses, links: Links, virtual: VirtualMacs
) -> None:
    assert claim(virtual, "eth0", VRID, BOTH) is None
    links.drain()
    assert addresses.sweep() == []
    assert virtual.inspect("eth0", VRID, BOTH, 0) is None


def test_the_next_life_sweeps_what_a_crash_left_and_gives_back_what_it_borrowed(
    requests: Requests, links: Links, virtual: VirtualMacs
) -> None:
    """What a crash leaves is what is there before `close`: the first life stops in mid-air."""
    assert claim(virtual, "eth0", 51, BOTH) is None
    assert claim(virtual, "eth0", 52, [OTHER4]) is None
    left = {one["ifname"] for one in macvlans().values()}
    with closing(VirtualMacs(requests, links)) as next_life:
        assert set(next_life.sweep()) == left
        assert not any(addresses_of(one) for one in macvlans().values())
        assert strict_arp() == (0, 0)
        assert next_life.sweep() == []
        assert macvlans() == {}


def test_a_sweep_spares_what_this_life_holds_and_what_only_looks_like_ours(
    virtual: VirtualMacs,
) -> None:
    assert claim(virtual, "eth0", VRID, [VIP4]) is None
    add = ("link", "add", "link", "eth0", "name")
    ip(*add, "vipd4-7-2", "address", "02:00:00:00:00:99", "type", "macvlan", "mode", "bridge")
    ip(*add, "vrrp4-7", "address", mac(Family.IPV4, 7), "type", "macvlan", "mode", "bridge")
    try:
        assert virtual.sweep() == []
        assert len(macvlans()) == 3
        assert strict_arp() == STRICT
    finally:
        ip("link", "del", "dev", "vipd4-7-2")
        ip("link", "del", "dev", "vrrp4-7")


def test_a_forged_alias_can_set_nothing_but_what_we_borrow(
    requests: Requests, links: Links
) -> None:
    name = "vipd4-7-2"
    ip(
        "link",
        "add",
        "link",
        "eth0",
        "name",
        name,
        "address",
        mac(Family.IPV4, 7),
        "type",
        "macvlan",
    )
    ip(
        "link",
        "set",
        "dev",
        name,
        "alias",
        "ipv4/conf/all/forwarding=1>0 ipv4/conf/all/arp_ignore=5>0",
    )
    with closing(VirtualMacs(requests, links)) as fresh:
        assert fresh.sweep() == [name]
    assert conf("all", "ipv4/forwarding") == 0


# -- drift ----------------------------------------------------------------------------------------


def told(links: Links, virtual: VirtualMacs) -> str:
    """What an inspection says when netlink has spoken of the interface below."""
    deadline = time.monotonic() + 5
    concerned: frozenset[str] = frozenset()
    while "eth0" not in concerned or (what := virtual.inspect("eth0", VRID, BOTH, LEASE)) is None:
        readable, _, _ = select.select([links], [], [], max(deadline - time.monotonic(), 0))
        assert readable, "nobody notices"
        concerned |= links.drain()
    return what


@pytest.fixture
def held(links: Links, virtual: VirtualMacs) -> VirtualMacs:
    """All is well, and netlink has said so."""
    assert claim(virtual, "eth0", VRID, BOTH, LEASE) is None
    deadline = time.monotonic() + 5
    while virtual.present("eth0", VRID) != set(BOTH):
        select.select([links], [], [], max(deadline - time.monotonic(), 0))
        links.drain()
        assert time.monotonic() < deadline
    assert virtual.inspect("eth0", VRID, BOTH, LEASE) is None
    return virtual


@pytest.mark.parametrize(
    ("family", "words", "text"),
    [
        (Family.IPV4, "link del dev {}", "was deleted"),
        (Family.IPV6, "link del dev {}", "was deleted"),
        (Family.IPV4, "link set dev {} down", "was set down"),
        (Family.IPV6, "link set dev {} down", "was set down"),
        (Family.IPV4, "link set dev {} name other", "was renamed other"),
        (Family.IPV4, "link set dev {} address 02:00:00:00:00:99", "was given another MAC address"),
        (Family.IPV6, "link set dev {} type macvlan mode vepa", "is no macvlan of mode bridge"),
    ],
)
def test_a_macvlan_that_somebody_changes_is_named_and_put_right(
    held: VirtualMacs, links: Links, family: Family, words: str, text: str
) -> None:
    name = macvlans()[mac(family)]["ifname"]
    ip(*words.format(name).split())
    assert told(links, held).startswith(f"{name} {text}")
    assert claim(held, "eth0", VRID, BOTH, LEASE) is None
    assert held.inspect("eth0", VRID, BOTH, LEASE) is None
    made = macvlans()
    assert set(made) == {mac(Family.IPV4), mac(Family.IPV6)}
    for one in made.values():
        assert "UP" in one["flags"]
        assert one["linkinfo"]["info_data"]["mode"] == "bridge"
    routes = ip("-6", "route", "show", "dev", made[mac(Family.IPV6)]["ifname"])
    assert "fe80::/64" in routes


@pytest.mark.parametrize("vip", BOTH)
def test_an_address_that_somebody_takes_off_a_macvlan(
    held: VirtualMacs, links: Links, vip: Vip
) -> None:
    name = macvlans()[mac(Family(vip.version))]["ifname"]
    ip("address", "del", str(vip), "dev", name)
    assert told(links, held) == f"{vip} was removed from {name}"
    assert claim(held, "eth0", VRID, BOTH, LEASE) is None
    assert held.inspect("eth0", VRID, BOTH, LEASE) is None
    assert str(vip) in addresses_of(macvlans()[mac(Family(vip.version))])


@pytest.mark.parametrize("vip", [VIP4, VIP6])
def test_another_prefix_on_a_macvlan(held: VirtualMacs, links: Links, vip: Vip) -> None:
    name, other = macvlans()[mac(Family(vip.version))]["ifname"], f"{vip.ip}/{vip.max_prefixlen}"
    ip("address", "del", str(vip), "dev", name)
    ip("address", "add", other, "dev", name)
    assert told(links, held) == f"{vip} is on {name} with another prefix, {other}"
    assert claim(held, "eth0", VRID, BOTH, LEASE) is None
    assert held.inspect("eth0", VRID, BOTH, LEASE) is None
    assert other not in addresses_of(macvlans()[mac(Family(vip.version))])


def test_the_first_of_two_addresses_goes_and_the_other_stays(virtual: VirtualMacs) -> None:
    """It is the second's primary."""
    assert claim(virtual, "eth0", VRID, [VIP4, OTHER4], LEASE) is None
    virtual.release("eth0", VRID, [VIP4])
    assert addresses_of(macvlans()[mac(Family.IPV4)]) == {str(OTHER4)}


def test_without_a_macvlan_there_is_nothing_to_hold_and_without_an_interface_no_opinion(
    virtual: VirtualMacs,
) -> None:
    text = "there is no virtual MAC address on eth0 any more"
    assert virtual.inspect("eth0", VRID, BOTH, LEASE) == text
    assert virtual.inspect("eth7", VRID, BOTH, LEASE) is None


def test_closing_leaves_nothing_behind(requests: Requests, links: Links) -> None:
    short = VirtualMacs(requests, links)
    assert claim(short, "eth0", VRID, BOTH) is None
    short.close()
    assert macvlans() == {}
    assert strict_arp() == (0, 0)
