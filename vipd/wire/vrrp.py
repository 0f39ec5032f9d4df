"""VRRPv3 adverts: the message inside an IP datagram, to an `Advert` and back.

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +-------+-------+---------------+---------------+---------------+
    |version| type  |     VRID      |   priority    | address count |
    +-------+-------+---------------+---------------+---------------+
    |reserv.| interval, centiseconds|           checksum            |
    +-------+-----------------------+-------------------------------+
    |          the addresses, 4 or 16 bytes each ...                |

Theory of operation. `decode` is total: whatever the bytes, the answer is an `Advert` or the first
`DropReason` in the order of RFC 9568 §7.1. It knows nothing of instances: whether the VRID is one
of ours, and whether we hear ourselves, is judged by whoever holds the instances, with reasons
from the same enum. The family of the addresses is the family of the datagram's source.

Over IPv4 the checksum has two forms (see `ChecksumForm`); either is accepted and the advert says
which it was. Over IPv6 there is one, and anything else is wrong.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address, IPv6Address

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

REQUIRED_TTL = 255
"""The TTL, or hop limit, of a datagram that no router has touched. RFC: 9568 §5.1.1.3, §5.1.2.3."""

MAX_INTERVAL_CS = 0x0FFF
"""The longest interval that twelve bits can say. RFC: 9568 §5.2.7."""

MAX_ADDRESSES = 0xFF
"""The most addresses that the count can say. RFC: 9568 §5.2.5."""

_VERSION = 3
_ADVERTISEMENT = 1
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

    NO_ADDRESSES = "no_addresses"
    """The message advertises nothing: its address count is 0."""

    INTERVAL = "interval"
    """The sender's interval is 0, which no timer can follow."""

    OWN = "own"
    """The datagram is one of ours, come back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Datagram:
    """What a socket received: the IP payload, and what the IP header said of it."""

    payload: bytes
    source: IPAddress
    destination: IPAddress
    ttl: int


def advertised(addresses: Iterable[Vip], family: Family) -> tuple[IPAddress, ...]:
    """The addresses that the adverts of one family carry, in the order in which they do.

    Order: as configured, but IPv6 link-local addresses go first.
    RFC: 9568 §5.2.9.
    """
    own = [address.ip for address in addresses if family_of(address) is family]
    if family is Family.IPV6:
        own.sort(key=lambda address: not address.is_link_local)
    return tuple(own)


def encode(advert: Advert, *, source: IPAddress, destination: IPAddress) -> bytes:
    """Write an advert, for a datagram from `source` to `destination`.

    RFC: 9568 §5.2; the reserved bits are zero (§5.2.6).
    """
    family = family_of(source)
    assert advert.version == _VERSION, "the codec speaks VRRPv3"
    assert 0 < advert.interval_cs <= MAX_INTERVAL_CS, "the interval fits its twelve bits"
    assert 0 < len(advert.addresses) <= MAX_ADDRESSES, "an advert has 1 to 255 addresses"
    assert all(family_of(address) is family for address in (destination, *advert.addresses)), (
        "an advert and its datagram are of one family"
    )
    body = b"".join([address.packed for address in advert.addresses])
    total = word_sum(_header(advert, 0) + body)
    if family is Family.IPV6 or advert.checksum is ChecksumForm.PSEUDO_HEADER:
        length = ADVERT_HEADER_BYTES + len(body)
        total += pseudo_header_sum(source, destination, protocol=PROTOCOL, length=length)
    return _header(advert, checksum(total)) + body


def decode(datagram: Datagram) -> Advert | DropReason:
    """Read an advert, or say why not. Never raises, whatever the payload.

    Order: TTL, version, type, length, checksum, address count, interval. A foreign protocol is
    named before it is measured, and what a broken checksum does not vouch for is not believed.
    RFC: 9568 §7.1, §5.2.5 (no address). The reserved bits are ignored (§5.2.6).
    """
    fault = _fault_before_checksum(datagram)
    if fault is not None:
        return fault
    form = _checksum_form(datagram)
    if form is None:
        return DropReason.CHECKSUM
    vrid, priority, count, interval = _HEADER_UP_TO_CHECKSUM.unpack_from(datagram.payload)
    if count == 0:
        return DropReason.NO_ADDRESSES
    interval_cs = interval & MAX_INTERVAL_CS
    if interval_cs == 0:
        return DropReason.INTERVAL
    return Advert(
        version=_VERSION,
        vrid=vrid,
        priority=priority,
        interval_cs=interval_cs,
        addresses=_addresses(datagram),
        checksum=form,
    )


def _header(advert: Advert, field: int) -> bytes:
    return _HEADER.pack(
        _VERSION << 4 | _ADVERTISEMENT,
        advert.vrid,
        advert.priority,
        len(advert.addresses),
        advert.interval_cs,
        field,
    )


def _fault_before_checksum(datagram: Datagram) -> DropReason | None:
    """What is wrong with an advert that its checksum need not be asked about."""
    payload = datagram.payload
    if datagram.ttl != REQUIRED_TTL:
        return DropReason.TTL
    if not payload:
        return DropReason.TRUNCATED
    if payload[0] >> 4 != _VERSION:
        return DropReason.VERSION
    if payload[0] & 0x0F != _ADVERTISEMENT:
        return DropReason.TYPE
    if len(payload) < ADVERT_HEADER_BYTES:
        return DropReason.TRUNCATED
    expected = ADVERT_HEADER_BYTES + payload[3] * ADDRESS_BYTES[family_of(datagram.source)]
    if len(payload) == expected:
        return None
    return DropReason.TRUNCATED if len(payload) < expected else DropReason.OVERLONG


def _checksum_form(datagram: Datagram) -> ChecksumForm | None:
    """The form that the checksum fits; the RFC 5798 form where both do, None where neither.

    RFC: 9568 §5.2.8, 5798 §5.2.8.
    """
    length = len(datagram.payload)
    message = word_sum(datagram.payload)
    pseudo_header = pseudo_header_sum(
        datagram.source, datagram.destination, protocol=PROTOCOL, length=length
    )
    if is_valid(pseudo_header + message):
        return ChecksumForm.PSEUDO_HEADER
    if is_valid(message) and family_of(datagram.source) is Family.IPV4:
        return ChecksumForm.MESSAGE
    return None


def _addresses(datagram: Datagram) -> tuple[IPAddress, ...]:
    payload = datagram.payload
    family = family_of(datagram.source)
    address, size = _ADDRESS[family], ADDRESS_BYTES[family]
    starts = range(ADVERT_HEADER_BYTES, len(payload), size)
    return tuple([address(payload[start : start + size]) for start in starts])
