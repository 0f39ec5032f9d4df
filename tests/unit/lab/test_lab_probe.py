"""The echoes of the probe: as literal bytes, and as scapy reads and writes them."""

from __future__ import annotations

import socket
import struct
from ipaddress import ip_address

import pytest
from scapy.layers.inet import ICMP, IP
from scapy.layers.inet6 import ICMPv6EchoReply, ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Packet

from vipd.lab.probe import IPV4, IPV6, arrived_ns, echo_request, read_reply, source_mac

VIP4, VIP6 = ip_address("192.0.2.100"), ip_address("2001:db8:51::100")
MAC = "02:00:00:00:00:01"


def frame(*layers: Packet) -> bytes:
    whole = Ether(src=MAC, dst="02:00:00:00:00:03")
    for layer in layers:
        whole /= layer
    return bytes(whole)


REPLY4 = frame(IP(src=str(VIP4), dst="192.0.2.13"), ICMP(type=0, id=4242, seq=65535))
REPLY6 = frame(IPv6(src=str(VIP6), dst="2001:db8:51::13"), ICMPv6EchoReply(id=4242, seq=7))


def test_an_ipv4_request_has_its_checksum() -> None:
    assert echo_request(IPV4, 0x1092, 0x0007) == bytes.fromhex("08 00 e7 66 10 92 00 07")
    assert echo_request(IPV4, 0x1092, 7) == bytes(ICMP(type=8, id=0x1092, seq=7))


def test_the_checksum_of_an_ipv6_request_is_left_to_the_kernel() -> None:
    assert echo_request(IPV6, 0x1092, 7) == bytes.fromhex("80 00 00 00 10 92 00 07")


def test_a_reply_is_known_by_its_sequence_number_and_its_mac() -> None:
    assert read_reply(IPV4, VIP4.packed, 4242, REPLY4) == 65535
    assert read_reply(IPV6, VIP6.packed, 4242, REPLY6) == 7
    assert source_mac(REPLY4) == MAC


@pytest.mark.parametrize(
    "other",
    [
        frame(IP(src="192.0.2.101"), ICMP(type=0, id=4242, seq=1)),
        frame(IP(src=str(VIP4)), ICMP(type=0, id=4243, seq=1)),
        frame(IP(src=str(VIP4)), ICMP(type=8, id=4242, seq=1)),
        frame(IP(src=str(VIP4), proto=112)),
        b"",
    ],
    ids=["other address", "other asker", "request", "other protocol", "nothing"],
)
def test_what_is_no_ipv4_reply_to_us(other: bytes) -> None:
    assert read_reply(IPV4, VIP4.packed, 4242, other) is None


@pytest.mark.parametrize(
    "other",
    [
        frame(IPv6(src="2001:db8:51::101"), ICMPv6EchoReply(id=4242, seq=1)),
        frame(IPv6(src=str(VIP6)), ICMPv6EchoReply(id=4243, seq=1)),
        frame(IPv6(src=str(VIP6)), ICMPv6EchoRequest(id=4242, seq=1)),
        frame(IPv6(src=str(VIP6), nh=112)),
        b"",
    ],
    ids=["other address", "other asker", "request", "other protocol", "nothing"],
)
def test_what_is_no_ipv6_reply_to_us(other: bytes) -> None:
    assert read_reply(IPV6, VIP6.packed, 4242, other) is None


def test_a_frame_cut_short_anywhere_is_no_reply() -> None:
    reply4, reply6 = REPLY4[: 14 + 28], REPLY6[: 14 + 48]
    assert all(read_reply(IPV4, VIP4.packed, 4242, reply4[:n]) is None for n in range(len(reply4)))
    assert all(read_reply(IPV6, VIP6.packed, 4242, reply6[:n]) is None for n in range(len(reply6)))


def test_an_answer_came_when_the_kernel_had_it_however_late_it_is_read() -> None:
    stamp = struct.pack("=qq", 1_700_000_000, 250_000_000)
    ancillary = [(socket.SOL_SOCKET, 35, stamp)]
    wall_now = 1_700_000_000_290_000_000
    assert arrived_ns(ancillary, 5_000_000_000, wall_now) == 4_960_000_000


def test_where_the_kernel_does_not_say_an_answer_came_just_now() -> None:
    assert arrived_ns([(socket.SOL_SOCKET, 29, b"")], 5_000_000_000, 9) == 5_000_000_000
