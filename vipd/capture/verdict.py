"""What a packet says, field by field, and whether vipd would take it for an advert.

The verdict is of an instance that does not own its addresses and is configured with the packet's
own VRID, family, version and interval, and without authentication. A packet that is not there as
a whole is refused as truncated, because nobody can vouch for the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from ipaddress import ip_address

from vipd.capture.packet import Packet
from vipd.core.health import ADDRESS_BYTES, ADVERT_HEADER_BYTES
from vipd.core.model import ChecksumForm, Family
from vipd.wire.vrrp import MAX_INTERVAL_CS, REQUIRED_TTL, DropReason, Rules, checksum_form, faults

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Checksum(Enum):
    """What the checksum of a packet covers, if it is right."""

    MESSAGE = "message"
    PSEUDO_HEADER = "pseudo_header"
    BAD = "bad"
    UNVERIFIABLE = "unverifiable"


_CHECKSUM = {
    ChecksumForm.MESSAGE: Checksum.MESSAGE,
    ChecksumForm.PSEUDO_HEADER: Checksum.PSEUDO_HEADER,
    None: Checksum.BAD,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One packet. Its fields, in this order, are what `vipd capture --json` prints: a contract.

    What could not be read is None. `drop_reasons` is everything that is wrong.
    """

    time: str | None
    source: str | None
    destination: str | None
    ttl: int | None
    version: int | None
    type: int | None
    vrid: int | None
    priority: int | None
    interval_s: float | None
    addresses: tuple[str, ...] | None
    auth_type: int | None
    checksum: Checksum
    accepted: bool
    drop_reasons: tuple[DropReason, ...]


def report(packet: Packet) -> Report:
    """Read and judge one packet."""
    payload = packet.payload
    first, vrid = _byte(payload, 0), _byte(payload, 1)
    version = None if first is None else first >> 4
    reasons = tuple(_drop_reasons(packet, version))
    return Report(
        time=timestamp(packet.time_ns),
        source=_text(packet.source),
        destination=_text(packet.destination),
        ttl=packet.ttl,
        version=version,
        type=None if first is None else first & 0x0F,
        vrid=vrid,
        priority=_byte(payload, 2),
        interval_s=_interval_s(payload, version),
        addresses=_addresses(packet),
        auth_type=_byte(payload, 4) if version == 2 else None,
        checksum=_checksum(packet),
        # No instance can have VRID 0, whatever else is right (RFC 9568 §5.2.3).
        accepted=not reasons,
        drop_reasons=reasons,
    )


def timestamp(time_ns: int | None) -> str | None:
    """A moment in ISO 8601, in UTC, to the microsecond; None where no calendar has it."""
    if time_ns is None:
        return None
    try:
        moment = EPOCH + timedelta(microseconds=time_ns // 1_000)
    except OverflowError:
        return None
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _drop_reasons(packet: Packet, version: int | None) -> list[DropReason]:
    """Everything that is wrong; of a part of a packet, everything that is sure."""
    datagram = packet.datagram
    if datagram is None:
        far = packet.ttl is not None and packet.ttl < REQUIRED_TTL
        return [DropReason.TTL, DropReason.TRUNCATED] if far else [DropReason.TRUNCATED]
    speaks_v2 = version == 2 and packet.family is Family.IPV4
    found = list(faults(datagram, Rules(version=2 if speaks_v2 else 3)))
    if packet.gap is None:
        return found
    sure: list[DropReason] = [reason for reason in found if reason is not DropReason.CHECKSUM]
    return sure if DropReason.TRUNCATED in sure else [*sure, DropReason.TRUNCATED]


def _checksum(packet: Packet) -> Checksum:
    datagram = packet.datagram
    if datagram is None or packet.gap or len(datagram.payload) < ADVERT_HEADER_BYTES:
        return Checksum.UNVERIFIABLE
    return _CHECKSUM[checksum_form(datagram)]


def _interval_s(payload: bytes, version: int | None) -> float | None:
    """RFC: 9568 §5.2.7 (centiseconds); 3768 §5.3.7 (seconds). Another version may mean anything."""
    if len(payload) < 6 or version not in (2, 3):
        return None
    if version == 2:
        return float(payload[5])
    return (int.from_bytes(payload[4:6], "big") & MAX_INTERVAL_CS) / 100


def _addresses(packet: Packet) -> tuple[str, ...] | None:
    """The addresses, if all of them are there."""
    count, size = _byte(packet.payload, 3), ADDRESS_BYTES[packet.family]
    if count is None:
        return None
    body = packet.payload[ADVERT_HEADER_BYTES : ADVERT_HEADER_BYTES + count * size]
    if len(body) < count * size or len(packet.payload) < ADVERT_HEADER_BYTES:
        return None
    return tuple(str(ip_address(body[at : at + size])) for at in range(0, len(body), size))


def _byte(payload: bytes, at: int) -> int | None:
    return payload[at] if len(payload) > at else None


def _text(value: object) -> str | None:
    return None if value is None else str(value)
