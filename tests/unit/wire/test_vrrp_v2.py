"""VRRPv2 on the wire: what differs from VRRPv3, by literal packets."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from vipd.core.model import Advert, ChecksumForm, Family
from vipd.wire.vrrp import GROUP, Datagram, DropReason, Rules, decode, encode, faults

SOURCE = ip_address("192.0.2.11")
PLAIN = bytes.fromhex("21 33 64 01 00 01 b8 65 c0 00 02 64 0000000000000000".replace(" ", ""))
"""VRID 51, priority 100, one address (192.0.2.100), no authentication, 1 s."""

SECRET = bytes.fromhex("21 33 64 01 01 01 00 00 c0 00 02 64 7333637265740000".replace(" ", ""))
"""The same with the password "s3cret"; the checksum is filled in by `summed`."""

V2 = Rules(version=2)
WITH_PASSWORD = Rules(version=2, password=b"s3cret")

ADVERT = Advert(
    version=2,
    vrid=51,
    priority=100,
    interval_cs=100,
    addresses=(ip_address("192.0.2.100"),),
    checksum=ChecksumForm.MESSAGE,
)


def summed(message: bytes) -> bytes:
    """The message with its checksum, computed here and not by the code under test. RFC: 1071."""
    words = message[:6] + b"\0\0" + message[8:]
    total = sum(int.from_bytes(words[at : at + 2], "big") for at in range(0, len(words), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return message[:6] + (~total & 0xFFFF).to_bytes(2, "big") + message[8:]


def datagram(payload: bytes, ttl: int = 255) -> Datagram:
    return Datagram(payload=payload, source=SOURCE, destination=GROUP[Family.IPV4], ttl=ttl)


def sent(advert: Advert, password: bytes | None = None) -> bytes:
    return encode(advert, source=SOURCE, destination=GROUP[Family.IPV4], password=password)


def test_the_literal_packet_has_the_checksum_that_rfc_1071_says() -> None:
    assert summed(PLAIN) == PLAIN


def test_without_authentication_eight_zeroes_follow_the_addresses() -> None:
    assert sent(ADVERT) == PLAIN
    assert decode(datagram(PLAIN), V2) == ADVERT


def test_a_password_is_filled_up_with_zeroes() -> None:
    assert sent(ADVERT, b"s3cret") == summed(SECRET)
    assert decode(datagram(summed(SECRET)), WITH_PASSWORD) == ADVERT


def test_a_password_of_eight_bytes_has_no_zero() -> None:
    assert sent(ADVERT, b"12345678")[-8:] == b"12345678"


def test_the_form_of_the_checksum_is_never_the_one_with_a_pseudo_header() -> None:
    other = replace(ADVERT, checksum=ChecksumForm.PSEUDO_HEADER)
    assert sent(other) == PLAIN


@pytest.mark.parametrize("length", range(len(PLAIN)))
def test_truncated_at_every_length(length: int) -> None:
    assert decode(datagram(PLAIN[:length]), V2) is DropReason.TRUNCATED


def test_the_trailer_is_part_of_the_message() -> None:
    """A packet without the eight bytes is not complete, whatever some captures believe."""
    assert decode(datagram(PLAIN + b"\0"), V2) is DropReason.OVERLONG


@pytest.mark.parametrize("bit", range(len(PLAIN) * 8))
def test_a_flipped_bit_is_found(bit: int) -> None:
    payload = bytearray(PLAIN)
    payload[bit // 8] ^= 0x80 >> bit % 8
    assert isinstance(decode(datagram(bytes(payload)), V2), DropReason)


@pytest.mark.parametrize(
    ("payload", "rules", "reasons"),
    [
        (PLAIN, Rules(), [DropReason.VERSION]),
        (summed(SECRET), V2, [DropReason.AUTH_TYPE]),
        (PLAIN, WITH_PASSWORD, [DropReason.AUTH_TYPE]),
        (summed(SECRET[:-8] + b"s3crex\0\0"), WITH_PASSWORD, [DropReason.PASSWORD]),
        (summed(SECRET[:-8] + b"s3cret\0x"), WITH_PASSWORD, [DropReason.PASSWORD]),
        (summed(PLAIN[:4] + b"\x02" + PLAIN[5:]), V2, [DropReason.AUTH_TYPE]),
        (summed(PLAIN[:4] + b"\xfe" + PLAIN[5:]), V2, [DropReason.AUTH_TYPE]),
        (summed(PLAIN[:5] + b"\x00" + PLAIN[6:]), V2, [DropReason.INTERVAL]),
        (summed(PLAIN[:-8] + b"whatever"), V2, []),
        (summed(PLAIN[:3] + b"\x00" + PLAIN[4:8] + PLAIN[-8:]), V2, [DropReason.NO_ADDRESSES]),
        (summed(PLAIN[:1] + b"\x00" + PLAIN[2:]), V2, [DropReason.VRID]),
        (PLAIN, Rules(version=2, interval_cs=100), []),
        (PLAIN, Rules(version=2, interval_cs=200), [DropReason.INTERVAL_MISMATCH]),
    ],
)
def test_what_a_receiver_refuses(payload: bytes, rules: Rules, reasons: list[DropReason]) -> None:
    assert list(faults(datagram(payload), rules)) == reasons


def test_everything_that_is_wrong_is_told_the_first_fault_first() -> None:
    bad = bytearray(summed(SECRET))
    bad[6] ^= 1
    told = list(faults(datagram(bytes(bad), ttl=64), Rules(version=2, interval_cs=300)))
    assert told == [
        DropReason.TTL,
        DropReason.CHECKSUM,
        DropReason.AUTH_TYPE,
        DropReason.INTERVAL_MISMATCH,
    ]
    assert decode(datagram(bytes(bad), ttl=64), V2) is DropReason.TTL


@pytest.mark.parametrize("payload", [b"", PLAIN[:-1]])
def test_what_is_not_complete_is_not_read_further(payload: bytes) -> None:
    told = list(faults(datagram(payload, ttl=64), V2))
    assert told == [DropReason.TTL, DropReason.TRUNCATED]


def test_what_the_type_is_does_not_hide_the_rest() -> None:
    odd = summed(b"\x22" + PLAIN[1:])
    assert list(faults(datagram(odd), V2)) == [DropReason.TYPE]


def test_carp_shares_the_first_byte_and_is_not_taken_for_vrrp() -> None:
    """A CARP advertisement is 36 bytes with 0x21 in front."""
    carp = bytes.fromhex("2101000700000001") + bytes(28)
    assert decode(datagram(carp), V2) is DropReason.TRUNCATED


def test_a_lower_ttl_is_let_through_where_peers_may_be_far() -> None:
    far = Rules(version=2, min_ttl=254)
    assert decode(datagram(PLAIN, ttl=254), far) == ADVERT
    assert decode(datagram(PLAIN, ttl=253), far) is DropReason.TTL
