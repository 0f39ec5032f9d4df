"""The IP headers in front of a VRRP message: whole, optional, fragmented, cut."""

from __future__ import annotations

import pytest
from captured import GROUP_4, GROUP_6, SOURCE_4, SOURCE_6, ipv4, ipv6, message

from vipd.capture.packet import Gap, Packet, read_packet
from vipd.core.model import Family
from vipd.wire.vrrp import Datagram

MESSAGE_4 = message()
MESSAGE_6 = message("fe80::5", "2001:db8::5")
HOP_BY_HOP = bytes([112, 0, 5, 2, 0, 0, 1, 0])
FRAGMENT_HEADER_BYTES = 8


def read(data: bytes, cut: int = 0) -> Packet | None:
    return read_packet(data[: len(data) - cut], wire_bytes=len(data))


def whole(data: bytes) -> Packet:
    packet = read(data)
    assert packet is not None
    return packet


def test_an_ipv4_datagram() -> None:
    packet = whole(ipv4(MESSAGE_4, ttl=254))
    assert packet.datagram == Datagram(
        payload=MESSAGE_4, source=SOURCE_4, destination=GROUP_4, ttl=254
    )
    assert (packet.family, packet.gap) == (Family.IPV4, None)


def test_an_ipv6_datagram() -> None:
    packet = whole(ipv6(MESSAGE_6, ttl=254))
    assert packet.datagram == Datagram(
        payload=MESSAGE_6, source=SOURCE_6, destination=GROUP_6, ttl=254
    )
    assert (packet.family, packet.gap) == (Family.IPV6, None)


def test_options_and_padding_are_no_part_of_the_message() -> None:
    data = ipv4(MESSAGE_4, options=bytes.fromhex("94040000"))
    assert whole(data + bytes(18)).payload == MESSAGE_4
    assert whole(ipv6(MESSAGE_6) + bytes(18)).payload == MESSAGE_6


def test_extension_headers_are_passed_over() -> None:
    destination_options = bytes([112, 1]) + bytes(14)
    routing = bytes([60, 0]) + bytes(6)
    chain = bytes([43]) + HOP_BY_HOP[1:] + routing + destination_options
    assert whole(ipv6(MESSAGE_6, headers=HOP_BY_HOP, first=0)).payload == MESSAGE_6
    assert whole(ipv6(MESSAGE_6, headers=chain, first=0)).payload == MESSAGE_6


@pytest.mark.parametrize(
    ("fragment", "gap", "payload"),
    [
        (0x4000, None, MESSAGE_4),
        (0x2000, Gap.FRAGMENT, MESSAGE_4),
        (0x0003, Gap.FRAGMENT, b""),
    ],
)
def test_fragments_of_ipv4(fragment: int, gap: Gap | None, payload: bytes) -> None:
    packet = whole(ipv4(MESSAGE_4, fragment=fragment))
    assert (packet.gap, packet.payload) == (gap, payload)


@pytest.mark.parametrize(
    ("fragment", "gap", "payload"),
    [(0, None, MESSAGE_6), (1, Gap.FRAGMENT, MESSAGE_6), (8, Gap.FRAGMENT, b"")],
)
def test_fragments_of_ipv6(fragment: int, gap: Gap | None, payload: bytes) -> None:
    header = bytes([112, 0]) + fragment.to_bytes(2, "big") + bytes(4)
    packet = whole(ipv6(MESSAGE_6, headers=header, first=44))
    assert (packet.gap, packet.payload) == (gap, payload)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x50" + bytes(60),
        ipv4(MESSAGE_4, protocol=17),
        ipv6(MESSAGE_6, first=58),
        ipv6(MESSAGE_6, headers=bytes([17]) + HOP_BY_HOP[1:], first=0),
        ipv6(b"", headers=HOP_BY_HOP[:1], first=0),
    ],
)
def test_whatever_is_not_vrrp_is_not_a_packet(data: bytes) -> None:
    assert read(data) is None


@pytest.mark.parametrize("data", [ipv4(MESSAGE_4), ipv6(MESSAGE_6)])
def test_a_cut_packet_tells_what_is_left_of_it(data: bytes) -> None:
    protocol_at, source_ends, destination_ends = (9, 16, 20) if data[0] >> 4 == 4 else (6, 24, 40)
    for length in range(len(data)):
        packet = read(data, cut=len(data) - length)
        if length <= protocol_at:
            assert packet is None
            continue
        assert packet is not None
        assert packet.gap is Gap.CUT
        assert (packet.source is not None) is (length >= source_ends)
        assert (packet.destination is not None) is (length >= destination_ends)
        assert (packet.datagram is not None) is (length >= destination_ends)


@pytest.mark.parametrize("first", [0x42, 0x40])
def test_a_header_that_is_too_short_carries_nothing(first: int) -> None:
    assert whole(bytes([first]) + ipv4(MESSAGE_4)[1:]).payload == b""


def test_a_datagram_that_is_longer_than_its_frame_is_not_the_captures_fault() -> None:
    data = bytearray(ipv4(MESSAGE_4))
    data[3] += 20
    assert whole(bytes(data)).gap is None
