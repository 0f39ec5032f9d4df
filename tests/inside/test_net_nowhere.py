"""Addresses nowhere: what the kernel makes of the orders that are given for a rehearsal."""

from __future__ import annotations

import errno
import select
from contextlib import closing
from ipaddress import ip_interface

from vipd.agent.rehearsal import REST, Rehearsal
from vipd.core.model import Claim, Vip
from vipd.core.units import SECOND
from vipd.net.link import Links
from vipd.net.netlink import Requests
from vipd.net.nowhere import INDEX, AddressesNowhere

VIPS: tuple[Vip, ...] = (ip_interface("192.0.2.100/24"), ip_interface("2001:db8::100/64"))
CLAIM = Claim(interface="eth0", vrid=51, addresses=VIPS, lease=3 * SECOND)


def test_the_kernel_refuses_because_there_is_no_such_interface(requests: Requests) -> None:
    refused = requests.add(INDEX, VIPS, 3 * SECOND)
    assert [no and no.code for no in refused] == [errno.ENODEV, errno.ENODEV]


def test_all_goes_well_and_nothing_is_there_and_nobody_is_told(
    requests: Requests, links: Links
) -> None:
    before = requests.addresses()
    with closing(AddressesNowhere()) as addresses:
        assert addresses.claim([CLAIM]) == [None]
        assert addresses.renew([CLAIM]) == [None]
        assert requests.addresses() == before
        addresses.release(CLAIM.interface, CLAIM.vrid, CLAIM.addresses)
        assert addresses.claim([CLAIM]) == [None]
        assert addresses.sweep() == []
    assert requests.addresses() == before
    assert select.select([links], [], [], 0)[0] == []


def test_so_it_is_when_takeovers_are_rehearsed(requests: Requests, links: Links) -> None:
    before, now = requests.addresses(), 0
    with closing(AddressesNowhere()) as addresses:
        rehearsal = Rehearsal(addresses, lambda: now)
        for _ in range(20):
            now += REST
            rehearsal.rehearse()
            assert addresses.inspect("eth0", 51, VIPS, 0) is None
    assert requests.addresses() == before
    assert select.select([links], [], [], 0)[0] == []
