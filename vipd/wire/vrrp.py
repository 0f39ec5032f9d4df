"""VRRP adverts: the message inside an IP datagram, to an `Advert` and back.

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +-------+-------+---------------+---------------+---------------+
    |version| type  |     VRID      |   priority    | address count |
    +-------+-------+---------------+---------------+---------------+
    |reserv.| interval, centiseconds|           checksum            |
    +-------+-----------------------+-------------------------------+
    |          the addresses, 4 or 16 bytes each ...                |

VRRPv2 has the type of authentication and the interval in seconds, a byte each, where VRRPv3 has
its interval, and eight bytes of authentication after the addresses, there or not.

Theory of operation. `decode` is total: whatever the bytes, the answer is an `Advert` or the first
`DropReason` in the order of RFC 9568 §7.1. It knows nothing of instances: whether the VRID is one
of ours, and whether we hear ourselves, is judged by whoever holds the instances, with reasons
from the same enum. The family of the addresses is the family of the datagram's source.

Over IPv4 the checksum has two forms (see `ChecksumForm`); either is accepted and the advert says
which it was. Over IPv6 there is one, and anything else is wrong.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from ipaddress import IPv4Address, IPv6Address

from vipd.core.config import HIGHEST_TTL
from vipd.core.health import ADDRESS_BYTES, ADVERT_HEADER_BYTES
from vipd.core.model import Advert, ChecksumForm, Family, IPAddress, Vip, family_of
from vipd.wire.checksum import checksum, is_valid, pseudo_header_sum, word_sum

PROTOCOL = 112
"""The IP protocol number, or next header. RFC: 9568 §5.1.1.4, §5.1.2.4."""

GROUP: Mapping[Family, IPAddress] = {
    Family.IPV4: IPv4Address("224.0.0.18"),
    Family.IPV6: IPv6Address("ff02::12"),
}
"""Where adverts go. RFC: 9568 §5.1.1.2, §5.1.2.2."""

REQUIRED_TTL = HIGHEST_TTL
"""What an advert is sent with, and must arrive with. RFC: 9568 §5.1.1.3, §5.1.2.3."""

MAX_INTERVAL_CS = 0x0FFF
"""The longest interval that twelve bits can say. RFC: 9568 §5.2.7."""

MAX_ADDRESSES = 0xFF
"""The most addresses that the count can say. RFC: 9568 §5.2.5."""

MAX_SECONDS_V2 = 0xFF
"""The longest interval that VRRPv2 can say. RFC: 3768 §5.3.7."""

AUTHENTICATION_BYTES = 8
"""The trailer of VRRPv2, there whatever the type. RFC: 3768 §5.3.10."""

_ADVERTISEMENT = 1
_NO_AUTHENTICATION = 0
_SIMPLE_TEXT = 1
_HEADER = struct.Struct("!BBBBHH")
_HEADER_UP_TO_CHECKSUM = struct.Struct("!xBBBH")
_ADDRESS: Mapping[Family, type[IPv4Address | IPv6Address]] = {
    Family.IPV4: IPv4Address,
    Family.IPV6: IPv6Address,
}


class DropReason(Enum):
    """Why a datagram counts as never received; the values are the keys of the counters."""

    TTL = "ttl"
    """The TTL or hop limit is not 255: the sender is not on this link."""

    VERSION = "version"
    """The message is of another VRRP version, or of CARP, which shares the protocol number."""

    TYPE = "type"
    """The message is not an advert."""

    TRUNCATED = "truncated"
    """The message ends before its header or its last address does."""

    OVERLONG = "overlong"
    """Bytes follow the last address, or the addresses are of the other family."""

    CHECKSUM = "checksum"
    """The checksum fits in no form that the family allows."""

    VRID = "vrid"
    """The VRID is 0; there are 1 to 255."""

    NO_ADDRESSES = "no_addresses"
    """The message advertises nothing: its address count is 0."""

    INTERVAL = "interval"
    """The sender's interval is 0, which no timer can follow."""

    INTERVAL_MISMATCH = "interval_mismatch"
    """The sender's interval is not ours, which VRRPv2 requires."""

    AUTH_TYPE = "auth_type"
    """The authentication is of another type than ours (VRRPv2)."""

    PASSWORD = "password"  # noqa: S105  (the name of a reason)
    """The password is not ours (VRRPv2)."""

    PEER = "peer"
    """The sender is not among the unicast peers."""

    OWN = "own"
    """The datagram is one of ours, come back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Datagram:
    """What a socket received: the IP payload, and what the IP header said of it."""

    payload: bytes
    source: IPAddress
    destination: IPAddress
    ttl: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What an instance accepts.

    `min_ttl` below 255 lets adverts through that routers have forwarded. The other two are of
    VRRPv2: without a password only adverts without authentication are good, and an interval that
    is not None must be met. Units: `interval_cs` is in centiseconds.
    """

    version: int = 3
    min_ttl: int = REQUIRED_TTL
    password: bytes | None = field(default=None, repr=False)
    interval_cs: int | None = None


RULES = Rules()
"""What an instance accepts that speaks VRRPv3 to its link."""


def advertised(addresses: Iterable[Vip], family: Family) -> tuple[IPAddress, ...]:
    """The addresses that the adverts of one family carry, in the order in which they do.

    Order: as configured, but IPv6 link-local addresses go first.
    RFC: 9568 §5.2.9.
    """
    own = [address.ip for address in addresses if family_of(address) is family]
    if family is Family.IPV6:
        own.sort(key=lambda address: not address.is_link_local)
    return tuple(own)


def encode(
    advert: Advert, *, source: IPAddress, destination: IPAddress, password: bytes | None = None
) -> bytes:
    """Write an advert, for a datagram from `source` to `destination`.

    `password` goes into an advert of VRRPv2, filled up with zeroes to its eight bytes.
    RFC: 9568 §5.2, the reserved bits are zero (§5.2.6); 3768 §5.3, 2338 §5.3.6.2.
    """
    family = family_of(source)
    assert 0 < len(advert.addresses) <= MAX_ADDRESSES, "an advert has 1 to 255 addresses"
    assert all(family_of(address) is family for address in (destination, *advert.addresses)), (
        "an advert and its datagram are of one family"
    )
    assert advert.version in (2, 3), "the codec speaks VRRPv2 and VRRPv3"
    assert advert.version == 3 or family is Family.IPV4, "VRRPv2 is of IPv4"
    timing = _timing_v2(advert, password) if advert.version == 2 else _timing_v3(advert)
    body = b"".join([address.packed for address in advert.addresses])
    if advert.version == 2:
        body += (password or b"").ljust(AUTHENTICATION_BYTES, b"\0")
    total = word_sum(_header(advert, timing, 0) + body)
    if _has_pseudo_header(advert, family):
        length = ADVERT_HEADER_BYTES + len(body)
        total += pseudo_header_sum(source, destination, protocol=PROTOCOL, length=length)
    return _header(advert, timing, checksum(total)) + body


def _has_pseudo_header(advert: Advert, family: Family) -> bool:
    """RFC: 9568 §5.2.8, 5798 §5.2.8; 3768 §5.3.8."""
    if family is Family.IPV6:
        return True
    return advert.version == 3 and advert.checksum is ChecksumForm.PSEUDO_HEADER


def decode(datagram: Datagram, rules: Rules = RULES) -> Advert | DropReason:
    """Read an advert, or say why not. Never raises, whatever the payload."""
    for fault in faults(datagram, rules):
        return fault
    vrid, priority, _, timing = _HEADER_UP_TO_CHECKSUM.unpack_from(datagram.payload)
    form = checksum_form(datagram)
    assert form is not None, "a checksum that fits nowhere is a fault"
    return Advert(
        version=rules.version,
        vrid=vrid,
        priority=priority,
        interval_cs=_interval_cs(rules.version, timing),
        addresses=_addresses(datagram),
        checksum=form,
    )


def faults(datagram: Datagram, rules: Rules = RULES) -> Iterator[DropReason]:
    """Everything that is wrong with a datagram; it is an advert that we accept when nothing is.

    Order: TTL, version, type, length, checksum, authentication, VRID, address count, interval. A
    foreign protocol is named before it is measured, and what a broken checksum does not vouch for
    is read only for those who want to know it all.
    RFC: 9568 §7.1, §5.2.5 (no address); 3768 §7.1. The reserved bits are ignored (9568 §5.2.6).
    """
    payload = datagram.payload
    if datagram.ttl < rules.min_ttl:
        yield DropReason.TTL
    if not payload:
        yield DropReason.TRUNCATED
        return
    if payload[0] >> 4 != rules.version:
        yield DropReason.VERSION
        return
    if payload[0] & 0x0F != _ADVERTISEMENT:
        yield DropReason.TYPE
    if fault := _length_fault(datagram, rules.version):
        yield fault
        return
    if checksum_form(datagram) is None:
        yield DropReason.CHECKSUM
    yield from _faults_of_fields(payload, rules)


def _faults_of_fields(payload: bytes, rules: Rules) -> Iterator[DropReason]:
    """What is wrong with the fields of a complete message."""
    timing = _HEADER_UP_TO_CHECKSUM.unpack_from(payload)[3]
    if rules.version == 2 and (fault := _authentication_fault(payload, timing >> 8, rules)):
        yield fault
    if payload[1] == 0:
        yield DropReason.VRID
    if payload[3] == 0:
        yield DropReason.NO_ADDRESSES
    interval_cs = _interval_cs(rules.version, timing)
    if interval_cs == 0:
        yield DropReason.INTERVAL
    elif rules.interval_cs not in (None, interval_cs):
        yield DropReason.INTERVAL_MISMATCH


def _authentication_fault(payload: bytes, kind: int, rules: Rules) -> DropReason | None:
    """RFC: 3768 §7.1, §5.3.10 (what type 0 carries is ignored); 2338 §5.3.6.2."""
    if kind != (_NO_AUTHENTICATION if rules.password is None else _SIMPLE_TEXT):
        return DropReason.AUTH_TYPE
    if rules.password is None:
        return None
    told = payload[-AUTHENTICATION_BYTES:]
    expected = rules.password.ljust(AUTHENTICATION_BYTES, b"\0")
    return None if told == expected else DropReason.PASSWORD


def _interval_cs(version: int, timing: int) -> int:
    """The sender's interval, from the two bytes before the checksum.

    RFC: 9568 §5.2.6, §5.2.7 (four reserved bits, then centiseconds); 3768 §5.3.7 (seconds).
    """
    return (timing & 0xFF) * 100 if version == 2 else timing & MAX_INTERVAL_CS


def _timing_v3(advert: Advert) -> int:
    assert 0 < advert.interval_cs <= MAX_INTERVAL_CS, "the interval fits its twelve bits"
    return advert.interval_cs


def _timing_v2(advert: Advert, password: bytes | None) -> int:
    """Authentication type and interval. RFC: 3768 §5.3.6, §5.3.7."""
    seconds, rest = divmod(advert.interval_cs, 100)
    assert rest == 0, "VRRPv2 counts whole seconds"
    assert 0 < seconds <= MAX_SECONDS_V2, "the interval fits its eight bits"
    assert password is None or len(password) <= AUTHENTICATION_BYTES, "a password has 8 bytes"
    kind = _NO_AUTHENTICATION if password is None else _SIMPLE_TEXT
    return kind << 8 | seconds


def _header(advert: Advert, timing: int, field: int) -> bytes:
    return _HEADER.pack(
        advert.version << 4 | _ADVERTISEMENT,
        advert.vrid,
        advert.priority,
        len(advert.addresses),
        timing,
        field,
    )


def message_bytes(version: int, family: Family, count: int) -> int:
    """The size of an advert of `count` addresses. RFC: 9568 §5.2; 3768 §5.1 (and the trailer)."""
    trailer = AUTHENTICATION_BYTES if version == 2 else 0
    return ADVERT_HEADER_BYTES + count * ADDRESS_BYTES[family] + trailer


def _length_fault(datagram: Datagram, version: int) -> DropReason | None:
    payload = datagram.payload
    if len(payload) < ADVERT_HEADER_BYTES:
        return DropReason.TRUNCATED
    expected = message_bytes(version, family_of(datagram.source), payload[3])
    if len(payload) == expected:
        return None
    return DropReason.TRUNCATED if len(payload) < expected else DropReason.OVERLONG


def checksum_form(datagram: Datagram) -> ChecksumForm | None:
    """The form that the checksum fits; the RFC 5798 form where both do, None where neither.

    RFC: 9568 §5.2.8, 5798 §5.2.8; 3768 §5.3.8 (VRRPv2 never had a pseudo-header).
    """
    payload = datagram.payload
    family = family_of(datagram.source)
    message = word_sum(payload)
    if payload[:1] and payload[0] >> 4 == 2 and family is Family.IPV4:
        return ChecksumForm.MESSAGE if is_valid(message) else None
    pseudo_header = pseudo_header_sum(
        datagram.source, datagram.destination, protocol=PROTOCOL, length=len(payload)
    )
    if is_valid(pseudo_header + message):
        return ChecksumForm.PSEUDO_HEADER
    if is_valid(message) and family is Family.IPV4:
        return ChecksumForm.MESSAGE
    return None


def _addresses(datagram: Datagram) -> tuple[IPAddress, ...]:
    payload = datagram.payload
    family = family_of(datagram.source)
    address, size = _ADDRESS[family], ADDRESS_BYTES[family]
    end = ADVERT_HEADER_BYTES + payload[3] * size
    starts = range(ADVERT_HEADER_BYTES, end, size)
    return tuple([address(payload[start : start + size]) for start in starts])
