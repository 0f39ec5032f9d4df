"""Packets and capture files, put together byte by byte, so that a test can break any of them."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address, ip_address

from vipd.capture.file import Frame
from vipd.core.model import Advert, ChecksumForm, IPAddress
from vipd.wire.vrrp import PROTOCOL, encode

SOURCE_4, GROUP_4 = IPv4Address("192.0.2.10"), IPv4Address("224.0.0.18")
SOURCE_6, GROUP_6 = IPv6Address("fe80::1"), IPv6Address("ff02::12")
ETHERNET_4 = bytes.fromhex("01005e000012 020000000001 0800")

TIME_NS = 1_700_000_000_123_456_000
TIME = "2023-11-14T22:13:20.123456Z"


def message(
    *addresses: str,
    version: int = 3,
    vrid: int = 51,
    priority: int = 150,
    interval_cs: int = 100,
    checksum: ChecksumForm = ChecksumForm.PSEUDO_HEADER,
    source: IPAddress | None = None,
    password: bytes | None = None,
) -> bytes:
    """A VRRP message as our codec writes it, to the group."""
    listed = tuple(ip_address(one) for one in addresses or ("192.0.2.100",))
    ipv4 = isinstance(listed[0], IPv4Address)
    advert = Advert(
        version=version,
        vrid=vrid,
        priority=priority,
        interval_cs=interval_cs,
        addresses=listed,
        checksum=checksum,
    )
    return encode(
        advert,
        source=source or (SOURCE_4 if ipv4 else SOURCE_6),
        destination=GROUP_4 if ipv4 else GROUP_6,
        password=password,
    )


def ipv4(
    payload: bytes,
    *,
    ttl: int = 255,
    options: bytes = b"",
    fragment: int = 0,
    protocol: int = PROTOCOL,
    source: IPv4Address = SOURCE_4,
) -> bytes:
    """An IPv4 datagram; its header checksum is zero, which nobody here looks at."""
    size = 20 + len(options)
    head = struct.pack(
        "!BBHHHBBH", 0x40 | size // 4, 0xC0, size + len(payload), 0, fragment, ttl, protocol, 0
    )
    return head + source.packed + GROUP_4.packed + options + payload


def ipv6(payload: bytes, *, ttl: int = 255, headers: bytes = b"", first: int = PROTOCOL) -> bytes:
    """An IPv6 datagram; `headers` are extension headers, the first of the kind `first`."""
    head = struct.pack("!IHBB", 6 << 28, len(headers) + len(payload), first, ttl)
    return head + SOURCE_6.packed + GROUP_6.packed + headers + payload


def ethernet(datagram: bytes) -> bytes:
    """An Ethernet frame around an IPv4 datagram."""
    return ETHERNET_4 + datagram


def frame(data: bytes, link_type: int = 1, cut: int = 0) -> Frame:
    """A frame of which the capture has lost the last bytes."""
    kept = data[: len(data) - cut]
    return Frame(time_ns=TIME_NS, link_type=link_type, data=kept, wire_bytes=len(data))


def pcap(*packets: bytes, link_type: int = 1, order: str = "<", nano: bool = False) -> bytes:
    """A pcap file; the packets are a second apart."""
    magic = 0xA1B23C4D if nano else 0xA1B2C3D4
    out = struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, 262_144, link_type)
    fraction = 123_456_000 if nano else 123_456
    for number, packet in enumerate(packets):
        size = len(packet)
        out += struct.pack(f"{order}IIII", 1_700_000_000 + number, fraction, size, size) + packet
    return out


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    """One block of pcapng."""
    body += bytes(-len(body) % 4)
    length = struct.pack(f"{order}I", len(body) + 12)
    return struct.pack(f"{order}I", kind) + length + body + length


def section(order: str = "<") -> bytes:
    """The block that a section of pcapng begins with."""
    return block(0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(link_type: int = 1, order: str = "<", options: bytes = b"", snap: int = 0) -> bytes:
    """The block that describes an interface."""
    return block(1, struct.pack(f"{order}HHI", link_type, 0, snap) + options, order)


def packet_block(data: bytes, order: str = "<", ticks: int = TIME_NS // 1_000) -> bytes:
    """The block of one packet, of the first interface."""
    low, high = ticks & 0xFFFF_FFFF, ticks >> 32
    head = struct.pack(f"{order}IIIII", 0, high, low, len(data), len(data))
    return block(6, head + data, order)


def pcapng(*packets: bytes, link_type: int = 1, order: str = "<") -> bytes:
    """A pcapng file of one section and one interface."""
    blocks = [packet_block(data, order) for data in packets]
    return b"".join((section(order), interface(link_type, order), *blocks))
