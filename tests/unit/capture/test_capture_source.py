"""Link layers, as scapy builds them; files written for others to read; the kernel's filter."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from captured import TIME_NS, ethernet, frame, ipv4, ipv6, message
from scapy.layers.l2 import CookedLinux, CookedLinuxV2, Dot1AD, Dot1Q, Ether, Loopback
from scapy.packet import Packet as Layer
from scapy.utils import RawPcapReader, rdpcap, wrpcap, wrpcapng

from vipd.capture.file import Frame, read_frames
from vipd.capture.packet import Packet, read_packet
from vipd.capture.source import Listener, PcapFile, _assemble, _filter, read_packets
from vipd.capture.verdict import report
from vipd.errors import VipdError

IP_4 = ipv4(message(), options=bytes.fromhex("94040000"))
IP_6 = ipv6(message("fe80::5"))

CARRIERS: dict[str, tuple[int, Any]] = {
    "Ethernet": (1, Ether()),
    "802.1Q": (1, Ether() / Dot1Q(vlan=7)),
    "QinQ": (1, Ether() / Dot1AD(vlan=7) / Dot1Q(vlan=9)),
    "QinQ, old": (1, Ether() / Dot1Q(vlan=7) / Dot1Q(vlan=9)),
    "QinQ, 0x9100": (1, Ether(type=0x9100) / Dot1Q(vlan=9)),
    "SLL": (113, CookedLinux()),
    "SLL, 802.1Q": (113, CookedLinux(proto=0x8100) / Dot1Q(vlan=7)),
    "SLL, QinQ": (113, CookedLinux(proto=0x88A8) / Dot1AD(vlan=7) / Dot1Q(vlan=9)),
    "SLL2": (276, CookedLinuxV2()),
    "SLL2, 802.1Q": (276, CookedLinuxV2(proto=0x8100) / Dot1Q(vlan=7)),
    "SLL2, QinQ": (276, CookedLinuxV2(proto=0x88A8) / Dot1AD(vlan=7) / Dot1Q(vlan=9)),
    "loopback": (0, Loopback()),
}


def read(data: bytes, link_type: int = 1, cut: int = 0) -> list[Packet]:
    return [packet for _, packet in read_packets([frame(data, link_type, cut)])]


def carried(carrier: Layer, datagram: bytes) -> bytes:
    """A frame; its innermost layer says which IP it carries."""
    built = carrier.copy()
    kind = {4: 0x0800, 6: 0x86DD}[datagram[0] >> 4]
    last = built.lastlayer()
    if isinstance(last, Loopback):
        last.type = {4: 2, 6: 10}[datagram[0] >> 4]
    elif isinstance(last, CookedLinux):
        last.proto = kind
    else:
        last.type = kind
    return bytes(built) + datagram


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("datagram", [IP_4, IP_6], ids=["IPv4", "IPv6"])
def test_every_link_layer_and_tag(carrier: str, datagram: bytes) -> None:
    link_type, layers = CARRIERS[carrier]
    expected = read_packet(datagram, wire_bytes=len(datagram), time_ns=TIME_NS)
    assert read(carried(layers, datagram), link_type) == [expected]
    assert expected is not None
    assert report(expected).accepted


@pytest.mark.parametrize("link_type", [12, 14, 101])
@pytest.mark.parametrize("datagram", [IP_4, IP_6], ids=["IPv4", "IPv6"])
def test_raw_ip_of_both_families(link_type: int, datagram: bytes) -> None:
    assert [one.payload for one in read(datagram, link_type)] == [_load(datagram)]


def _load(datagram: bytes) -> bytes:
    packet = read_packet(datagram, wire_bytes=len(datagram))
    assert packet is not None
    return packet.payload


@pytest.mark.parametrize(("link_type", "datagram"), [(228, IP_4), (229, IP_6)])
def test_raw_ip_of_one_family(link_type: int, datagram: bytes) -> None:
    assert [one.payload for one in read(datagram, link_type)] == [_load(datagram)]


def test_padding_and_long_adverts_are_cut_where_ip_says() -> None:
    long = message(*[f"192.0.2.{n}" for n in range(255)])
    assert [one.payload for one in read(ethernet(ipv4(long)) + bytes(30))] == [long]


def test_a_capture_that_kept_too_little_says_so_by_a_gap() -> None:
    (packet,) = read(ethernet(ipv4(message())), cut=5)
    assert packet.gap is not None
    assert len(packet.payload) == len(message()) - 5


def test_other_traffic_and_wreckage_are_passed_over() -> None:
    others = [
        b"",
        bytes([112]),
        bytes([112]) * 40,
        ethernet(ipv4(message(), protocol=17)),
        ethernet(b"\x45" + bytes([112]) * 8),
        # VRRP within a tunnel is on another link.
        ethernet(ipv4(ipv4(message()), protocol=4)),
    ]
    for link_type in (0, 1, 113, 276):
        frames = [frame(data, link_type) for data in others]
        assert list(read_packets(frames)) == []


def test_a_link_type_that_nobody_knows_is_told_at_the_end() -> None:
    good = frame(ethernet(IP_4))
    packets = read_packets([frame(b"usb", 189), good, frame(b"can", 227), good])
    assert [next(packets)[0], next(packets)[0]] == [good, good]
    with pytest.raises(VipdError, match="link type 189, 227 were skipped"):
        next(packets)


@pytest.mark.parametrize("write", [wrpcap, wrpcapng])
def test_files_that_scapy_writes_are_read(write: Callable[..., None], tmp_path: Path) -> None:
    packet = Ether(ethernet(IP_4))
    packet.time = TIME_NS / 10**9
    file = tmp_path / "capture"
    write(str(file), [packet, packet])
    with file.open("rb") as stream:
        frames = list(read_frames(stream))
    assert [one.data for one in frames] == [ethernet(IP_4)] * 2
    assert {(one.time_ns or 0) // 1_000 for one in frames} == {TIME_NS // 1_000}


def test_a_file_that_we_write_is_read_by_scapy_and_by_us(tmp_path: Path) -> None:
    file = tmp_path / "out.pcap"
    frames = [frame(ethernet(IP_4)), frame(ethernet(IP_6), cut=9)]
    with PcapFile(file) as out:
        for one in frames:
            out.write(one)
            assert file.stat().st_size > 24 + len(one.data), "each is written at once"
    assert [bytes(one) for one in rdpcap(str(file))] == [one.data for one in frames]
    with file.open("rb") as stream:
        assert list(read_frames(stream)) == frames


@pytest.mark.parametrize(("given", "written"), [(None, 1), (101, 101)])
def test_a_file_without_packets_is_a_file(given: int | None, written: int, tmp_path: Path) -> None:
    file = tmp_path / "out.pcap"
    with PcapFile(file, link_type=given):
        pass
    with RawPcapReader(str(file)) as reader:
        assert (reader.linktype, list(reader)) == (written, [])


@pytest.mark.parametrize("time_ns", [None, -5, 10**30])
def test_a_time_that_pcap_cannot_say_is_written_as_none(
    time_ns: int | None, tmp_path: Path
) -> None:
    file = tmp_path / "out.pcap"
    with PcapFile(file) as out:
        out.write(Frame(time_ns=time_ns, link_type=1, data=b"x", wire_bytes=1))
    with file.open("rb") as stream:
        assert [one.time_ns for one in read_frames(stream)] == [0]


def test_a_pcap_file_has_one_link_type(tmp_path: Path) -> None:
    with PcapFile(tmp_path / "out.pcap") as out:
        out.write(frame(b"x", 1))
        with pytest.raises(VipdError, match="has one link type, and this capture has more: 1 and"):
            out.write(frame(b"x", 101))


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(VipdError, match=r"cannot write .*: No such file or directory"):
        PcapFile(tmp_path / "no" / "out.pcap")


def test_an_interface_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(VipdError, match=r"no interface 'nowhere0' here; there is: .*lo"):
        Listener("nowhere0")


def test_jumps_count_what_they_skip() -> None:
    program = _assemble((0x15, 7, "end"), (0x06, 0), (0x15, 8, "end"), "end", (0x06, 9))
    assert [struct.unpack("=HBBI", program[at : at + 8]) for at in range(0, 32, 8)] == [
        (0x15, 2, 0, 7),
        (0x06, 0, 0, 0),
        (0x15, 0, 0, 8),
        (0x06, 0, 0, 9),
    ]


def judged(ethertype: int, protocol: int) -> bool:
    """What the filter does with a frame, by the rules of classic BPF."""
    program = [struct.unpack("=HBBI", _filter()[at : at + 8]) for at in range(0, len(_filter()), 8)]
    accumulator, at = 0, 0
    while True:
        code, yes, no, value = program[at]
        at += 1
        if code == 0x28:
            accumulator = ethertype
        elif code == 0x30:
            assert value - 0xFFF00000 == {0x0800: 9, 0x86DD: 6}[ethertype]
            accumulator = protocol
        elif code == 0x15:
            at += yes if accumulator == value else no
        else:
            return bool(value)


def test_the_kernels_filter_lets_through_what_may_be_vrrp() -> None:
    kept = {
        (kind, protocol)
        for kind in (0x0800, 0x86DD, 0x0806, 0x8100, 0x88A8)
        for protocol in range(256)
        if judged(kind, protocol)
    }
    tagged = {(kind, protocol) for kind in (0x8100, 0x88A8) for protocol in range(256)}
    ipv6_headers = {(0x86DD, header) for header in (0, 43, 44, 60, 112)}
    assert kept == {(0x0800, 112)} | ipv6_headers | tagged
