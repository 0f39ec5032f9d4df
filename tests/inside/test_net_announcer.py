"""Announcements on a real link: at which MAC address, and by which interface of a name."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from ipaddress import IPv4Interface, IPv6Interface

import pytest
from neighbourhood import LEFT, RIGHT, ip, mac_of, plug, unplug

from vipd.core.model import Family, Vip
from vipd.net.announcer import Announcer
from vipd.net.link import Links
from vipd.net.outlet import Outlets
from vipd.wire import arp, ndp
from vipd.wire.virtual_mac import virtual_mac

pytestmark = pytest.mark.usefixtures("cable")

VIP4, VIP6 = IPv4Interface("192.0.2.100/24"), IPv6Interface("2001:db8::100/64")
BOTH: tuple[Vip, ...] = (VIP4, VIP6)
PATIENCE_S = 5.0


@pytest.fixture
def announcer(links: Links) -> Iterator[Announcer]:
    links.drain()
    with closing(Announcer(links)) as opened:
        yield opened


def listen() -> socket.socket:
    """Hears ARP at the far end of the cable."""
    ear = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(arp.ETHERTYPE))
    ear.bind((RIGHT, arp.ETHERTYPE))
    ear.settimeout(PATIENCE_S)
    return ear


def forms(mac: bytes) -> list[bytes]:
    return [build(mac, VIP4.ip) for build in (arp.gratuitous_request, arp.gratuitous_reply)]


def test_each_form_goes_out_each_time_and_a_new_mac_address_is_told(
    announcer: Announcer, links: Links
) -> None:
    with listen() as ear:
        for _ in range(2):
            announcer.announce(LEFT, BOTH)
            assert [ear.recv(200), ear.recv(200)] == forms(mac_of(LEFT))
        announcer.announce(LEFT, BOTH, 51)
        assert [ear.recv(200), ear.recv(200)] == forms(virtual_mac(Family.IPV4, 51))
        ip("link", "set", "dev", LEFT, "address", "02:00:00:00:00:77")
        links.drain()
        announcer.announce(LEFT, BOTH)
        assert [ear.recv(200), ear.recv(200)] == forms(bytes.fromhex("020000000077"))


def test_an_ipv6_address_is_announced_too(announcer: Announcer) -> None:
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ndp.ETHERTYPE)) as ear:
        ear.bind((RIGHT, ndp.ETHERTYPE))
        ear.settimeout(PATIENCE_S)
        announcer.announce(LEFT, (VIP6,))
        wanted = ndp.unsolicited_advertisement(mac_of(LEFT), VIP6.ip)
        while ear.recv(200) != wanted:
            pass


def test_another_interface_of_the_same_name_is_spoken_by_and_the_old_socket_is_closed(
    announcer: Announcer, links: Links
) -> None:
    announcer.announce(LEFT, BOTH)
    unplug()
    with pytest.raises(OSError, match="No such device"):
        announcer.announce(LEFT, BOTH)
    links.drain()
    announcer.announce(LEFT, BOTH)
    plug()
    links.drain()
    with listen() as ear:
        announcer.announce(LEFT, BOTH)
        assert [ear.recv(200), ear.recv(200)] == forms(mac_of(LEFT))


def test_no_interface_no_frame(links: Links) -> None:
    with closing(Outlets(links)) as outlets, pytest.raises(OSError, match="No such device"):
        outlets.send("eth7", [b""])
