"""What the RFCs say of the frames that announce an address: lines 95 to 97 of the checklist.

The sender's hardware address is the interface's: vipd has no virtual MAC address.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

from vipd.wire.arp import gratuitous_reply, gratuitous_request
from vipd.wire.ndp import unsolicited_advertisement

MAC = bytes.fromhex("52 54 00 12 34 56")
V4, V6 = IPv4Address("192.0.2.100"), IPv6Address("2001:db8:51::100")
NEIGHBOR_ADVERTISEMENT = slice(54, 86)


def test_line_95_a_gratuitous_arp_is_a_broadcast_request_for_the_own_address() -> None:
    """95. RFC 9568 §6.4.1, RFC 5227 §2.3."""
    frame = gratuitous_request(MAC, V4)
    assert frame[:6] == b"\xff" * 6
    assert frame[20:22] == b"\0\1"
    assert frame[22:28] == MAC
    assert frame[28:32] == frame[38:42] == V4.packed


def test_line_96_the_target_hardware_address_of_either_form() -> None:
    """96. RFC 5227 §2.1.1, §2.3 (zero in a request), RFC 5944 §4.6 (the sender's in a reply)."""
    assert gratuitous_request(MAC, V4)[32:38] == bytes(6)
    assert gratuitous_reply(MAC, V4)[32:38] == MAC


def test_line_97_an_unsolicited_advertisement_goes_to_all_nodes_of_this_link_only() -> None:
    """97. RFC 4861 §7.2.6 (ff02::1), §7.1.2 (hop limit 255), RFC 2464 §7 (33:33:00:00:00:01)."""
    frame = unsolicited_advertisement(MAC, V6)
    assert frame[:6] == bytes.fromhex("33 33 00 00 00 01")
    assert frame[20:22] == bytes([58, 255])
    assert frame[38:54] == IPv6Address("ff02::1").packed


def test_line_97_an_unsolicited_advertisement_overrides_and_answers_nobody() -> None:
    """97. RFC 9568 §6.4.1: S clear, O set; R set where this host is a router."""
    host = unsolicited_advertisement(MAC, V6)[NEIGHBOR_ADVERTISEMENT]
    router = unsolicited_advertisement(MAC, V6, router=True)[NEIGHBOR_ADVERTISEMENT]
    assert host[0] == router[0] == 136
    assert host[4:8] == bytes([0b001_00000, 0, 0, 0])
    assert router[4:8] == bytes([0b101_00000, 0, 0, 0])


def test_line_97_an_unsolicited_advertisement_names_the_address_and_where_it_is() -> None:
    """97. RFC 4861 §4.4, §4.6.1 (option 2 is the target's link-layer address)."""
    advertisement = unsolicited_advertisement(MAC, V6)[NEIGHBOR_ADVERTISEMENT]
    assert advertisement[8:24] == V6.packed
    assert advertisement[24:] == bytes([2, 1]) + MAC
