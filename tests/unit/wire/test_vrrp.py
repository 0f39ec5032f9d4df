"""The advert codec: literal vectors (computed with scapy), and a table of everything refused."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Interface, IPv6Interface, ip_address

import pytest

from vipd.core.model import Advert, ChecksumForm, Family, IPAddress, Vip
from vipd.wire.vrrp import GROUP, Datagram, DropReason, advertised, decode, encode

PSEUDO_HEADER, MESSAGE = ChecksumForm.PSEUDO_HEADER, ChecksumForm.MESSAGE


def advert(
    *addresses: str,
    vrid: int = 51,
    priority: int = 150,
    interval_cs: int = 100,
    checksum: ChecksumForm = PSEUDO_HEADER,
) -> Advert:
    return Advert(
        version=3,
        vrid=vrid,
        priority=priority,
        interval_cs=interval_cs,
        addresses=tuple(ip_address(address) for address in addresses),
        checksum=checksum,
    )


def datagram(payload: bytes | str, source: str = "192.0.2.1", ttl: int = 255) -> Datagram:
    sender = ip_address(source)
    return Datagram(
        payload=payload if isinstance(payload, bytes) else bytes.fromhex(payload),
        source=sender,
        destination=GROUP[Family(sender.version)],
        ttl=ttl,
    )


V4 = "31 33 96 01 00 64 d3 71  c0 00 02 64"
V4_MESSAGE_ONLY = "31 33 96 01 00 64 76 02  c0 00 02 64"
V6 = (
    "31 33 96 02 00 64 88 9f"
    "fe 80 00 00 00 00 00 00 00 00 00 00 00 00 00 51"
    "20 01 0d b8 00 51 00 00 00 00 00 00 00 00 01 00"
)
V6_SOURCE = "fe80::5054:ff:fe12:3456"

VECTORS = [
    pytest.param(V4, "192.0.2.1", advert("192.0.2.100"), id="ipv4"),
    pytest.param(
        V4_MESSAGE_ONLY, "192.0.2.1", advert("192.0.2.100", checksum=MESSAGE), id="ipv4-message"
    ),
    pytest.param(
        "31 01 ff 03 0f ff 23 ec  c6 33 64 c8  cb 00 71 09  c6 33 64 03",
        "198.51.100.7",
        advert(
            *("198.51.100.200", "203.0.113.9", "198.51.100.3"),
            vrid=1,
            priority=255,
            interval_cs=4095,
        ),
        id="ipv4-owner-slowest",
    ),
    pytest.param(
        "31 ff 00 01 00 01 69 01  c0 00 02 64",
        "192.0.2.9",
        advert("192.0.2.100", vrid=255, priority=0, interval_cs=1),
        id="ipv4-release-fastest",
    ),
    pytest.param(V6, V6_SOURCE, advert("fe80::51", "2001:db8:51::100"), id="ipv6"),
]


@pytest.mark.parametrize(("payload", "source", "value"), VECTORS)
def test_encode_writes_the_known_bytes(payload: str, source: str, value: Advert) -> None:
    sender = ip_address(source)
    written = encode(value, source=sender, destination=GROUP[Family(sender.version)])
    assert written.hex() == bytes.fromhex(payload).hex()


@pytest.mark.parametrize(("payload", "source", "value"), VECTORS)
def test_decode_reads_the_known_bytes(payload: str, source: str, value: Advert) -> None:
    assert decode(datagram(payload, source)) == value


def test_ipv6_has_one_checksum_form_whatever_the_advert_asks_for() -> None:
    value = advert("fe80::51", "2001:db8:51::100", checksum=MESSAGE)
    sender = ip_address(V6_SOURCE)
    written = encode(value, source=sender, destination=GROUP[Family.IPV6])
    assert written == bytes.fromhex(V6)


@pytest.mark.parametrize(
    ("value", "source", "destination"),
    [
        (replace(advert("192.0.2.100"), version=1), "192.0.2.1", "224.0.0.18"),
        (replace(advert("2001:db8::1"), version=2), "fe80::1", "ff02::12"),
        (replace(advert("192.0.2.100"), version=2, interval_cs=150), "192.0.2.1", "224.0.0.18"),
        (replace(advert("192.0.2.100"), version=2, interval_cs=25_600), "192.0.2.1", "224.0.0.18"),
        (advert("192.0.2.100", interval_cs=0), "192.0.2.1", "224.0.0.18"),
        (advert("192.0.2.100", interval_cs=4096), "192.0.2.1", "224.0.0.18"),
        (advert(), "192.0.2.1", "224.0.0.18"),
        (advert(*["192.0.2.100"] * 256), "192.0.2.1", "224.0.0.18"),
        (advert("2001:db8::1"), "192.0.2.1", "224.0.0.18"),
        (advert("192.0.2.100", "2001:db8::1"), "192.0.2.1", "224.0.0.18"),
        (advert("192.0.2.100"), "fe80::1", "ff02::12"),
        (advert("192.0.2.100"), "192.0.2.1", "ff02::12"),
    ],
)
def test_an_advert_that_the_wire_cannot_carry_is_our_mistake(
    value: Advert, source: str, destination: str
) -> None:
    with pytest.raises(AssertionError):
        encode(value, source=ip_address(source), destination=ip_address(destination))


@pytest.mark.parametrize("family", Family)
def test_as_many_addresses_as_the_count_can_say_make_the_trip(family: Family) -> None:
    base, source = {
        Family.IPV4: ("198.51.100.0", "192.0.2.1"),
        Family.IPV6: ("2001:db8::", "fe80::1"),
    }[family]
    addresses = tuple(ip_address(base) + count for count in range(255))
    value = replace(advert(), addresses=addresses)
    written = encode(value, source=ip_address(source), destination=GROUP[family])
    assert written[3] == 255
    assert decode(datagram(written, source)) == value


# -- what is refused ------------------------------------------------------------------------


def with_checksum(message: str, source: str) -> bytes:
    """Fill in the RFC 5798 checksum of a message whose field is written as `00 00`."""
    data = bytes.fromhex(message)
    sender = ip_address(source)
    group = GROUP[Family(sender.version)]
    laid_out = sender.packed + group.packed + len(data).to_bytes(4, "big") + b"\0\0\0\x70" + data
    total = sum(int.from_bytes(laid_out[at : at + 2], "big") for at in range(0, len(laid_out), 2))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return data[:6] + (~total & 0xFFFF).to_bytes(2, "big") + data[8:]


@pytest.mark.parametrize("ttl", [*range(255), -1])
def test_any_other_ttl_is_refused(ttl: int) -> None:
    assert decode(datagram(V4, ttl=ttl)) is DropReason.TTL
    assert decode(datagram(V6, V6_SOURCE, ttl=ttl)) is DropReason.TTL


@pytest.mark.parametrize("version", [version for version in range(16) if version != 3])
def test_any_other_version_is_refused(version: int) -> None:
    message = f"{version:x}1 33 96 01 00 64 00 00 c0 00 02 64"
    assert decode(datagram(with_checksum(message, "192.0.2.1"))) is DropReason.VERSION


@pytest.mark.parametrize("kind", [kind for kind in range(16) if kind != 1])
def test_any_other_type_is_refused(kind: int) -> None:
    message = f"3{kind:x} 33 96 01 00 64 00 00 c0 00 02 64"
    assert decode(datagram(with_checksum(message, "192.0.2.1"))) is DropReason.TYPE


@pytest.mark.parametrize(("payload", "source"), [(V4, "192.0.2.1"), (V6, V6_SOURCE)])
def test_a_message_cut_short_anywhere_is_truncated(payload: str, source: str) -> None:
    whole = bytes.fromhex(payload)
    for length in range(len(whole)):
        assert decode(datagram(whole[:length], source)) is DropReason.TRUNCATED, length


@pytest.mark.parametrize(("payload", "source"), [(V4, "192.0.2.1"), (V6, V6_SOURCE)])
@pytest.mark.parametrize("excess", [1, 2, 4, 8, 16, 1000])
def test_bytes_after_the_last_address_are_overlong(payload: str, source: str, excess: int) -> None:
    longer = bytes.fromhex(payload) + bytes(excess)
    assert decode(datagram(longer, source)) is DropReason.OVERLONG


def test_addresses_of_the_other_family_do_not_fit() -> None:
    assert decode(datagram(V6, "192.0.2.1")) is DropReason.OVERLONG
    assert decode(datagram(V4, "fe80::1")) is DropReason.TRUNCATED


def reason_for_a_flipped_bit(position: int) -> set[DropReason]:
    """What the byte at this position may be refused for once one of its bits is wrong."""
    if position == 0:
        return {DropReason.VERSION, DropReason.TYPE}
    if position == 3:
        return {DropReason.TRUNCATED, DropReason.OVERLONG}
    return {DropReason.CHECKSUM}


@pytest.mark.parametrize(
    ("payload", "source"),
    [(V4, "192.0.2.1"), (V4_MESSAGE_ONLY, "192.0.2.1"), (V6, V6_SOURCE)],
)
def test_every_single_flipped_bit_is_noticed(payload: str, source: str) -> None:
    whole = bytes.fromhex(payload)
    for position in range(len(whole)):
        for bit in range(8):
            wrong = bytearray(whole)
            wrong[position] ^= 1 << bit
            verdict = decode(datagram(bytes(wrong), source))
            assert verdict in reason_for_a_flipped_bit(position), (position, bit, verdict)


@pytest.mark.parametrize(
    ("source", "destination"),
    [("192.0.2.2", "224.0.0.18"), ("192.0.2.1", "192.0.2.9")],
)
def test_a_pseudo_header_of_other_addresses_does_not_fit(source: str, destination: str) -> None:
    moved = replace(datagram(V4), source=ip_address(source), destination=ip_address(destination))
    assert decode(moved) is DropReason.CHECKSUM


def test_where_both_forms_fit_it_is_the_pseudo_header() -> None:
    """This pseudo-header changes no checksum: its words add up to twice 0xffff.

    They are 0xc000 + 0x0201 + 0x3dfe + 0xff83 + 112 + 12.
    """
    source, destination = ip_address("192.0.2.1"), ip_address("61.254.255.131")
    received = Datagram(
        payload=bytes.fromhex(V4_MESSAGE_ONLY), source=source, destination=destination, ttl=255
    )
    value = advert("192.0.2.100")
    forms = {
        encode(replace(value, checksum=form), source=source, destination=destination)
        for form in ChecksumForm
    }
    assert forms == {received.payload}
    assert decode(received) == value


@pytest.mark.parametrize(
    ("message", "source"),
    [
        ("31 33 96 00 00 64 00 00", "192.0.2.1"),
        ("31 33 96 00 00 64 00 00", "fe80::1"),
        ("31 33 00 00 00 00 00 00", "192.0.2.1"),
    ],
)
def test_an_advert_of_nothing_is_refused(message: str, source: str) -> None:
    verdict = decode(datagram(with_checksum(message, source), source))
    assert verdict is DropReason.NO_ADDRESSES


@pytest.mark.parametrize("reserved", range(16))
def test_an_interval_of_zero_is_refused_whatever_the_reserved_bits(reserved: int) -> None:
    message = f"31 33 96 01 {reserved:x}0 00 00 00 c0 00 02 64"
    assert decode(datagram(with_checksum(message, "192.0.2.1"))) is DropReason.INTERVAL


@pytest.mark.parametrize("reserved", range(16))
def test_reserved_bits_are_ignored(reserved: int) -> None:
    message = f"31 33 96 01 {reserved:x}0 64 00 00 c0 00 02 64"
    assert decode(datagram(with_checksum(message, "192.0.2.1"))) == advert("192.0.2.100")


# Each datagram has the named fault and all that follow it in the list.
ORDER = [
    ("", 254, DropReason.TTL),
    ("", 255, DropReason.TRUNCATED),
    ("22 33", 255, DropReason.VERSION),
    ("32 33", 255, DropReason.TYPE),
    ("31 33", 255, DropReason.TRUNCATED),
    ("31 33 96 02 00 00 00 00 c0 00 02 64", 255, DropReason.TRUNCATED),
    ("31 33 96 00 00 00 00 00 c0 00 02 64", 255, DropReason.OVERLONG),
    ("31 33 96 00 00 00 00 00", 255, DropReason.CHECKSUM),
    ("31 33 96 00 00 00 96 3f", 255, DropReason.NO_ADDRESSES),
]


@pytest.mark.parametrize(("payload", "ttl", "reason"), ORDER)
def test_the_first_fault_is_the_one_that_is_named(
    payload: str, ttl: int, reason: DropReason
) -> None:
    assert decode(datagram(payload, ttl=ttl)) is reason


def test_reasons_are_keys_of_counters() -> None:
    assert [reason.value for reason in DropReason] == [
        *("ttl", "version", "type", "truncated", "overlong"),
        *("checksum", "vrid", "no_addresses", "interval", "interval_mismatch"),
        *("auth_type", "password", "peer", "own"),
    ]


# -- what an instance advertises ------------------------------------------------------------

VIPS: tuple[Vip, ...] = (
    IPv4Interface("192.0.2.100/24"),
    IPv6Interface("2001:db8::2/64"),
    IPv6Interface("fe80::52/64"),
    IPv4Interface("169.254.7.7/16"),
    IPv6Interface("2001:db8::1/64"),
    IPv6Interface("fe80::51/64"),
)


@pytest.mark.parametrize(
    ("family", "expected"),
    [
        (Family.IPV4, ["192.0.2.100", "169.254.7.7"]),
        (Family.IPV6, ["fe80::52", "fe80::51", "2001:db8::2", "2001:db8::1"]),
    ],
)
def test_advertised_keeps_the_order_with_ipv6_link_local_first(
    family: Family, expected: list[str]
) -> None:
    addresses: tuple[IPAddress, ...] = tuple(ip_address(address) for address in expected)
    assert advertised(VIPS, family) == addresses


def test_a_family_without_addresses_advertises_none() -> None:
    assert advertised((IPv4Interface("192.0.2.100/24"),), Family.IPV6) == ()
