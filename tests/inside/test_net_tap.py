"""The tap in a real kernel: it hears what a firewall drops, and the advert sockets do not."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Protocol

import pytest
from neighbourhood import LEFT, OWN, PEER, RIGHT, ip, mac_of, plug, speaker, unplug

from vipd.core.model import Advert, Channel, ChecksumForm, Family, IPAddress
from vipd.net.advert import AdvertSockets
from vipd.net.link import Links
from vipd.net.tap import Tap
from vipd.wire.ethernet import frame
from vipd.wire.ip import ethertype, packet
from vipd.wire.virtual_mac import advert_frame
from vipd.wire.vrrp import GROUP, PROTOCOL, Datagram, encode

pytestmark = pytest.mark.usefixtures("addressed_cable")

PATIENCE_S = 5.0
FOREIGN = bytes.fromhex("02 00 00 00 00 fe")
VIP: dict[Family, IPAddress] = {
    Family.IPV4: IPv4Address("198.51.100.100"),
    Family.IPV6: IPv6Address("2001:db8::100"),
}
LAST_VRID = 99
"""What is sent last, so that a test can tell that all that came before was not heard."""

Heard = list[tuple[str, Datagram]]


class Listening(Protocol):
    """The tap, or the advert sockets."""

    def fileno(self) -> int:
        """Readable when `drain` has something to say."""

    def drain(self) -> Iterable[tuple[str, Datagram]]:
        """What has arrived."""


@pytest.fixture
def tap(links: Links) -> Iterator[Tap]:
    links.drain()
    with closing(Tap(links)) as opened:
        yield opened


@pytest.fixture
def adverts(links: Links) -> Iterator[AdvertSockets]:
    """Advert sockets of both families, multicast and unicast."""
    links.drain()
    index = links.index(LEFT)
    assert index is not None
    with closing(AdvertSockets()) as opened:
        for source in OWN.values():
            for unicast in (False, True):
                opened.open(Channel(interface=LEFT, source=source, unicast=unicast), index)
        yield opened


@pytest.fixture
def firewall() -> Iterator[Callable[[str], None]]:
    """Loads rules of nft; they are gone in the end."""
    if shutil.which("nft") is None and os.environ.get("CI") != "true":
        pytest.skip("no firewall: nft is not installed")

    def load(rules: str) -> None:
        subprocess.run(["nft", "-f", "-"], input=rules.encode(), check=True)

    yield load
    load("flush ruleset")


def hear(listening: Listening, count: int = 1) -> Heard:
    """What arrives, until there is so much of it."""
    deadline = time.monotonic() + PATIENCE_S
    heard: Heard = []
    while len(heard) < count:
        select.select([listening], [], [], max(0.0, deadline - time.monotonic()))
        heard += listening.drain()
        assert time.monotonic() < deadline, f"nothing but {heard} was heard"
    return heard


def message(family: Family, vrid: int, destination: IPAddress) -> bytes:
    advert = Advert(
        version=3,
        vrid=vrid,
        priority=100,
        interval_cs=100,
        addresses=(VIP[family],),
        checksum=ChecksumForm.MESSAGE if family is Family.IPV4 else ChecksumForm.PSEUDO_HEADER,
    )
    return encode(advert, source=PEER[family], destination=destination)


def multicast(family: Family, vrid: int) -> bytes:
    """The frame of a peer's advert to the group."""
    advert = message(family, vrid, GROUP[family])
    return advert_frame(advert, source=PEER[family], vrid=vrid)


def unicast(family: Family, vrid: int) -> bytes:
    """The frame of a peer's advert to us alone."""
    source, destination = PEER[family], OWN[family]
    advert = message(family, vrid, destination)
    return frame(
        destination=mac_of(LEFT),
        source=FOREIGN,
        ethertype=ethertype(source),
        payload=packet(advert, source=source, destination=destination, protocol=PROTOCOL, ttl=255),
    )


def tagged(sent: bytes, tag: int) -> bytes:
    return sent[:12] + bytes.fromhex("8100") + tag.to_bytes(2, "big") + sent[12:]


def say(*frames: bytes, by: str = RIGHT) -> None:
    with speaker(by) as speaking:
        for each in frames:
            speaking.send(each)


def vrids(heard: Heard) -> list[int]:
    return [datagram.payload[1] for _, datagram in heard]


@pytest.mark.parametrize("build", [multicast, unicast])
@pytest.mark.parametrize("family", Family)
def test_the_tap_tells_what_the_advert_sockets_tell(
    tap: Tap, adverts: AdvertSockets, family: Family, build: Callable[[Family, int], bytes]
) -> None:
    tap.listen([LEFT])
    say(build(family, 51))
    heard = hear(tap)
    assert heard == hear(adverts)
    assert heard[0][0] == LEFT
    assert heard[0][1].source == PEER[family]


FIREWALLS = {
    "inet input": """
        table inet firewall {
            chain in {
                type filter hook input priority 0
                meta l4proto 112 drop
            }
        }
    """,
    "netdev ingress": """
        table netdev firewall {
            chain in {
                type filter hook ingress device left priority 0
                ip protocol 112 drop
                ip6 nexthdr 112 drop
            }
        }
    """,
}


@pytest.mark.parametrize("hook", FIREWALLS)
@pytest.mark.parametrize("build", [multicast, unicast])
@pytest.mark.parametrize("family", Family)
def test_the_tap_hears_what_a_firewall_drops(
    tap: Tap,
    adverts: AdvertSockets,
    firewall: Callable[[str], None],
    family: Family,
    build: Callable[[Family, int], bytes],
    hook: str,
) -> None:
    tap.listen([LEFT])
    firewall(FIREWALLS[hook])
    say(build(family, 51), build(family, 52))
    assert vrids(hear(tap, 2)) == [51, 52]
    firewall("flush ruleset")
    say(build(family, LAST_VRID))
    assert vrids(hear(adverts)) == [LAST_VRID]
    assert vrids(hear(tap)) == [LAST_VRID]


def test_what_we_send_and_what_is_not_vrrp_is_not_heard(tap: Tap) -> None:
    tap.listen([LEFT])
    to_us = {"destination": mac_of(LEFT), "source": FOREIGN}
    ends = {"source": PEER[Family.IPV4], "destination": OWN[Family.IPV4]}
    udp = packet(bytes(8), **ends, protocol=17, ttl=255)
    say(multicast(Family.IPV4, 51), multicast(Family.IPV6, 51), by=LEFT)
    say(
        frame(**to_us, ethertype=0x0800, payload=udp),
        frame(**to_us, ethertype=0x88B5, payload=b"\x45" + bytes([PROTOCOL]) * 30),
        # To another host: heard only while somebody has made the interface promiscuous.
        FOREIGN + unicast(Family.IPV4, 51)[6:],
        multicast(Family.IPV4, LAST_VRID),
    )
    assert vrids(hear(tap)) == [LAST_VRID]


def test_a_flood_of_other_traffic_wakes_nobody(tap: Tap) -> None:
    tap.listen([LEFT])
    ends = {"source": PEER[Family.IPV4], "destination": OWN[Family.IPV4]}
    udp = packet(bytes(1000), **ends, protocol=17, ttl=255)
    other = frame(destination=mac_of(LEFT), source=FOREIGN, ethertype=0x0800, payload=udp)
    say(*[other] * 10_000)
    assert select.select([tap], [], [], 0)[0] == []


VLAN_7, VLAN_0 = 0x0007, 0xE000
"""Tags: one of a VLAN, and one that has nothing but a priority."""


def test_a_vlan_is_another_link_and_a_mere_priority_is_none(tap: Tap) -> None:
    tap.listen([LEFT])
    say(
        tagged(multicast(Family.IPV4, 7), VLAN_7),
        tagged(multicast(Family.IPV6, 7), VLAN_7),
        tagged(multicast(Family.IPV4, LAST_VRID), VLAN_0),
    )
    assert vrids(hear(tap)) == [LAST_VRID]


def test_the_interface_of_a_vlan_is_heard(tap: Tap, links: Links) -> None:
    add = ["ip", "link", "add", "link", LEFT, "name", "left.7", "type", "vlan", "id", "7"]
    if subprocess.run(add, check=False, capture_output=True).returncode != 0:
        pytest.skip("this kernel has no VLANs")
    ip("link", "set", "dev", "left.7", "up")
    links.drain()
    tap.listen([LEFT, "left.7"])
    say(tagged(multicast(Family.IPV4, 7), VLAN_7))
    assert [(name, datagram.payload[1]) for name, datagram in hear(tap)] == [("left.7", 7)]


def test_it_listens_where_it_was_told_last(tap: Tap, links: Links) -> None:
    ip("link", "add", "dev", "near", "type", "veth", "peer", "name", "far")
    for name in ("near", "far"):
        ip("link", "set", "dev", name, "up")
    links.drain()
    tap.listen([LEFT, "near"])
    tap.listen(["near"])
    say(multicast(Family.IPV4, 51))
    say(multicast(Family.IPV4, 52), by="far")
    assert [(name, datagram.payload[1]) for name, datagram in hear(tap)] == [("near", 52)]
    tap.listen([])
    say(multicast(Family.IPV4, 53), by="far")
    assert list(tap.drain()) == []
    ip("link", "del", "dev", "near")


def test_listening_nowhere_takes_no_socket(tap: Tap) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    tap.listen([LEFT])
    tap.listen([])
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_an_interface_made_again_is_heard_again(tap: Tap, links: Links) -> None:
    tap.listen([LEFT])
    for vrid in (51, 52, 53):
        unplug()
        links.drain()
        assert list(tap.drain()) == []
        plug()
        links.drain()
        assert list(tap.drain()) == []
        say(multicast(Family.IPV4, vrid))
        assert vrids(hear(tap)) == [vrid]
