"""What an address may look like, what it may not, and the words for it."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_interface

import pytest

from vipd.core.model import Vip
from vipd.core.units import SECOND, Duration
from vipd.net.drift import Intent, summary, with_other_prefix
from vipd.net.netlink import (
    DADFAILED,
    DEPRECATED,
    NODAD,
    NOPREFIXROUTE,
    TENTATIVE,
    AddressSeen,
)
from vipd.net.table import AddressTable

VIP4, VIP6 = ip_interface("192.0.2.100/24"), ip_interface("2001:db8::100/64")
FLAGS6 = NOPREFIXROUTE | NODAD | DEPRECATED
SEEN4 = AddressSeen(
    index=2, address=VIP4, ours=True, link_local=False, lifetime=60, flags=NOPREFIXROUTE
)
SEEN6 = replace(SEEN4, address=VIP6, flags=FLAGS6)


def said(
    seen: AddressSeen,
    vip: Vip | None = None,
    *,
    lease: Duration = 60 * SECOND,
    tagged: bool = True,
    alone: bool = True,
) -> str | None:
    intent = Intent(place="eth0", lease=lease, tagged=tagged, alone=alone)
    return summary(intent.departures([vip or seen.address], AddressTable([seen])))


@pytest.mark.parametrize("seen", [SEEN4, SEEN6])
def test_what_is_as_installed_has_not_departed(seen: AddressSeen) -> None:
    assert said(seen) is None
    assert said(replace(seen, lifetime=None), lease=0) is None


@pytest.mark.parametrize(("lease_s", "left"), [(60, 61), (60, 20), (60, 19), (3, 0), (1, 0)])
def test_what_is_left_of_a_lease_is_no_drift(lease_s: int, left: int) -> None:
    assert said(replace(SEEN4, lifetime=left), lease=lease_s * SECOND) is None


@pytest.mark.parametrize(("lease_s", "left"), [(60, 62), (60, 18), (60, 0), (1, 3)])
def test_what_cannot_be_left_of_a_lease_is_drift(lease_s: int, left: int) -> None:
    text = f"{VIP4} has another lifetime on eth0, {left} s instead of {lease_s} s"
    assert said(replace(SEEN4, lifetime=left), lease=lease_s * SECOND) == text


def test_a_part_of_a_second_counts_as_a_whole_one() -> None:
    assert said(replace(SEEN4, lifetime=3), lease=2 * SECOND + 1) is None


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (FLAGS6 | DADFAILED, "failed duplicate address detection on eth0"),
        (FLAGS6 | TENTATIVE, "waits for duplicate address detection on eth0"),
        (FLAGS6 & ~NOPREFIXROUTE, "has got a route for its prefix on eth0"),
        (FLAGS6 & ~DEPRECATED, "is not deprecated any more on eth0, so that connections may"),
        (FLAGS6 & ~NODAD, "is subject to duplicate address detection on eth0"),
    ],
)
def test_flags(flags: int, text: str) -> None:
    what = said(replace(SEEN6, flags=flags))
    assert what is not None
    assert what.startswith(f"{VIP6} {text}")


def test_a_lost_tag_is_drift_where_the_kernel_keeps_tags() -> None:
    assert said(replace(SEEN4, ours=False)) == f"{VIP4} has lost our mark on eth0"
    assert said(replace(SEEN4, ours=False), tagged=False) is None


def test_another_prefix_is_drift_unless_the_host_owns_the_address() -> None:
    other = ip_interface("192.0.2.100/32")
    intent = Intent(place="eth0", lease=60 * SECOND, tagged=True)
    there = AddressTable([SEEN4, replace(SEEN4, address=other)])
    text = f"{VIP4} is on eth0 with another prefix as well, {other}"
    assert list(intent.departures([VIP4], there)) == [text]
    assert list(replace(intent, alone=False).departures([VIP4], there)) == []
    text = f"{VIP4} is on eth0 with another prefix, {other}"
    assert said(replace(SEEN4, address=other), VIP4) == text


def test_many_are_told_in_one_sentence() -> None:
    assert summary([]) is None
    assert summary(["one"]) == "one"
    assert summary(["one", "two", "three"]) == "one (and 2 more)"


def test_only_another_prefix_of_the_same_ip_is_one() -> None:
    others: list[Vip] = [ip_interface("192.0.2.100/32"), ip_interface("192.0.2.101/32")]
    seen = [replace(SEEN4, address=one) for one in others]
    there = AddressTable([SEEN4, *seen])
    assert with_other_prefix([VIP4, VIP6], there) == [seen[0]]
    assert with_other_prefix([VIP4, others[0]], there) == []
    assert with_other_prefix([others[0], VIP4], there) == []
