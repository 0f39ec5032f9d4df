"""One packet of VRRP, taken out of the IP datagram that carried it.

Sources: RFC 791 §3.1, RFC 8200 §3, §4.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address, IPv6Address

from vipd.core.health import IP_HEADER_BYTES
from vipd.core.model import Family, IPAddress
from vipd.wire.vrrp import PROTOCOL, Datagram

_FRAGMENT_OFFSET, _MORE_FRAGMENTS = 0x1FFF, 0x2000
_OFFSET_6, _MORE_6 = 0xFFF8, 0x0001
_FRAGMENT_HEADER = 44
_OTHER_HEADERS = {0, 43, 60}
"""Hop-by-hop options, routing, destination options: each tells its own length."""


class Gap(Enum):
    """Why a message cannot be judged as a whole; the text is for a person."""

    CUT = "the capture kept only a part of it"
    FRAGMENT = "it is a fragment"


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """A VRRP packet, as far as the capture has it. Units: `time_ns` since the Unix epoch."""

    time_ns: int | None
    family: Family
    source: IPAddress | None
    destination: IPAddress | None
    ttl: int | None
    payload: bytes
    gap: Gap | None = None

    @property
    def datagram(self) -> Datagram | None:
        """What a socket would have received; None where the IP header was cut."""
        if self.source is None or self.destination is None or self.ttl is None:
            return None
        return Datagram(
            payload=self.payload, source=self.source, destination=self.destination, ttl=self.ttl
        )


def read_packet(data: bytes, *, wire_bytes: int, time_ns: int | None = None) -> Packet | None:
    """Read an IP datagram; None when it is not of VRRP, or its protocol cannot be told.

    Units: `wire_bytes` is how long it was before the capture may have cut it.
    """
    version = data[0] >> 4 if data else None
    if version == Family.IPV4:
        return _read_ipv4(data, wire_bytes, time_ns)
    if version == Family.IPV6:
        return _read_ipv6(data, wire_bytes, time_ns)
    return None


def _read_ipv4(data: bytes, wire_bytes: int, time_ns: int | None) -> Packet | None:
    if data[9:10] != bytes([PROTOCOL]):
        return None
    header = (data[0] & 0x0F) * 4
    total = int.from_bytes(data[2:4], "big")
    fragment = int.from_bytes(data[6:8], "big")
    gap = _gap(data, min(total, wire_bytes), fragmented=fragment & (1 << 14) - 1 > 0)
    whole = header >= IP_HEADER_BYTES[Family.IPV4] and not fragment & _FRAGMENT_OFFSET
    return Packet(
        time_ns=time_ns,
        family=Family.IPV4,
        source=IPv4Address(data[12:16]) if len(data) >= 16 else None,
        destination=IPv4Address(data[16:20]) if len(data) >= 20 else None,
        ttl=data[8],
        payload=data[header:total] if whole else b"",
        gap=gap,
    )


def _read_ipv6(data: bytes, wire_bytes: int, time_ns: int | None) -> Packet | None:
    found = _upper_layer(data)
    if found is None:
        return None
    start, fragment = found
    total = IP_HEADER_BYTES[Family.IPV6] + int.from_bytes(data[4:6], "big")
    return Packet(
        time_ns=time_ns,
        family=Family.IPV6,
        source=IPv6Address(data[8:24]) if len(data) >= 24 else None,
        destination=IPv6Address(data[24:40]) if len(data) >= 40 else None,
        ttl=data[7] if len(data) > 7 else None,
        payload=b"" if fragment & _OFFSET_6 else data[start:total],
        gap=_gap(data, min(total, wire_bytes), fragmented=fragment & (_OFFSET_6 | _MORE_6) > 0),
    )


def _upper_layer(data: bytes) -> tuple[int, int] | None:
    """Where the message begins, and what the fragment header says (0 without one)."""
    at, fragment = IP_HEADER_BYTES[Family.IPV6], 0
    header = data[6] if len(data) > 6 else None
    while header != PROTOCOL:
        if header == _FRAGMENT_HEADER and len(data) >= at + 4:
            fragment, size = int.from_bytes(data[at + 2 : at + 4], "big"), 8
        elif header in _OTHER_HEADERS and len(data) >= at + 2:
            size = (data[at + 1] + 1) * 8
        else:
            return None
        header, at = data[at], at + size
    return at, fragment


def _gap(data: bytes, length: int, *, fragmented: bool) -> Gap | None:
    if len(data) < length:
        return Gap.CUT
    return Gap.FRAGMENT if fragmented else None
