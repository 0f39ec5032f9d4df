"""Capture files of every kind, and every way in which one can be cut off or damaged."""

from __future__ import annotations

import gzip
import io
import random
import struct

import pytest
from captured import TIME_NS, block, interface, packet_block, pcap, pcapng, section

from vipd.capture.file import LARGEST_PACKET, CaptureDamaged, Frame, read_frames

PACKETS = (b"one", b"second", b"", b"four")


def read(data: bytes) -> list[Frame]:
    return list(read_frames(io.BytesIO(data)))


def read_all(data: bytes) -> tuple[list[Frame], str]:
    """What could be read, and what was wrong after it."""
    frames: list[Frame] = []
    try:
        for one in read_frames(io.BytesIO(data)):
            frames.append(one)  # noqa: PERF402  (what came before the error is what counts)
    except CaptureDamaged as error:
        return frames, str(error)
    return frames, ""


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("nano", [False, True])
def test_pcap_in_both_byte_orders_and_units(order: str, nano: bool) -> None:
    frames = read(pcap(*PACKETS, order=order, nano=nano, link_type=101))
    assert [one.data for one in frames] == list(PACKETS)
    assert [one.time_ns for one in frames] == [TIME_NS + n * 10**9 for n in range(4)]
    assert {one.link_type for one in frames} == {101}


def test_the_check_sequence_bits_of_a_link_type_are_none_of_its_number() -> None:
    data = bytearray(pcap(b"x"))
    data[23] = 0x54
    assert read(bytes(data))[0].link_type == 1


def test_a_packet_tells_how_long_it_was_on_the_wire() -> None:
    head, kept = pcap(), b"abc"
    record = struct.pack("<IIII", 1, 0, len(kept), 60) + kept
    assert [(one.data, one.wire_bytes) for one in read(head + record)] == [(kept, 60)]


@pytest.mark.parametrize("order", ["<", ">"])
def test_pcapng_in_both_byte_orders(order: str) -> None:
    frames = read(pcapng(*PACKETS, order=order, link_type=113))
    assert [one.data for one in frames] == list(PACKETS)
    assert {(one.time_ns, one.link_type) for one in frames} == {(TIME_NS, 113)}


@pytest.mark.parametrize(
    ("options", "ticks"),
    [
        (struct.pack("<HHBxxx", 9, 1, 9), TIME_NS),
        (struct.pack("<HHBxxxHH", 9, 1, 3, 0, 0), TIME_NS // 10**6),
        (struct.pack("<HHBxxx", 9, 1, 0x80 | 10), TIME_NS * 1024 // 10**9),
        (struct.pack("<HHq", 14, 8, 1_000_000_000), TIME_NS // 1000 - 10**15),
    ],
)
def test_pcapng_counts_time_as_its_interface_says(options: bytes, ticks: int) -> None:
    data = section() + interface(options=options) + packet_block(b"x", ticks=ticks)
    time_ns = read(data)[0].time_ns
    assert time_ns is not None
    assert 0 <= TIME_NS - time_ns < 10**6


def test_pcapng_has_packets_of_older_and_simpler_kinds_and_blocks_for_others() -> None:
    simple = block(3, struct.pack("<I", 90) + b"simple")
    old = block(2, struct.pack("<HHIIII", 0, 0, 0, 7, 3, 3) + b"old")
    names = block(4, b"names")
    again = section(">") + interface(276, ">") + packet_block(b"new", ">")
    frames = read(section() + interface(snap=6) + names + simple + old + again)
    assert [(one.data, one.wire_bytes, one.link_type) for one in frames] == [
        (b"simple", 90, 1),
        (b"old", 3, 1),
        (b"new", 3, 276),
    ]
    assert [one.time_ns for one in frames] == [None, 7_000, TIME_NS]


@pytest.mark.parametrize("make", [pcap, pcapng])
def test_a_compressed_file_is_read_like_any_other(make: object) -> None:
    assert callable(make)
    data = make(*PACKETS)
    assert read(gzip.compress(data)) == read(data)


@pytest.mark.parametrize("make", [pcap, pcapng])
def test_a_file_cut_off_anywhere_gives_what_came_before_and_says_so(make: object) -> None:
    assert callable(make)
    whole = make(*PACKETS)
    ends = {len(make(*PACKETS[:count])): count for count in range(len(PACKETS) + 1)}
    # In pcapng a file may end after the header of its section, before any interface.
    ends |= {len(section()): 0} if make is pcapng else {}
    for length in range(len(whole) + 1):
        frames, error = read_all(whole[:length])
        assert (error == "") is (length in ends), length
        assert len(frames) == max((n for end, n in ends.items() if end <= length), default=0)


def test_a_compressed_file_cut_off_anywhere_is_damaged() -> None:
    whole = gzip.compress(pcap(*PACKETS))
    for length in range(len(whole)):
        assert read_all(whole[:length])[1], length


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "too short"),
        (b"# a text", "neither pcap nor pcapng"),
        (gzip.compress(b"# a text", mtime=0), "neither pcap nor pcapng"),
        (pcap() + struct.pack("<IIII", 1, 0, LARGEST_PACKET + 1, 60), "cannot have 262145 bytes"),
        (section() + struct.pack("<II", 6, 0xFFFF_FFFC), "a block cannot have 4294967292 bytes"),
        (section() + struct.pack("<II", 6, 13), "a block cannot have 13 bytes"),
        (section() + packet_block(b"x"), "an interface 0 that is not described"),
        (section() + interface() + block(6, b"short"), "too short for its kind"),
        (section() + interface()[:-4] + b"\0\0\0\0", "the two lengths of a block differ"),
        (b"\n\r\r\n" + bytes(24), "without its byte order"),
        (
            section() + interface() + block(6, struct.pack("<IIIII", 0, 0, 0, 99, 99) + b"x"),
            "a packet is longer than its block",
        ),
    ],
)
def test_what_cannot_be_true_is_named(data: bytes, said: str) -> None:
    assert said in read_all(data)[1]


@pytest.mark.parametrize("make", [pcap, pcapng])
def test_damage_of_any_kind_ends_in_nothing_but_the_typed_error(make: object) -> None:
    assert callable(make)
    chance = random.Random("damage")
    whole = make(*PACKETS)
    damaged = 0
    for _ in range(3000):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] = chance.choice((0, 1, 0x7F, 0xFF))
        damaged += bool(read_all(bytes(data))[1])
    assert damaged > 500
