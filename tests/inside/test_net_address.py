"""Addresses in a real kernel: the claim, the release, what was there before."""

from __future__ import annotations

import json
import platform
import select
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from ipaddress import ip_interface

import pytest
from claiming import claim, renew

from vipd.core.model import Vip
from vipd.core.units import SECOND
from vipd.net.address import Addresses
from vipd.net.link import Links
from vipd.net.netlink import Requests

VIP4 = ip_interface("192.0.2.100/24")
VIP6 = ip_interface("2001:db8::100/64")
KERNEL_TAGS = tuple(map(int, platform.release().split(".")[:2])) >= (5, 18)


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def kernel() -> dict[str, dict[str, object]]:
    """What `ip` shows on eth0, by address."""
    shown = subprocess.run(
        ["ip", "-json", "address", "show", "dev", "eth0"], check=True, capture_output=True
    )
    infos = json.loads(shown.stdout)[0]["addr_info"]
    return {f"{info['local']}/{info['prefixlen']}": info for info in infos}


def test_a_claim_installs_every_address_as_one_that_floats(
    requests: Requests, addresses: Addresses
) -> None:
    assert claim(addresses, "eth0", 51, [VIP4, VIP6]) is None
    shown = kernel()
    ipv4, ipv6 = shown[str(VIP4)], shown[str(VIP6)]
    tagged = {seen.address for seen in requests.addresses() if seen.ours}
    assert tagged == ({VIP4, VIP6} if KERNEL_TAGS else set())
    assert ipv4["noprefixroute"] is True
    assert ipv6["noprefixroute"] is True
    assert ipv6["nodad"] is True
    assert "tentative" not in ipv6
    assert ipv6["preferred_life_time"] == 0


def test_a_second_claim_is_no_news_and_a_release_takes_all(addresses: Addresses) -> None:
    for _ in range(2):
        assert claim(addresses, "eth0", 51, [VIP4, VIP6]) is None
    for _ in range(2):
        addresses.release("eth0", 51, [VIP4, VIP6])
    assert not {str(VIP4), str(VIP6)} & kernel().keys()


def test_two_hundred_addresses_go_in_one_claim(addresses: Addresses) -> None:
    many: list[Vip] = [ip_interface(f"203.0.113.{last}/32") for last in range(1, 201)]
    assert claim(addresses, "eth0", 51, many) is None
    assert {str(vip) for vip in many} <= kernel().keys()
    addresses.release("eth0", 51, many)
    assert not {str(vip) for vip in many} & kernel().keys()


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("vip", [VIP4, VIP6])
def test_a_foreign_address_is_refused_with_the_way_out_and_stays(
    addresses: Addresses,
    vip: Vip,
    first: bool,
) -> None:
    other: Vip = ip_interface("192.0.2.99/24")
    wanted = [vip, other] if first else [other, vip]
    ip("address", "add", str(vip), "dev", "eth0")
    try:
        reason = claim(addresses, "eth0", 51, wanted)
        assert reason is not None
        assert reason.startswith(f"{vip} is on eth0 already and vipd did not put it there")
        assert f"ip address del {vip} dev eth0" in reason
        assert str(other) not in kernel()
        addresses.release("eth0", 51, wanted)
        assert str(vip) in kernel()
    finally:
        ip("address", "del", str(vip), "dev", "eth0")


def test_an_owner_uses_the_address_that_is_there_and_leaves_it(addresses: Addresses) -> None:
    own = ip_interface("192.0.2.11/24")
    assert claim(addresses, "eth0", 51, [own], owner=True) is None
    addresses.release("eth0", 51, [own])
    assert str(own) in kernel()


def test_the_kernels_refusal_is_told_and_nothing_of_the_claim_is_left(
    links: Links, addresses: Addresses
) -> None:
    """An interface with an MTU below 1280 bytes cannot have IPv6."""
    ip("link", "add", "dev", "short", "mtu", "1000", "type", "veth", "peer", "name", "short2")
    try:
        links.drain()
        reason = claim(addresses, "short", 51, [VIP4, VIP6])
        left = links.present("short")
    finally:
        ip("link", "del", "dev", "short")
    assert reason is not None
    assert reason.startswith(f"the kernel refused {VIP6} on short: ")
    assert VIP4 not in left


def test_no_interface_no_claim(addresses: Addresses) -> None:
    assert claim(addresses, "eth7", 51, [VIP4]) == "eth7 does not exist"
    addresses.release("eth7", 51, [VIP4])


@pytest.mark.skipif(not KERNEL_TAGS, reason="Linux older than 5.18 does not tag addresses")
def test_what_an_earlier_life_left_is_ours_again_or_swept(
    requests: Requests, links: Links, addresses: Addresses
) -> None:
    index = links.index("eth0")
    assert index is not None
    assert requests.add(index, [VIP4, VIP6]) == [None, None]
    assert claim(addresses, "eth0", 51, [VIP4]) is None
    with closing(Links(requests)) as fresh:
        swept = Addresses(requests, fresh).sweep({"eth0", "eth7"})
    assert sorted(swept, key=str) == [("eth0", VIP4), ("eth0", VIP6)]
    assert not {str(VIP4), str(VIP6)} & kernel().keys()
    assert "192.0.2.11/24" in kernel()


@pytest.mark.skipif(not KERNEL_TAGS, reason="Linux older than 5.18 does not tag addresses")
def test_a_sweep_after_the_claims_spares_what_this_life_holds(
    requests: Requests, links: Links, addresses: Addresses
) -> None:
    index, left = links.index("eth0"), ip_interface("192.0.2.101/24")
    assert index is not None
    assert requests.add(index, [VIP4, VIP6, left]) == [None, None, None]
    assert claim(addresses, "eth0", 51, [VIP4, VIP6]) is None
    assert addresses.sweep({"eth0"}) == [("eth0", left)]
    assert {str(VIP4), str(VIP6)} <= kernel().keys()
    assert addresses.sweep() == []


@pytest.mark.skipif(not KERNEL_TAGS, reason="Linux older than 5.18 does not tag addresses")
def test_a_sweep_of_all_interfaces_can_leave_what_ends_by_itself(
    requests: Requests, links: Links, addresses: Addresses
) -> None:
    index = links.index("eth0")
    loopback = links.index("lo")
    assert index is not None
    assert loopback is not None
    leased, forever = ip_interface("192.0.2.101/24"), ip_interface("198.51.100.7/32")
    assert requests.add(index, [leased, VIP6], 600 * SECOND) == [None, None]
    assert requests.add(loopback, [forever]) == [None]
    ip("address", "add", "192.0.2.77/24", "dev", "eth0")
    try:
        assert addresses.sweep(leased=False) == [("lo", forever)]
        assert str(leased) in kernel()
        assert set(addresses.sweep()) == {("eth0", leased), ("eth0", VIP6)}
        assert {"192.0.2.11/24", "192.0.2.77/24", "2001:db8::11/64"} <= kernel().keys()
    finally:
        ip("address", "del", "192.0.2.77/24", "dev", "eth0")


@pytest.mark.skipif(not KERNEL_TAGS, reason="Linux older than 5.18 does not tag addresses")
def test_two_hundred_leftovers_are_adopted_with_their_lease_begun_anew(
    requests: Requests, links: Links, addresses: Addresses
) -> None:
    many: list[Vip] = [ip_interface(f"203.0.113.{last}/32") for last in range(1, 201)]
    index = links.index("eth0")
    assert index is not None
    assert set(requests.add(index, many, 30 * SECOND)) == {None}
    assert claim(addresses, "eth0", 51, many, 600 * SECOND) is None
    assert all(590 <= life(vip) <= 600 for vip in (many[0], many[-1]))
    assert addresses.sweep() == []
    addresses.release("eth0", 51, many)
    assert not {str(vip) for vip in many} & kernel().keys()


def test_closing_leaves_nothing_behind(requests: Requests, links: Links) -> None:
    short = Addresses(requests, links)
    assert claim(short, "eth0", 51, [VIP4, VIP6]) is None
    short.close()
    assert not {str(VIP4), str(VIP6)} & kernel().keys()


def life(vip: Vip) -> int:
    """How long the kernel will keep an address. Units: seconds."""
    return int(str(kernel()[str(vip)]["valid_life_time"]))


FOREVER = 2**32 - 1


def test_a_lease_is_a_lifetime_that_a_renewal_begins_anew(addresses: Addresses) -> None:
    assert claim(addresses, "eth0", 51, [VIP4, VIP6], 600 * SECOND) is None
    assert 590 <= life(VIP4) <= 600
    assert 590 <= life(VIP6) <= 600
    assert renew(addresses, "eth0", 51, [VIP4, VIP6], 900 * SECOND) is None
    assert 890 <= life(VIP4) <= 900
    assert 890 <= life(VIP6) <= 900
    shown = kernel()
    assert shown[str(VIP4)]["noprefixroute"] is True
    assert shown[str(VIP6)]["preferred_life_time"] == 0
    assert renew(addresses, "eth0", 51, [VIP4, VIP6], 0) is None
    assert (life(VIP4), life(VIP6)) == (FOREVER, FOREVER)


def test_a_second_claim_renews_the_lease(addresses: Addresses) -> None:
    for seconds in (600, 900):
        assert claim(addresses, "eth0", 51, [VIP4, VIP6], seconds * SECOND) is None
    assert 890 <= life(VIP4) <= 900


def wait_for(links: Links, condition: Callable[[], bool]) -> None:
    """Read netlink until it is so."""
    deadline = time.monotonic() + 5
    while not condition():
        select.select([links], [], [], max(deadline - time.monotonic(), 0))
        links.drain()
        assert time.monotonic() < deadline, "netlink does not say so"


def test_what_nobody_renews_is_removed_by_the_kernel(links: Links, addresses: Addresses) -> None:
    both = {VIP4, VIP6}
    assert claim(addresses, "eth0", 51, [VIP4, VIP6], SECOND) is None
    wait_for(links, lambda: both <= links.present("eth0"))
    wait_for(links, lambda: not both & links.present("eth0"))
    assert renew(addresses, "eth0", 51, [VIP4], SECOND) is None
    assert str(VIP4) in kernel()


def test_only_what_is_ours_is_renewed(addresses: Addresses) -> None:
    own = ip_interface("192.0.2.11/24")
    assert claim(addresses, "eth0", 51, [own], 600 * SECOND, owner=True) is None
    assert renew(addresses, "eth0", 51, [own], 600 * SECOND) is None
    assert life(own) == FOREVER


def test_what_another_virtual_router_has_claimed_since_is_not_ours_to_release(
    addresses: Addresses,
) -> None:
    """A reload lets an address move: the taker may claim it before the giver lets go."""
    assert claim(addresses, "eth0", 51, [VIP4], 600 * SECOND) is None
    assert claim(addresses, "eth0", 52, [VIP4], 600 * SECOND) is None
    addresses.release("eth0", 51, [VIP4])
    assert str(VIP4) in kernel()
    assert renew(addresses, "eth0", 52, [VIP4], 900 * SECOND) is None
    assert 890 <= life(VIP4) <= 900
    addresses.release("eth0", 52, [VIP4])
    assert str(VIP4) not in kernel()


def test_a_release_finds_an_interface_that_has_another_name_by_then(
    requests: Requests, links: Links, addresses: Addresses
) -> None:
    ip("link", "add", "dev", "left", "type", "veth", "peer", "name", "right")
    try:
        links.drain()
        assert claim(addresses, "left", 51, [VIP4]) is None
        ip("link", "set", "dev", "left", "name", "renamed")
        links.drain()
        addresses.release("left", 51, [VIP4])
        seen = [each.address for each in requests.addresses()]
        assert VIP4 not in seen
    finally:
        ip("link", "del", "dev", "right")


def test_a_renewal_concerns_nobody(links: Links, addresses: Addresses) -> None:
    """Hundreds of instances renew their leases; each would look at the link each time."""
    assert claim(addresses, "eth0", 51, [VIP4, VIP6], 600 * SECOND) is None
    wait_for(links, lambda: {VIP4, VIP6} <= links.present("eth0"))
    assert renew(addresses, "eth0", 51, [VIP4, VIP6], 600 * SECOND) is None
    select.select([links], [], [], 5)
    assert links.drain() == frozenset()
    assert {VIP4, VIP6} <= links.present("eth0")
