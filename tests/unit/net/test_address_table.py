"""The addresses of an interface, found by IP; what is news of them and what is not."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_interface

from vipd.net.netlink import NOPREFIXROUTE, TENTATIVE, AddressSeen
from vipd.net.table import AddressTable

OWN4, OURS4 = ip_interface("192.0.2.11/24"), ip_interface("192.0.2.100/24")
WIDER = ip_interface("192.0.2.100/16")
LOCAL6, GLOBAL6 = ip_interface("fe80::11/64"), ip_interface("2001:db8::11/64")
SEEN = AddressSeen(
    index=2, address=OWN4, ours=False, link_local=False, lifetime=None, flags=NOPREFIXROUTE
)
OURS = replace(SEEN, address=OURS4, ours=True, lifetime=60)
LOCAL = replace(SEEN, address=LOCAL6, link_local=True, flags=0)


def test_what_is_said_again_is_no_news_and_what_is_new_begins_another_moment() -> None:
    table = AddressTable([SEEN])
    before = table.moment
    assert not table.see(SEEN)
    assert table.moment is before
    assert table.see(replace(SEEN, lifetime=5))
    assert table.moment is not before
    assert [one.lifetime for one in table] == [5]


def test_an_ip_may_stand_with_two_prefix_lengths_and_one_of_them_goes() -> None:
    wider = replace(OURS, address=WIDER)
    table = AddressTable([SEEN, OURS, wider])
    assert table.at(OURS4.packed) == (OURS, wider)
    assert table.all == {OWN4, OURS4, WIDER}
    table.forget(OURS4)
    assert table.at(OURS4.packed) == (wider,)
    table.forget(WIDER)
    table.forget(WIDER)
    assert table.at(OURS4.packed) == ()
    assert table.all == {OWN4}


def test_adverts_come_from_what_is_the_host_s_own_and_ready() -> None:
    table = AddressTable([OURS, replace(LOCAL, flags=TENTATIVE), replace(SEEN, address=GLOBAL6)])
    assert not table.sources
    table.see(SEEN)
    table.see(LOCAL)
    assert set(table.sources) == {ip_address("192.0.2.11"), ip_address("fe80::11")}
    table.forget(OWN4)
    assert list(table.sources) == [ip_address("fe80::11")]


def test_a_correction_is_no_news() -> None:
    table, right = AddressTable([SEEN]), AddressTable([SEEN, OURS])
    before, _ = table.moment, table.all
    table.correct([OURS4], right)
    assert table.moment is before
    assert table.all == {OWN4, OURS4}
    assert not table.see(OURS)
