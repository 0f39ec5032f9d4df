"""The advert codec against scapy, an independent implementation, over generated adverts."""

from __future__ import annotations

import random
import struct
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest
from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6, in6_chksum
from scapy.layers.vrrp import VRRP, VRRPv3
from scapy.packet import Packet
from scapy.utils import checksum as scapy_checksum

from vipd.core.model import Advert, ChecksumForm, Family, IPAddress
from vipd.wire.vrrp import GROUP, PROTOCOL, Datagram, DropReason, Rules, decode, encode

PACKETS = 2000
"""Per test; scapy needs about half a millisecond to write and read one."""

IP_HEADER = {Family.IPV4: 20, Family.IPV6: 40}


def an_address(chance: random.Random, family: Family) -> IPAddress:
    if family is Family.IPV4:
        return IPv4Address(chance.getrandbits(32))
    return IPv6Address(chance.getrandbits(128))


def an_advert(chance: random.Random, family: Family) -> Advert:
    count = chance.choice((1, 1, 2, 3, 20))
    return Advert(
        version=3,
        vrid=chance.randint(1, 255),
        priority=chance.randint(0, 255),
        interval_cs=chance.randint(1, 4095),
        addresses=tuple(an_address(chance, family) for _ in range(count)),
        checksum=ChecksumForm.PSEUDO_HEADER,
    )


def ip_layer(family: Family, source: IPAddress, destination: IPAddress) -> Packet:
    if family is Family.IPV4:
        return IP(src=str(source), dst=str(destination), ttl=255, proto=PROTOCOL)
    return IPv6(src=str(source), dst=str(destination), hlim=255, nh=PROTOCOL)


def built_by_scapy(advert: Advert, layer: Packet) -> bytes:
    """The IP datagram that scapy makes of an advert, with scapy's own checksum."""
    return bytes(
        layer
        / VRRPv3(
            vrid=advert.vrid,
            priority=advert.priority,
            adv=advert.interval_cs,
            addrlist=[str(address) for address in advert.addresses],
        )
    )


@pytest.mark.parametrize("family", Family)
def test_scapy_and_we_write_the_same_and_read_each_other(family: Family) -> None:
    chance = random.Random(f"scapy {family}")
    for _ in range(PACKETS):
        advert = an_advert(chance, family)
        source = an_address(chance, family)
        destination = chance.choice((GROUP[family], an_address(chance, family)))
        layer = ip_layer(family, source, destination)
        theirs = built_by_scapy(advert, layer)
        payload = theirs[IP_HEADER[family] :]
        assert encode(advert, source=source, destination=destination) == payload, advert
        received = Datagram(payload=payload, source=source, destination=destination, ttl=255)
        assert decode(received) == advert
        dissected: Any = layer.__class__(theirs)[VRRPv3]
        assert (dissected.version, dissected.type, dissected.res) == (3, 1, 0)
        assert (dissected.vrid, dissected.priority) == (advert.vrid, advert.priority)
        assert (dissected.ipcount, dissected.adv) == (len(advert.addresses), advert.interval_cs)
        assert dissected.addrlist == [str(address) for address in advert.addresses]


def test_the_message_form_adds_up_for_scapy() -> None:
    chance = random.Random("message form")
    for _ in range(PACKETS):
        advert = replace(an_advert(chance, Family.IPV4), checksum=ChecksumForm.MESSAGE)
        source, group = an_address(chance, Family.IPV4), GROUP[Family.IPV4]
        payload = encode(advert, source=source, destination=group)
        assert scapy_checksum(payload) == 0
        received = Datagram(payload=payload, source=source, destination=group, ttl=255)
        assert decode(received) == advert


@pytest.mark.parametrize("password", [None, b"s3cret", b"12345678"])
def test_scapy_and_we_write_the_same_vrrpv2_and_read_each_other(password: bytes | None) -> None:
    chance = random.Random(f"v2 {password!r}")
    words = struct.unpack("!II", (password or b"").ljust(8, b"\0"))
    for _ in range(PACKETS // 2):
        any_advert = an_advert(chance, Family.IPV4)
        seconds = chance.randint(1, 255)
        advert = replace(
            any_advert, version=2, interval_cs=seconds * 100, checksum=ChecksumForm.MESSAGE
        )
        source, group = an_address(chance, Family.IPV4), GROUP[Family.IPV4]
        payload = encode(advert, source=source, destination=group, password=password)
        theirs = VRRP(
            vrid=advert.vrid,
            priority=advert.priority,
            authtype=0 if password is None else 1,
            adv=seconds,
            addrlist=[str(address) for address in advert.addresses],
            auth1=words[0],
            auth2=words[1],
        )
        assert bytes(theirs) == payload
        received = Datagram(payload=payload, source=source, destination=group, ttl=255)
        assert decode(received, Rules(version=2, password=password)) == advert
        dissected: Any = VRRP(payload)
        assert (dissected.version, dissected.type, dissected.adv) == (2, 1, seconds)
        assert (dissected.auth1, dissected.auth2) == words
        assert dissected.addrlist == [str(address) for address in advert.addresses]


def test_damaged_ipv6_adverts_are_refused_just_where_scapy_finds_a_wrong_sum() -> None:
    """The fields ahead of the checksum's verdict are kept whole, so that it alone decides."""
    chance = random.Random("damage")
    refused = 0
    for _ in range(PACKETS):
        advert = an_advert(chance, Family.IPV6)
        source, group = an_address(chance, Family.IPV6), GROUP[Family.IPV6]
        damaged = bytearray(encode(advert, source=source, destination=group))
        for _ in range(chance.choice((0, 1, 2))):
            damaged[chance.randrange(6, len(damaged))] = chance.choice((0, 1, 0x80, 0xFF))
        payload = bytes(damaged)
        layer = ip_layer(Family.IPV6, source, group)
        right = in6_chksum(PROTOCOL, layer, payload) == 0
        received = Datagram(payload=payload, source=source, destination=group, ttl=255)
        assert isinstance(decode(received), Advert) is right
        assert right or decode(received) is DropReason.CHECKSUM
        refused += not right
    assert PACKETS // 3 < refused < PACKETS
