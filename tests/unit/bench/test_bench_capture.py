"""What a witness keeps, and what is read from it."""

from __future__ import annotations

from ipaddress import IPv4Address

from bench.capture import KEPT_BYTES, RECORD, advert, announcement, read
from bench.contender import routers, vip
from bench.voice import Script, frames
from bench.witness import program
from kernel_filter import passed

from vipd.wire import arp

MAC = "02:00:00:00:00:01"
BYTES = bytes.fromhex(MAC.replace(":", ""))
VIP = IPv4Address("198.51.100.7")
SCRIPT = Script(
    mac=MAC,
    source="192.0.2.12",
    count=255,
    interval_ms=20,
    takes=1,
    speak_s=1,
    silent_s=1,
)
ADVERT = frames(SCRIPT)[6]


def record(at_ns: int, frame: bytes) -> bytes:
    return RECORD.pack(at_ns, len(frame)) + frame


def test_an_advert_is_known_by_its_vrid() -> None:
    assert [advert(frame) for frame in frames(SCRIPT)] == list(range(1, 256))
    assert announcement(ADVERT) is None


def test_both_forms_of_gratuitous_arp_announce() -> None:
    request, reply = arp.gratuitous_request(BYTES, VIP), arp.gratuitous_reply(BYTES, VIP)
    assert announcement(request) == announcement(reply) == VIP.packed
    assert advert(request) is None


def test_a_probe_announces_nothing() -> None:
    assert announcement(arp.probe(BYTES, VIP)) is None


def test_what_is_cut_short_is_nothing() -> None:
    assert advert(ADVERT[:30]) is None
    assert announcement(arp.gratuitous_request(BYTES, VIP)[:41]) is None


def test_records_are_sorted_by_who_spoke_of_what() -> None:
    request = arp.gratuitous_request(BYTES, VIP)
    capture = read(record(5, ADVERT) + record(7, request) + record(9, ADVERT))
    assert capture.adverts_of(MAC, 7) == [5, 9]
    assert capture.announcements_of(MAC, VIP.packed) == [7]
    assert capture.adverts_of(MAC, 8) == capture.adverts_of("02:00:00:00:00:02", 7) == []


def test_a_record_that_is_not_whole_is_left_out() -> None:
    assert read(record(5, ADVERT) + record(9, ADVERT)[:-1]).adverts_of(MAC, 7) == [5]


def test_the_kernel_keeps_adverts_and_arp_and_nothing_else() -> None:
    request = arp.gratuitous_request(BYTES, VIP)
    ping = ADVERT[:23] + b"\x01" + ADVERT[24:]
    ipv6 = ADVERT[:12] + b"\x86\xdd" + ADVERT[14:]
    kept = passed(program(), ADVERT, request, ping, ipv6, ADVERT + bytes(100))
    assert kept == [ADVERT, request, (ADVERT + bytes(100))[:KEPT_BYTES]]


def test_every_router_has_an_address_of_its_own_in_the_networks_of_documentation() -> None:
    assert str(routers(1, 100)[0].vip) == "198.51.100.1/32"
    assert str(vip(254)) == "198.51.100.254"
    assert str(vip(255)) == "203.0.113.1"
    assert len({router.vip for router in routers(255, 100)}) == 255
