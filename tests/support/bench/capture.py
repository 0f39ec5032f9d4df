"""What a witness has seen: its file, read back as adverts and announcements. Pure but for bytes.

A record is when the frame passed, in nanoseconds of the wall's clock as the kernel stamped it, how
many bytes of it were kept, and these bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

RECORD: Final = struct.Struct("<qH")
KEPT_BYTES: Final = 64
"""Enough for the header of an advert behind those of Ethernet and IP, and for a whole ARP frame."""

_ETHERNET_BYTES = 14
_ARP, _IPV4 = b"\x08\x06", b"\x08\x00"
_ARP_FRAME_BYTES = 42
_VRRP = 112


class Key(NamedTuple):
    """Who spoke, and of which virtual router: its VRID, or its address as four bytes."""

    mac: str
    about: int | bytes


@dataclass(frozen=True, slots=True)
class Capture:
    """The moments of all adverts and of all announcements, in order. Units: nanoseconds."""

    adverts: dict[Key, list[int]] = field(default_factory=dict)
    announcements: dict[Key, list[int]] = field(default_factory=dict)

    def adverts_of(self, mac: str, vrid: int) -> list[int]:
        """When a host has sent adverts of a virtual router."""
        return self.adverts.get(Key(mac, vrid), [])

    def announcements_of(self, mac: str, address: bytes) -> list[int]:
        """When a host has announced an address by gratuitous ARP."""
        return self.announcements.get(Key(mac, address), [])


def read(data: bytes) -> Capture:
    """Sort the records of a witness."""
    capture = Capture()
    for at_ns, frame in _records(data):
        mac = frame[6:12].hex(":")
        if (vrid := advert(frame)) is not None:
            capture.adverts.setdefault(Key(mac, vrid), []).append(at_ns)
        elif (address := announcement(frame)) is not None:
            capture.announcements.setdefault(Key(mac, address), []).append(at_ns)
    return capture


def _records(data: bytes) -> Iterator[tuple[int, bytes]]:
    """All whole records."""
    at = 0
    while at + RECORD.size <= len(data):
        at_ns, length = RECORD.unpack_from(data, at)
        begin, at = at + RECORD.size, at + RECORD.size + length
        if at <= len(data):
            yield at_ns, data[begin:at]


def advert(frame: bytes) -> int | None:
    """The VRID that an advert is of, over IPv4; None when the frame is no advert."""
    if frame[12:14] != _IPV4 or len(frame) < _ETHERNET_BYTES + 28 or frame[23] != _VRRP:
        return None
    return frame[_ETHERNET_BYTES + (frame[_ETHERNET_BYTES] & 0x0F) * 4 + 1]


def announcement(frame: bytes) -> bytes | None:
    """The address that a gratuitous ARP frame announces, request or reply; None for others."""
    if frame[12:14] != _ARP or len(frame) < _ARP_FRAME_BYTES:
        return None
    sender, target = frame[28:32], frame[38:42]
    return sender if sender == target else None
