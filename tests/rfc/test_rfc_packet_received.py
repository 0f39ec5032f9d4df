"""What RFC 9568 says of an advert that we receive: one test per line of the checklist's section B.

The first number in a test's docstring is that line; the lines that are missing here are not the
codec's (which VRID is ours, who is owner, what is logged) or speak of VRRPv2.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address

import pytest

from vipd.core.model import Advert, ChecksumForm, Family
from vipd.wire.vrrp import GROUP, Datagram, DropReason, decode

V4_SOURCE, V6_SOURCE = "192.0.2.1", "fe80::1"


def folded_sum(data: bytes) -> int:
    """The one's complement sum of 16-bit words, as RFC 1071 §1 has it."""
    total = sum(int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def pseudo_header(datagram: Datagram, next_header: int = 112) -> bytes:
    """RFC 8200 §8.1; that of IPv4 has the same words in another order."""
    length = len(datagram.payload).to_bytes(4, "big")
    addresses = datagram.source.packed + datagram.destination.packed
    return addresses + length + bytes([0, 0, 0, next_header])


def no_header(_: Datagram) -> bytes:
    return b""


def icmpv6_header(datagram: Datagram) -> bytes:
    return pseudo_header(datagram, next_header=58)


def datagram(payload: bytes, source: str = V4_SOURCE, ttl: int = 255) -> Datagram:
    sender = ip_address(source)
    group = GROUP[Family(sender.version)]
    return Datagram(payload=payload, source=sender, destination=group, ttl=ttl)


def received(
    message: str,
    source: str = V4_SOURCE,
    *,
    ttl: int = 255,
    covered: Callable[[Datagram], bytes] = pseudo_header,
) -> Advert | DropReason:
    """What we make of a message, written without its checksum (`....`), that has a right one."""
    unsummed = bytes.fromhex(message.replace("....", "0000"))
    total = folded_sum(covered(datagram(unsummed, source)) + unsummed)
    payload = unsummed[:6] + (0xFFFF - total).to_bytes(2, "big") + unsummed[8:]
    return decode(datagram(payload, source, ttl))


V4 = "31 33 64 01 0064 .... c0000264"
V6 = "31 33 64 01 0064 .... fe800000000000000000000000000051"

both_families = pytest.mark.parametrize(("message", "source"), [(V4, V4_SOURCE), (V6, V6_SOURCE)])


@both_families
@pytest.mark.parametrize("ttl", [0, 1, 64, 254])
def test_line_31_a_ttl_other_than_255_is_refused(message: str, source: str, ttl: int) -> None:
    """31. RFC 9568 §7.1."""
    assert received(message, source, ttl=ttl) is DropReason.TTL
    assert isinstance(received(message, source, ttl=255), Advert)


@both_families
@pytest.mark.parametrize("version", [0, 1, 2, *range(4, 16)])
def test_line_32_a_version_other_than_3_is_refused(message: str, source: str, version: int) -> None:
    """32. RFC 9568 §7.1."""
    assert received(f"{version:x}1" + message[2:], source) is DropReason.VERSION


@both_families
@pytest.mark.parametrize("kind", [0, *range(2, 16)])
def test_line_33_a_type_other_than_1_is_refused(message: str, source: str, kind: int) -> None:
    """33. RFC 9568 §7.1, §5.2.2."""
    assert received(f"3{kind:x}" + message[2:], source) is DropReason.TYPE


@pytest.mark.parametrize(
    ("message", "source"),
    [
        ("31 33 64 02 0064 .... c0000264", V4_SOURCE),
        ("31 33 64 ff 0064 .... c0000264", V4_SOURCE),
        ("31 33 64 02 0064 .... fe800000000000000000000000000051", V6_SOURCE),
    ],
)
def test_line_34_a_message_without_all_of_its_addresses_is_refused(
    message: str, source: str
) -> None:
    """34. RFC 9568 §7.1."""
    assert received(message, source) is DropReason.TRUNCATED


@pytest.mark.parametrize("length", range(8))
def test_line_34_a_message_without_all_of_its_header_is_refused(length: int) -> None:
    """34. RFC 9568 §7.1."""
    assert decode(datagram(bytes.fromhex("3133640100640000")[:length])) is DropReason.TRUNCATED


@pytest.mark.parametrize(("source", "size"), [(V4_SOURCE, 4), (V6_SOURCE, 16)])
@pytest.mark.parametrize("field", ["0000", "dead", "ffff"])
def test_line_35_a_wrong_checksum_is_refused(source: str, size: int, field: str) -> None:
    """35. RFC 9568 §7.1."""
    payload = bytes.fromhex("31 33 64 01 0064" + field) + bytes(size - 1) + b"\x64"
    assert decode(datagram(payload, source)) is DropReason.CHECKSUM


@pytest.mark.parametrize(
    ("covered", "form"),
    [(no_header, ChecksumForm.MESSAGE), (pseudo_header, ChecksumForm.PSEUDO_HEADER)],
)
def test_line_36_both_forms_of_ipv4_are_accepted_and_told_apart(
    covered: Callable[[Datagram], bytes], form: ChecksumForm
) -> None:
    """36. RFC 9568 §5.2.8, RFC 5798 §5.2.8."""
    verdict = received(V4, covered=covered)
    assert isinstance(verdict, Advert)
    assert verdict.checksum is form


@pytest.mark.parametrize("covered", [no_header, icmpv6_header])
def test_line_37_no_other_form_of_ipv6_is_accepted(covered: Callable[[Datagram], bytes]) -> None:
    """37. RFC 9568 §5.2.8."""
    assert received(V6, V6_SOURCE, covered=covered) is DropReason.CHECKSUM


@pytest.mark.parametrize("source", [V4_SOURCE, V6_SOURCE])
def test_line_40_an_advert_without_addresses_is_refused(source: str) -> None:
    """40. RFC 9568 §5.2.5."""
    assert received("31 33 00 00 0064 ....", source) is DropReason.NO_ADDRESSES


@pytest.mark.parametrize("interval", ["0000", "1000", "f000"])
def test_line_41_an_interval_of_zero_is_refused(interval: str) -> None:
    """41. RFC 9568 §7.1, erratum 8301."""
    assert received(f"31 33 64 01 {interval} .... c0000264") is DropReason.INTERVAL


def test_line_42_the_reserved_bits_are_ignored() -> None:
    """42. RFC 9568 §5.2.6."""
    verdict = received("31 33 64 01 f064 .... c0000264")
    assert isinstance(verdict, Advert)
    assert verdict.interval_cs == 100


@pytest.mark.parametrize(("interval", "interval_cs"), [("0001", 1), ("0064", 100), ("0fff", 4095)])
def test_line_43_every_other_interval_is_accepted(interval: str, interval_cs: int) -> None:
    """43. RFC 9568 §7.1: an interval that differs from ours is a reason to log, not to discard."""
    verdict = received(f"31 33 64 01 {interval} .... c0000264")
    assert isinstance(verdict, Advert)
    assert verdict.interval_cs == interval_cs


def test_line_44_the_addresses_are_told_so_that_they_can_be_compared() -> None:
    """44. RFC 9568 §7.1: addresses that differ from ours are a reason to log, not to discard."""
    verdict = received("31 33 64 02 0064 .... cb007109 c6336407")
    assert isinstance(verdict, Advert)
    assert [str(address) for address in verdict.addresses] == ["203.0.113.9", "198.51.100.7"]


def test_line_46_a_first_ipv6_address_that_is_not_link_local_is_accepted() -> None:
    """46. RFC 9568 §5.2.9 binds the sender; erratum 8300 would refuse what deployed hosts send."""
    message = "31 33 64 01 0064 .... 20010db8000000000000000000000009"
    assert isinstance(received(message, V6_SOURCE), Advert)


def test_line_47_addresses_of_the_other_family_are_refused() -> None:
    """47. RFC 9568 §5.2.9: the family of the datagram is that of its addresses."""
    assert received(V6, V4_SOURCE) is DropReason.OVERLONG
    assert received(V4, V6_SOURCE) is DropReason.TRUNCATED


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("21 33 64 01 0064 .... c0000264", "version"),
        ("32 33 64 01 0064 .... c0000264", "type"),
        ("31 33 64 02 0064 .... c0000264", "truncated"),
        ("31 33 64 01 0064 .... c0000264 00", "overlong"),
        ("31 33 64 00 0064 ....", "no_addresses"),
        ("31 33 64 01 0000 .... c0000264", "interval"),
    ],
)
def test_line_50_every_refusal_has_a_reason_to_count(message: str, reason: str) -> None:
    """50. RFC 9568 §7.1."""
    verdict = received(message)
    assert isinstance(verdict, DropReason)
    assert verdict.value == reason


def test_line_55_carp_is_refused() -> None:
    """55. CARP shares the protocol number; its header is 36 bytes and begins with 0x21."""
    message = "21 01 64 07 0001 .... " + "0123456789abcdef" * 3 + "01234567"
    assert received(message, covered=no_header) is DropReason.VERSION


@both_families
@pytest.mark.parametrize("excess", ["00", "00000000", "0000000000000000"])
def test_line_134_bytes_after_the_message_are_refused(
    message: str, source: str, excess: str
) -> None:
    """134. The RFC is silent; every implementation that was looked at discards them."""
    assert received(message + excess, source) is DropReason.OVERLONG


def test_line_137_the_other_zero_is_accepted() -> None:
    """137. RFC 1071 §1: 0x0000 and 0xffff are the same number; a sender may write either."""
    for field in ("0000", "ffff"):
        payload = bytes.fromhex(f"31 33 64 01 0064 {field} c000aa66")
        assert isinstance(decode(datagram(payload)), Advert), field
