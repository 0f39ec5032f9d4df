"""The virtual router MAC address, and whole frames of adverts against scapy."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.layers.vrrp import VRRPv3

from vipd.core.model import Advert, ChecksumForm, Family
from vipd.wire.virtual_mac import advert_frame, group_mac, virtual_mac
from vipd.wire.vrrp import GROUP, encode


@pytest.mark.parametrize("vrid", [1, 10, 255])
def test_the_mac_address_of_a_virtual_router(vrid: int) -> None:
    """RFC: 9568 §7.3."""
    assert virtual_mac(Family.IPV4, vrid).hex(":") == f"00:00:5e:00:01:{vrid:02x}"
    assert virtual_mac(Family.IPV6, vrid).hex(":") == f"00:00:5e:00:02:{vrid:02x}"


@pytest.mark.parametrize(
    ("group", "mac"),
    [
        ("224.0.0.18", "01:00:5e:00:00:12"),
        ("239.255.1.2", "01:00:5e:7f:01:02"),
        ("ff02::12", "33:33:00:00:00:12"),
        ("ff02::1:ff00:100", "33:33:ff:00:01:00"),
    ],
)
def test_the_mac_address_of_a_group(group: str, mac: str) -> None:
    """RFC: 1112 §6.4, 2464 §7."""
    assert group_mac(ip_address(group)).hex(":") == mac


@pytest.mark.parametrize(
    ("source", "vips", "mac"),
    [
        ("192.0.2.11", ("192.0.2.100",), "00:00:5e:00:01:33"),
        ("fe80::11", ("fe80::100", "2001:db8::100"), "00:00:5e:00:02:33"),
    ],
)
def test_the_frame_of_an_advert(source: str, vips: tuple[str, ...], mac: str) -> None:
    """RFC: 9568 §7.2."""
    address = ip_address(source)
    group = GROUP[Family(address.version)]
    advert = Advert(
        version=3,
        vrid=51,
        priority=150,
        interval_cs=100,
        addresses=tuple(map(ip_address, vips)),
        checksum=ChecksumForm.PSEUDO_HEADER,
    )
    message = encode(advert, source=address, destination=group)
    frame = Ether(advert_frame(message, source=address, vrid=51))
    assert (frame.src, frame.dst) == (mac, group_mac(group).hex(":"))
    ip = frame[IP] if address.version == 4 else frame[IPv6]
    assert (ip.src, ip.dst) == (source, str(group))
    assert (ip.ttl if address.version == 4 else ip.hlim) == 255
    assert bytes(ip.payload) == message
    heard = VRRPv3(message)
    assert (heard.vrid, heard.priority, heard.adv) == (51, 150, 100)
