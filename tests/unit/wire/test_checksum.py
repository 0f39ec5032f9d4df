"""The Internet checksum against sums that were done by hand and against the loop of RFC 1071."""

from __future__ import annotations

import random
import struct
from ipaddress import IPv4Address, IPv6Address

import pytest

from vipd.core.model import IPAddress
from vipd.wire.checksum import checksum, is_valid, pseudo_header_sum, word_sum


def one_by_one(data: bytes) -> int:
    """The checksum as RFC 1071 §4.1 describes it: word after word, carries folded in."""
    total = 0
    for at in range(0, len(data) - 1, 2):
        total += data[at] << 8 | data[at + 1]
    if len(data) % 2:
        total += data[-1] << 8
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("00 01 f2 03 f4 f5 f6 f7", 0x220D),  # The example of RFC 1071 §3: the sum is 0xddf2.
        ("", 0xFFFF),
        ("00 00 00 00", 0xFFFF),
        ("ff ff", 0x0000),
        ("ff fe 00 01", 0x0000),
        ("ff ff 00 01", 0xFFFE),
        ("12", 0xEDFF),
        ("12 34 56", 0x97CB),
    ],
)
def test_checksum_of_known_bytes(data: str, expected: int) -> None:
    assert checksum(word_sum(bytes.fromhex(data))) == expected


def test_checksum_equals_the_loop_of_the_rfc_at_every_length() -> None:
    chance = random.Random(1071)
    for length in range(300):
        data = chance.randbytes(length)
        assert checksum(word_sum(data)) == one_by_one(data), data.hex()


@pytest.mark.parametrize(
    ("words", "valid"),
    [
        ("00 01 f2 03 f4 f5 f6 f7 22 0d", True),
        ("00 01 f2 03 f4 f5 f6 f7 22 0c", False),
        ("ff ff", True),
        ("ff ff 00 00", True),
        ("00 00", False),
        ("", False),
    ],
)
def test_is_valid_says_whether_words_with_their_checksum_add_up(words: str, valid: bool) -> None:
    assert is_valid(word_sum(bytes.fromhex(words))) is valid


def test_sums_of_parts_add_up_to_the_sum_of_the_whole() -> None:
    first, second = bytes.fromhex("ff fe 12 34"), bytes.fromhex("80 00 00 01 fe dc")
    assert checksum(word_sum(first) + word_sum(second)) == one_by_one(first + second)


@pytest.mark.parametrize(
    ("source", "destination", "protocol", "length", "header"),
    [
        (
            IPv4Address("192.0.2.1"),
            IPv4Address("224.0.0.18"),
            112,
            12,
            "c0 00 02 01  e0 00 00 12  00 70  00 0c",
        ),
        (
            IPv6Address("fe80::1"),
            IPv6Address("ff02::12"),
            112,
            24,
            (
                "fe80 0000 0000 0000 0000 0000 0000 0001  ff02 0000 0000 0000 0000 0000 0000 0012"
                "  0000 0018  00 00 00 70"
            ),
        ),
        (
            IPv6Address("2001:db8::1"),
            IPv6Address("ff02::1"),
            58,
            32,
            (
                "2001 0db8 0000 0000 0000 0000 0000 0001  ff02 0000 0000 0000 0000 0000 0000 0001"
                "  0000 0020  00 00 00 3a"
            ),
        ),
    ],
)
def test_pseudo_header_sum_is_the_sum_of_the_laid_out_header(
    source: IPAddress, destination: IPAddress, protocol: int, length: int, header: str
) -> None:
    total = pseudo_header_sum(source, destination, protocol=protocol, length=length)
    laid_out = bytes.fromhex(header)
    assert len(laid_out) == {4: 12, 6: 40}[source.version]
    assert checksum(total) == one_by_one(laid_out)


def test_pseudo_header_of_an_ipv6_datagram_counts_a_length_above_16_bits() -> None:
    source, destination, length = IPv6Address("fe80::1"), IPv6Address("ff02::12"), 0x0001_2345
    laid_out = source.packed + destination.packed + struct.pack("!IxxxB", length, 112)
    total = pseudo_header_sum(source, destination, protocol=112, length=length)
    assert checksum(total) == one_by_one(laid_out)
