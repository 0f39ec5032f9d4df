"""Which virtual router has claimed which address: the last one that did."""

from __future__ import annotations

from ipaddress import ip_interface

from vipd.net.ledger import Entry, Ledger, spot_of

VIP, OTHER = ip_interface("192.0.2.100/24"), ip_interface("2001:db8::100/64")
FIRST, SECOND = ("eth0", 51), ("eth0", 52)


def test_an_address_is_its_last_claimer_s() -> None:
    ledger = Ledger()
    for router in (FIRST, SECOND):
        ledger.note(2, spot_of(VIP), Entry(vip=VIP, router=router, owner=False))
    assert ledger.held(2, FIRST, [VIP, OTHER]) == []
    assert [one.vip for one in ledger.held(2, SECOND, [VIP, OTHER])] == [VIP]
    assert list(ledger.everywhere(FIRST)) == []
    ledger.strike(2, spot_of(VIP))
    ledger.strike(2, spot_of(VIP))
    assert list(ledger.everywhere(SECOND)) == []


def test_what_was_on_an_interface_goes_with_it() -> None:
    ledger = Ledger()
    for index in (2, 3):
        ledger.note(index, spot_of(VIP), Entry(vip=VIP, router=FIRST, owner=False))
    ledger.keep_only(lambda index: index == 3)
    assert ledger.places() == {3: [VIP]}
    assert [index for index, _, _ in ledger.everywhere(FIRST)] == [3]
    ledger.clear()
    assert ledger.places() == {}
