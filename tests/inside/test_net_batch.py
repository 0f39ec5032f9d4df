"""Many claims at once in a real kernel: each stands alone, and what is no news is not told."""

from __future__ import annotations

import platform
import select
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from ipaddress import ip_interface

import pytest

from vipd.core.model import Claim, Vip
from vipd.core.units import SECOND
from vipd.net.address import Addresses
from vipd.net.link import Links
from vipd.net.netlink import AddressSeen, Requests

COUNT = 255
LEASE = 600 * SECOND
KERNEL_TAGS = tuple(map(int, platform.release().split(".")[:2])) >= (5, 18)
QUIET_S = 0.2
"""How long nothing is heard where nothing should be. What does come, comes before `send` returns,
but for IPv6, of which this is a multiple of what it takes."""

VIPS: Sequence[Vip] = [ip_interface(f"198.51.100.{last}/24") for last in range(COUNT)]


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def claims(vips: Sequence[Vip] = VIPS, interface: str = "eth0", vrid: int = 1) -> list[Claim]:
    """One virtual router for each address."""
    return [
        Claim(interface=interface, vrid=number, addresses=(vip,), lease=LEASE)
        for number, vip in enumerate(vips, vrid)
    ]


def give_up(addresses: Addresses, made: Sequence[Claim]) -> None:
    for claim in made:
        addresses.release(claim.interface, claim.vrid, claim.addresses)


def there(requests: Requests) -> set[Vip]:
    return {seen.address for seen in requests.addresses()}


def wait_for(links: Links, condition: Callable[[], bool]) -> None:
    """Read netlink until it is so."""
    deadline = time.monotonic() + 5
    while not condition():
        select.select([links], [], [], max(deadline - time.monotonic(), 0))
        links.drain()
        assert time.monotonic() < deadline, "netlink does not say so"


def is_silent(links: Links) -> bool:
    return select.select([links], [], [], QUIET_S)[0] == []


def hears_all(links: Links, vips: Sequence[Vip] = VIPS) -> None:
    wait_for(links, lambda: links.present("eth0").issuperset(vips))
    assert is_silent(links)


def test_many_claims_go_together_and_are_released_one_by_one(
    requests: Requests, links: Links, addresses: Addresses
) -> None:
    made = claims()
    for _ in range(2):
        assert addresses.claim(made) == [None] * COUNT
        assert there(requests).issuperset(VIPS)
    hears_all(links)
    assert all(
        addresses.inspect(each.interface, each.vrid, each.addresses, LEASE) is None for each in made
    )
    give_up(addresses, made)
    assert there(requests).isdisjoint(VIPS)


@pytest.mark.parametrize("place", [0, 63, 64, 200])
def test_what_is_refused_of_one_claim_spoils_no_other(
    requests: Requests, addresses: Addresses, place: int
) -> None:
    """The foreign address is the second of its claim; the first must not stay."""
    foreign, beside = VIPS[place], ip_interface("203.0.113.1/32")
    made = claims()
    made[place] = Claim(interface="eth0", vrid=place + 1, addresses=(beside, foreign), lease=LEASE)
    ip("address", "add", str(foreign), "dev", "eth0")
    try:
        results = addresses.claim(made)
        reason = results.pop(place)
        assert reason is not None
        assert reason.startswith(f"{foreign} is on eth0 already and vipd did not put it there")
        assert results == [None] * (COUNT - 1)
        assert there(requests).issuperset(VIPS)
        assert beside not in there(requests)
        give_up(addresses, made)
        assert there(requests) & set(VIPS) == {foreign}
    finally:
        ip("address", "del", str(foreign), "dev", "eth0")


def test_claims_on_other_interfaces_go_along_and_one_that_is_missing_is_named(
    requests: Requests, links: Links, addresses: Addresses
) -> None:
    """An interface with an MTU below 1280 bytes cannot have IPv6."""
    vip6 = ip_interface("2001:db8::100/64")
    ip("link", "add", "dev", "short", "mtu", "1000", "type", "veth", "peer", "name", "short2")
    try:
        links.drain()
        made = [
            *claims(VIPS[:1], "eth7"),
            *claims(VIPS[1:2], "short"),
            *claims([vip6], "short", 2),
            *claims([vip6]),
        ]
        missing, short4, short6, eth0 = addresses.claim(made)
        assert (missing, short4, eth0) == ("eth7 does not exist", None, None)
        assert short6 is not None
        assert short6.startswith(f"the kernel refused {vip6} on short: ")
        assert {VIPS[1], vip6} <= there(requests)
        assert addresses.renew(made[:2]) == ["eth7 does not exist", None]
    finally:
        ip("link", "del", "dev", "short")


def test_two_claims_of_one_address_leave_it_with_the_later(
    requests: Requests, addresses: Addresses
) -> None:
    one, other = claims([VIPS[7], VIPS[7]])
    assert addresses.claim([one, other]) == [None, None]
    give_up(addresses, [one])
    assert VIPS[7] in there(requests)
    give_up(addresses, [other])
    assert VIPS[7] not in there(requests)


@pytest.mark.skipif(not KERNEL_TAGS, reason="Linux older than 5.18 does not tag addresses")
def test_what_an_earlier_life_left_of_many_is_adopted_and_the_rest_added(
    requests: Requests, links: Links, addresses: Addresses
) -> None:
    index = links.index("eth0")
    assert index is not None
    assert set(requests.add(index, VIPS[::2], 30 * SECOND)) == {None}
    assert addresses.claim(claims()) == [None] * COUNT
    lives = {seen.lifetime for seen in requests.addresses(index) if seen.address in VIPS}
    assert min(life or 0 for life in lives) > 500
    assert addresses.sweep() == []


# -- renewals -----------------------------------------------------------------------------------


def test_renewals_are_no_news(links: Links, addresses: Addresses) -> None:
    made = claims()
    assert addresses.claim(made) == [None] * COUNT
    hears_all(links)
    for _ in range(3):
        assert addresses.renew(made) == [None] * COUNT
        assert is_silent(links)
    ip("address", "add", "203.0.113.9/32", "dev", "eth0")
    wait_for(links, lambda: ip_interface("203.0.113.9/32") in links.present("eth0"))
    ip("address", "del", "203.0.113.9/32", "dev", "eth0")


def test_renewals_of_somebody_else_are_heard(links: Links, addresses: Addresses) -> None:
    """Another agent may hold addresses on the same interface."""
    made = claims(VIPS[:1])
    assert addresses.claim(made) == [None]
    hears_all(links, VIPS[:1])
    with closing(Requests()) as others:
        assert addresses.renew(made) == [None]
        assert is_silent(links)
        assert Addresses(others, links).claim(made) == [None]
        assert not is_silent(links)


@pytest.mark.parametrize("vip", [VIPS[3], ip_interface("2001:db8::103/64")])
def test_a_renewal_brings_back_what_was_removed_and_the_removal_is_noticed(
    requests: Requests, links: Links, addresses: Addresses, vip: Vip
) -> None:
    made = claims([*VIPS[:3], vip, *VIPS[4:9]])
    vips = [one for each in made for one in each.addresses]
    assert addresses.claim(made) == [None] * len(made)
    hears_all(links, vips)
    ip("address", "del", str(vip), "dev", "eth0")
    assert addresses.renew(made) == [None] * len(made)
    assert vip in there(requests)
    assert not is_silent(links)
    assert links.drain() == {"eth0"}
    assert all(addresses.inspect("eth0", each.vrid, each.addresses, LEASE) is None for each in made)
    assert vip in links.present("eth0")


def test_another_lease_is_renewed_for_and_is_no_drift_though_nobody_heard_of_it(
    links: Links, addresses: Addresses
) -> None:
    """A reload may change the lease of what is held."""
    (made,) = claims(VIPS[:1])
    assert addresses.claim([made]) == [None]
    hears_all(links, VIPS[:1])
    longer = Claim(interface="eth0", vrid=1, addresses=made.addresses, lease=4 * LEASE)
    assert addresses.renew([longer]) == [None]
    for _ in range(2):
        assert addresses.inspect("eth0", 1, made.addresses, 4 * LEASE) is None
    what = addresses.inspect("eth0", 1, made.addresses, LEASE)
    assert what == f"{VIPS[0]} has another lifetime on eth0, 2400 s instead of 600 s"


# -- the kernel is asked once -------------------------------------------------------------------


class Asking(Requests):
    """Counts how often the kernel is asked for addresses."""

    asked = 0

    def addresses(self, index: int = 0) -> list[AddressSeen]:
        self.asked += 1
        return super().addresses(index)


def test_many_that_have_departed_are_one_question(links: Links) -> None:
    with closing(Asking()) as requests, closing(Addresses(requests, links)) as addresses:
        made = claims()
        assert addresses.claim(made) == [None] * COUNT
        hears_all(links)
        ip("address", "flush", "dev", "eth0", "to", "198.51.100.0/24")
        wait_for(links, lambda: links.present("eth0").isdisjoint(VIPS))
        before = requests.asked
        what = [addresses.inspect("eth0", each.vrid, each.addresses, LEASE) for each in made]
        assert what == [f"{vip} was removed from eth0" for vip in VIPS]
        assert requests.asked == before + 1
        assert addresses.claim(made) == [None] * COUNT
        what = [addresses.inspect("eth0", each.vrid, each.addresses, LEASE) for each in made]
        assert set(what) == {None}
