"""What RFC 9568 says of an advert that we send: one test per line of the checklist's section A.

The first number in a test's docstring is that line; the lines that are missing here are not the
codec's (who is owner, which source address, which MAC address, what a timer does).
"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface

import pytest

from vipd.core.model import Advert, ChecksumForm, Family, IPAddress, Vip
from vipd.wire.vrrp import GROUP, PROTOCOL, REQUIRED_TTL, advertised, encode

SOURCE: dict[Family, IPAddress] = {
    Family.IPV4: IPv4Address("192.0.2.1"),
    Family.IPV6: IPv6Address("fe80::1"),
}

ADVERT = {
    Family.IPV4: Advert(
        version=3,
        vrid=51,
        priority=100,
        interval_cs=100,
        addresses=(IPv4Address("192.0.2.100"), IPv4Address("192.0.2.99")),
        checksum=ChecksumForm.PSEUDO_HEADER,
    ),
    Family.IPV6: Advert(
        version=3,
        vrid=51,
        priority=100,
        interval_cs=100,
        addresses=(IPv6Address("fe80::51"), IPv6Address("2001:db8::9"), IPv6Address("2001:db8::8")),
        checksum=ChecksumForm.PSEUDO_HEADER,
    ),
}

both_families = pytest.mark.parametrize("family", Family)


def sent(advert: Advert) -> bytes:
    family = Family(advert.addresses[0].version)
    return encode(advert, source=SOURCE[family], destination=GROUP[family])


def folded_sum(data: bytes) -> int:
    """The one's complement sum of 16-bit words, as RFC 1071 §1 has it."""
    total = sum(int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def pseudo_header(family: Family, length: int) -> bytes:
    """RFC 9293 §3.1 for IPv4 and RFC 8200 §8.1 for IPv6, with 112 as the protocol."""
    addresses = SOURCE[family].packed + GROUP[family].packed
    if family is Family.IPV4:
        return addresses + bytes([0, 112]) + length.to_bytes(2, "big")
    return addresses + length.to_bytes(4, "big") + bytes([0, 0, 0, 112])


@both_families
def test_line_1_the_version_is_3(family: Family) -> None:
    """1. RFC 9568 §5.2.1."""
    assert sent(ADVERT[family])[0] >> 4 == 3


@both_families
def test_line_2_the_type_is_1(family: Family) -> None:
    """2. RFC 9568 §5.2.2."""
    assert sent(ADVERT[family])[0] & 0x0F == 1


@pytest.mark.parametrize("vrid", [1, 51, 255])
def test_line_3_the_second_byte_is_the_vrid(vrid: int) -> None:
    """3. RFC 9568 §5.2.3."""
    assert sent(replace(ADVERT[Family.IPV4], vrid=vrid))[1] == vrid


@pytest.mark.parametrize("priority", [255, 254, 100, 1, 0])
def test_lines_4_5_6_the_third_byte_is_the_priority(priority: int) -> None:
    """4, 5, 6. RFC 9568 §5.2.4: 255 of the owner, 1 to 254 of others, 0 of one that stops."""
    assert sent(replace(ADVERT[Family.IPV4], priority=priority))[2] == priority


@both_families
@pytest.mark.parametrize("count", [1, 2, 20, 255])
def test_line_7_the_fourth_byte_counts_the_addresses_and_nothing_follows_them(
    family: Family, count: int
) -> None:
    """7. RFC 9568 §5.2.5."""
    advert = replace(ADVERT[family], addresses=ADVERT[family].addresses[:1] * count)
    assert sent(advert)[3] == count
    assert len(sent(advert)) == 8 + count * {Family.IPV4: 4, Family.IPV6: 16}[family]


@pytest.mark.parametrize("interval_cs", [1, 100, 255, 256, 4095])
def test_line_8_the_reserved_bits_are_zero(interval_cs: int) -> None:
    """8. RFC 9568 §5.2.6."""
    assert sent(replace(ADVERT[Family.IPV4], interval_cs=interval_cs))[4] >> 4 == 0


@pytest.mark.parametrize(
    ("interval_cs", "field"), [(1, "00 01"), (100, "00 64"), (256, "01 00"), (4095, "0f ff")]
)
def test_line_9_the_interval_is_twelve_bits_of_centiseconds(interval_cs: int, field: str) -> None:
    """9. RFC 9568 §5.2.7."""
    advert = replace(ADVERT[Family.IPV4], interval_cs=interval_cs)
    assert sent(advert)[4:6] == bytes.fromhex(field)


@pytest.mark.parametrize("interval_cs", [0, 4096])
def test_line_10_no_other_interval_can_be_sent(interval_cs: int) -> None:
    """10. RFC 9568 §6.1, erratum 8301."""
    with pytest.raises(AssertionError, match="interval"):
        sent(replace(ADVERT[Family.IPV4], interval_cs=interval_cs))


def test_line_11_the_rfc_9568_checksum_of_ipv4_covers_the_message_only() -> None:
    """11. RFC 9568 §5.2.8."""
    advert = replace(ADVERT[Family.IPV4], checksum=ChecksumForm.MESSAGE)
    assert folded_sum(sent(advert)) == 0xFFFF


def test_line_12_the_rfc_5798_checksum_of_ipv4_covers_a_pseudo_header_too() -> None:
    """12. RFC 5798 §5.2.8, in the shape that the deployed routers give it."""
    message = sent(ADVERT[Family.IPV4])
    assert folded_sum(pseudo_header(Family.IPV4, len(message)) + message) == 0xFFFF
    assert folded_sum(message) != 0xFFFF


@pytest.mark.parametrize("form", ChecksumForm)
def test_line_13_the_checksum_of_ipv6_covers_a_pseudo_header(form: ChecksumForm) -> None:
    """13. RFC 9568 §5.2.8, whatever form is in use for IPv4."""
    message = sent(replace(ADVERT[Family.IPV6], checksum=form))
    assert folded_sum(pseudo_header(Family.IPV6, len(message)) + message) == 0xFFFF


def test_line_14_a_checksum_of_zero_is_sent_as_zero() -> None:
    """14. RFC 9568 §5.2.8. 0x3133 + 0x6401 + 0x0064 + 0xc000 + 0xaa66 is twice 0xffff."""
    advert = replace(
        ADVERT[Family.IPV4],
        addresses=(IPv4Address("192.0.170.102"),),
        checksum=ChecksumForm.MESSAGE,
    )
    assert sent(advert) == bytes.fromhex("31 33 64 01 00 64 00 00 c0 00 aa 66")


@both_families
def test_line_15_the_addresses_keep_their_order(family: Family) -> None:
    """15. RFC 9568 §5.2.9."""
    packed = b"".join(address.packed for address in ADVERT[family].addresses)
    assert sent(ADVERT[family])[8:] == packed
    assert sent(replace(ADVERT[family], priority=0))[8:] == packed


def test_line_16_the_first_ipv6_address_is_link_local() -> None:
    """16. RFC 9568 §5.2.9; the others keep their order."""
    configured = [IPv6Interface("2001:db8::9/64"), IPv6Interface("2001:db8::8/64")]
    with_link_local = [*configured, IPv6Interface("fe80::51/64")]
    assert advertised(with_link_local, Family.IPV6) == ADVERT[Family.IPV6].addresses


@both_families
def test_line_17_no_advert_mixes_the_families(family: Family) -> None:
    """17. RFC 9568 §5.2.9."""
    configured: list[Vip] = [IPv6Interface("2001:db8::9/64"), IPv4Interface("192.0.2.100/24")]
    assert [address.version for address in advertised(configured, family)] == [family]
    mixed = ADVERT[Family.IPV4].addresses + ADVERT[Family.IPV6].addresses
    with pytest.raises(AssertionError, match="one family"):
        encode(
            replace(ADVERT[family], addresses=mixed),
            source=SOURCE[family],
            destination=GROUP[family],
        )


def test_lines_18_19_the_ttl_and_hop_limit_are_255() -> None:
    """18, 19. RFC 9568 §5.1.1.3, §5.1.2.3."""
    assert REQUIRED_TTL == 255


def test_line_20_the_protocol_is_112() -> None:
    """20. RFC 9568 §5.1.1.4, §5.1.2.4."""
    assert PROTOCOL == 112


def test_lines_23_24_the_groups() -> None:
    """23, 24. RFC 9568 §5.1.1.2, §5.1.2.2."""
    assert str(GROUP[Family.IPV4]) == "224.0.0.18"
    assert str(GROUP[Family.IPV6]) == "ff02::12"
