"""Drift in a real kernel: what others do to our addresses is noticed, named and put right."""

from __future__ import annotations

import json
import select
import subprocess
import time
from collections.abc import Callable, Iterator
from ipaddress import ip_interface
from pathlib import Path

import pytest
from claiming import claim

from vipd.core.model import Vip
from vipd.core.units import SECOND
from vipd.net.address import Addresses
from vipd.net.link import Links
from vipd.net.netlink import Requests

VIP4 = ip_interface("192.0.2.100/24")
VIP6 = ip_interface("2001:db8::100/64")
BOTH = [VIP4, VIP6]
LEASE = 600 * SECOND
EDIT = ("address", "change", "dev", "eth0")


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def kernel() -> dict[str, dict[str, object]]:
    """What `ip` shows on eth0, by address."""
    shown = subprocess.run(
        ["ip", "-json", "address", "show", "dev", "eth0"], check=True, capture_output=True
    )
    infos = json.loads(shown.stdout)[0]["addr_info"]
    return {f"{info['local']}/{info['prefixlen']}": info for info in infos}


def routes6() -> str:
    shown = subprocess.run(
        ["ip", "-6", "route", "show", "dev", "eth0"], check=True, capture_output=True, text=True
    )
    return shown.stdout


def wait_for(links: Links, condition: Callable[[], bool]) -> None:
    """Read netlink until it is so."""
    deadline = time.monotonic() + 5
    while not condition():
        select.select([links], [], [], max(deadline - time.monotonic(), 0))
        links.drain()
        assert time.monotonic() < deadline, "netlink does not say so"


@pytest.fixture
def held(links: Links, addresses: Addresses) -> Iterator[Addresses]:
    """Both addresses are ours, and all is well; in the end the host is as it was."""
    before = set(kernel())
    assert claim(addresses, "eth0", 51, BOTH, LEASE) is None
    wait_for(links, lambda: set(BOTH) <= links.present("eth0"))
    yield addresses
    addresses.release("eth0", 51, BOTH)
    assert set(kernel()) == before


def notices(addresses: Addresses, links: Links) -> str:
    """What an inspection says when netlink has spoken, as the agent would ask for it."""
    deadline = time.monotonic() + 5
    while (what := addresses.inspect("eth0", 51, BOTH, LEASE)) is None:
        readable, _, _ = select.select([links], [], [], max(deadline - time.monotonic(), 0))
        assert readable, "nobody notices"
        concerned = links.drain()
        assert "eth0" in concerned or not concerned
    return what


def repair(addresses: Addresses, links: Links) -> None:
    """Claim again, and see that all is as it was: nobody has anything to say, then or later."""
    assert claim(addresses, "eth0", 51, BOTH, LEASE) is None
    assert addresses.inspect("eth0", 51, BOTH, LEASE) is None
    wait_for(links, lambda: set(BOTH) <= links.present("eth0"))
    assert addresses.inspect("eth0", 51, BOTH, LEASE) is None
    shown = kernel()
    ipv4, ipv6 = shown[str(VIP4)], shown[str(VIP6)]
    for one in (ipv4, ipv6):
        assert 590 <= int(str(one["valid_life_time"])) <= 600
        assert one["noprefixroute"] is True
    assert (ipv6["nodad"], ipv6["preferred_life_time"]) == (True, 0)
    assert not {"tentative", "dadfailed"} & ipv6.keys()


def test_to_see_that_all_is_well_costs_no_question_to_the_kernel(
    requests: Requests, links: Links
) -> None:
    """A conversation that is over can ask nothing."""
    own = Requests()
    addresses = Addresses(own, links)
    assert claim(addresses, "eth0", 51, BOTH, LEASE) is None
    wait_for(links, lambda: set(BOTH) <= links.present("eth0"))
    own.close()
    assert addresses.inspect("eth0", 51, BOTH, LEASE) is None
    index = links.index("eth0")
    assert index is not None
    assert requests.remove(index, BOTH) == [None, None]


@pytest.mark.parametrize("vip", BOTH)
def test_an_address_that_somebody_removes(held: Addresses, links: Links, vip: Vip) -> None:
    ip("address", "del", str(vip), "dev", "eth0")
    assert notices(held, links) == f"{vip} was removed from eth0"
    repair(held, links)


def test_all_addresses_flushed(held: Addresses, links: Links) -> None:
    for vip in BOTH:
        ip("address", "flush", "dev", "eth0", "to", str(vip.ip))
    wait_for(links, lambda: not set(BOTH) & links.present("eth0"))
    assert notices(held, links) == f"{VIP4} was removed from eth0 (and 1 more)"
    repair(held, links)


def test_what_was_not_told_yet_is_no_drift(addresses: Addresses) -> None:
    """The kernel tells of an IPv6 address some time after it has acknowledged it."""
    assert claim(addresses, "eth0", 51, BOTH, LEASE) is None
    assert addresses.inspect("eth0", 51, BOTH, LEASE) is None


@pytest.mark.parametrize("vip", BOTH)
@pytest.mark.parametrize(
    ("lifetime", "text"),
    [
        ("forever", "has lost its lifetime on eth0, and would stay for ever"),
        ("30", "has another lifetime on eth0, 30 s instead of 600 s"),
        ("9000", "has another lifetime on eth0, 9000 s instead of 600 s"),
    ],
)
def test_another_lifetime(
    held: Addresses, links: Links, vip: Vip, lifetime: str, text: str
) -> None:
    ip(*EDIT, str(vip), "valid_lft", lifetime, "preferred_lft", lifetime)
    assert notices(held, links) == f"{vip} {text}"
    repair(held, links)


@pytest.mark.parametrize("vip", BOTH)
def test_a_lifetime_where_there_was_none(addresses: Addresses, links: Links, vip: Vip) -> None:
    assert claim(addresses, "eth0", 51, BOTH, 0) is None
    wait_for(links, lambda: set(BOTH) <= links.present("eth0"))
    assert addresses.inspect("eth0", 51, BOTH, 0) is None
    ip(*EDIT, str(vip), "valid_lft", "500", "preferred_lft", "500")
    select.select([links], [], [], 5)
    links.drain()
    what = addresses.inspect("eth0", 51, BOTH, 0)
    assert what == f"{vip} was given a lifetime on eth0, 500 s"
    assert claim(addresses, "eth0", 51, BOTH, 0) is None
    assert addresses.inspect("eth0", 51, BOTH, 0) is None


def test_the_mark_lost(held: Addresses, links: Links) -> None:
    """Whoever changes an address and says nothing of IFA_PROTO takes our tag away."""
    if not links.tags:
        pytest.skip("Linux older than 5.18 does not tag addresses")
    ip(*EDIT, str(VIP4), "valid_lft", "600", "preferred_lft", "600")
    assert notices(held, links) == f"{VIP4} has lost our mark on eth0"
    repair(held, links)


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (("nodad",), "has got a route for its prefix on eth0"),
        (("noprefixroute", "nodad"), "is not deprecated any more on eth0"),
    ],
)
def test_flags_of_an_ipv6_address(
    held: Addresses, links: Links, flags: tuple[str, ...], text: str
) -> None:
    ip(*EDIT, str(VIP6), "valid_lft", "600", "preferred_lft", "600", *flags)
    assert notices(held, links).startswith(f"{VIP6} {text}")
    repair(held, links)


def test_the_route_of_a_replaced_ipv6_address_goes_again(
    addresses: Addresses, links: Links
) -> None:
    vip = ip_interface("2001:db8:7::100/64")
    assert claim(addresses, "eth0", 51, [vip], LEASE) is None
    assert str(vip.network) not in routes6()
    ip("address", "replace", str(vip), "dev", "eth0")
    assert str(vip.network) in routes6()
    wait_for(links, lambda: addresses.inspect("eth0", 51, [vip], LEASE) is not None)
    assert claim(addresses, "eth0", 51, [vip], LEASE) is None
    assert str(vip.network) not in routes6()


def test_another_prefix_beside_ours(held: Addresses, links: Links) -> None:
    ip("address", "replace", "192.0.2.100/32", "dev", "eth0")
    text = f"{VIP4} is on eth0 with another prefix as well, 192.0.2.100/32"
    assert notices(held, links) == text
    repair(held, links)
    assert "192.0.2.100/32" not in kernel()


@pytest.mark.parametrize("vip", BOTH)
def test_another_prefix_instead_of_ours(held: Addresses, links: Links, vip: Vip) -> None:
    other = f"{vip.ip}/{vip.max_prefixlen}"
    ip("address", "del", str(vip), "dev", "eth0")
    ip("address", "add", other, "dev", "eth0")
    assert notices(held, links) == f"{vip} is on eth0 with another prefix, {other}"
    repair(held, links)
    assert other not in kernel()


@pytest.mark.parametrize("vip", BOTH)
def test_what_nobody_has_read_yet_is_put_right_too(held: Addresses, links: Links, vip: Vip) -> None:
    other = f"{vip.ip}/{vip.max_prefixlen}"
    ip("address", "del", str(vip), "dev", "eth0")
    ip("address", "add", other, "dev", "eth0")
    repair(held, links)
    assert other not in kernel()


def test_a_link_that_was_down_has_lost_its_ipv6_addresses(held: Addresses, links: Links) -> None:
    ip("link", "set", "dev", "eth0", "down")
    ip("link", "set", "dev", "eth0", "up")
    assert notices(held, links) == f"{VIP6} was removed from eth0"
    repair(held, links)
    ip("address", "add", "2001:db8::11/64", "dev", "eth0", "nodad")


def test_ipv6_switched_off_is_drift_then_a_refusal_and_nothing_is_left(
    held: Addresses, links: Links
) -> None:
    switch = Path("/proc/sys/net/ipv6/conf/eth0/disable_ipv6")
    switch.write_text("1")
    assert notices(held, links) == f"{VIP6} was removed from eth0"
    reason = claim(held, "eth0", 51, BOTH, LEASE)
    assert reason is not None
    assert "IPv6 is disabled on this device" in reason
    assert str(VIP4) not in kernel()
    switch.write_text("0")
    assert claim(held, "eth0", 51, BOTH, LEASE) is None
    repair(held, links)
    ip("address", "add", "2001:db8::11/64", "dev", "eth0", "nodad")


# -- what is not ours ---------------------------------------------------------------------------


def test_the_host_s_own_addresses_are_neither_judged_nor_touched(
    addresses: Addresses, links: Links
) -> None:
    own, other = ip_interface("192.0.2.11/24"), ip_interface("192.0.2.11/32")
    for claimed in ([own], [other]):
        for _ in range(2):
            assert claim(addresses, "eth0", 51, claimed, LEASE, owner=True) is None
            links.drain()
            assert addresses.inspect("eth0", 51, claimed, LEASE) is None
        assert str(own) in kernel()
        addresses.release("eth0", 51, claimed)
    assert {str(own), str(other)} & kernel().keys() == {str(own)}


@pytest.mark.parametrize("vip", BOTH)
def test_a_foreign_address_of_another_prefix_is_refused_with_the_way_out(
    addresses: Addresses, links: Links, vip: Vip
) -> None:
    other = f"{vip.ip}/{vip.max_prefixlen}"
    ip("address", "add", other, "dev", "eth0", *(["nodad"] if vip.version == 6 else []))
    try:
        wait_for(links, lambda: ip_interface(other) in links.present("eth0"))
        reason = claim(addresses, "eth0", 51, BOTH, LEASE)
        assert reason is not None
        assert reason.startswith(f"{other} is on eth0 already and vipd did not put it there")
        assert other in kernel()
        assert not {str(one) for one in BOTH} & kernel().keys()
    finally:
        ip("address", "del", other, "dev", "eth0")


@pytest.mark.parametrize("vip", BOTH)
def test_our_own_leftover_of_another_prefix_gives_way(
    requests: Requests, addresses: Addresses, links: Links, vip: Vip
) -> None:
    """The prefix length was changed while the agent was away."""
    index, other = links.index("eth0"), ip_interface(f"{vip.ip}/{vip.max_prefixlen}")
    assert index is not None
    assert requests.add(index, [other], LEASE) == [None]
    wait_for(links, lambda: other in links.present("eth0"))
    assert claim(addresses, "eth0", 51, BOTH, LEASE) is None
    assert str(other) not in kernel()
    assert {str(one) for one in BOTH} <= kernel().keys()


def test_what_another_virtual_router_holds_is_not_judged(held: Addresses) -> None:
    assert held.inspect("eth0", 52, BOTH, 0) is None
    assert held.inspect("eth7", 51, BOTH, LEASE) is None


# -- many ---------------------------------------------------------------------------------------


def test_one_of_two_hundred_is_brought_back_alone(
    requests: Requests, addresses: Addresses, links: Links
) -> None:
    many: list[Vip] = [ip_interface(f"203.0.113.{last}/24") for last in range(1, 201)]
    index = links.index("eth0")
    assert index is not None
    assert claim(addresses, "eth0", 51, many, LEASE) is None
    wait_for(links, lambda: set(many) <= links.present("eth0"))
    ip("address", "del", str(many[120]), "dev", "eth0")
    wait_for(links, lambda: many[120] not in links.present("eth0"))
    what = addresses.inspect("eth0", 51, many, LEASE)
    assert what == f"{many[120]} was removed from eth0"
    kept = [seen.address for seen in requests.addresses(index) if seen.ours]
    assert claim(addresses, "eth0", 51, many, LEASE) is None
    now = [seen.address for seen in requests.addresses(index) if seen.ours]
    assert now == [*kept, many[120]]
    addresses.release("eth0", 51, many)
