"""Hello sockets in a real kernel: who hears what, from where, and what a flood may cost."""

from __future__ import annotations

import select
import socket
import struct
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from neighbourhood import LEFT, OWN, PEER, RIGHT, Neighbour, ip, plug, speaker, unplug

from vipd.core.model import Channel, Family, IPAddress
from vipd.net.hello import DRAIN_LIMIT, HelloSockets
from vipd.wire.ethernet import frame
from vipd.wire.hello import LONGEST_DATAGRAM, PORT
from vipd.wire.ip import ethertype, packet
from vipd.wire.vrrp import GROUP, Datagram

PATIENCE_S = 5.0
LAST = b"the last"
"""What is sent last, so that a test can tell that all that came before was not heard."""

SEND = """
import socket, struct
group = {group!r}
kind = socket.AF_INET6 if ":" in group else socket.AF_INET
with socket.socket(kind, socket.SOCK_DGRAM) as speaking:
    if kind == socket.AF_INET:
        speaking.bind(({source!r}, 0))
        speaking.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton({source!r}))
        speaking.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, {ttl})
        speaking.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, {ttl})
        to = (group, {port})
    else:
        index = socket.if_nametoindex("right")
        speaking.bind(({source!r}, 0, 0, index))
        speaking.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
        speaking.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, {ttl})
        speaking.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, {ttl})
        to = (group, {port}, 0, index)
    for payload in {payloads!r}:
        speaking.sendto(payload, to)
"""
"""A host that is not vipd says this."""

Heard = list[tuple[Channel, Datagram]]


@pytest.fixture(autouse=True)
def neighbour() -> Iterator[Neighbour]:
    """A host at the far end of the cable."""
    plug()
    # Usable at once, as in the lab.
    for address in ("198.51.100.1/24", "fe80::1/64 nodad"):
        ip("address", "add", *address.split(), "dev", LEFT)
    try:
        with Neighbour() as host:
            host.run("ip", "address", "add", "198.51.100.2/24", "dev", RIGHT)
            host.run("ip", "address", "add", "fe80::2/64", "dev", RIGHT, "nodad")
            yield host
    finally:
        unplug()


@pytest.fixture
def sockets() -> Iterator[HelloSockets]:
    with closing(HelloSockets()) as opened:
        yield opened


def channel(family: Family, *, unicast: bool = False) -> Channel:
    return Channel(interface=LEFT, source=OWN[family], unicast=unicast)


def say(
    neighbour: Neighbour,
    family: Family,
    *payloads: bytes,
    to: IPAddress | None = None,
    ttl: int = 255,
) -> None:
    group = str(to or GROUP[family])
    words = {"source": str(PEER[family]), "ttl": ttl, "port": PORT, "payloads": payloads}
    neighbour.python(SEND.format(group=group, **words))


def hear(sockets: HelloSockets, count: int = 1) -> Heard:
    """What arrives, until there is so much of it."""
    deadline = time.monotonic() + PATIENCE_S
    heard: Heard = []
    while len(heard) < count:
        select.select([sockets], [], [], max(0.0, deadline - time.monotonic()))
        heard += sockets.drain()
        assert time.monotonic() < deadline, f"nothing but {heard} was heard"
    return heard


@pytest.mark.parametrize("family", Family)
def test_the_group_is_heard_with_its_source_and_ttl(
    sockets: HelloSockets, neighbour: Neighbour, family: Family
) -> None:
    sockets.open(channel(family))
    say(neighbour, family, b"near")
    say(neighbour, family, b"far", ttl=64)
    near, far = hear(sockets, 2)
    assert near == (
        channel(family),
        Datagram(payload=b"near", source=PEER[family], destination=GROUP[family], ttl=255),
    )
    assert (far[1].payload, far[1].ttl) == (b"far", 64)


@pytest.mark.parametrize("family", Family)
def test_what_is_sent_to_us_alone_is_heard_by_the_unicast_channel_only(
    sockets: HelloSockets, neighbour: Neighbour, family: Family
) -> None:
    sockets.open(channel(family))
    say(neighbour, family, b"nobody", to=OWN[family])
    say(neighbour, family, LAST)
    assert [one.payload for _, one in hear(sockets)] == [LAST]
    sockets.open(channel(family, unicast=True))
    say(neighbour, family, b"ours", to=OWN[family])
    ((by, received),) = hear(sockets)
    assert by == channel(family, unicast=True)
    assert (received.payload, received.ttl) == (b"ours", 255)
    assert (received.source, received.destination) == (PEER[family], OWN[family])


LISTEN = """
import socket, struct, sys
family = {family}
index = socket.if_nametoindex("right")
kind = socket.AF_INET if family == 4 else socket.AF_INET6
with socket.socket(kind, socket.SOCK_DGRAM) as listening:
    listening.settimeout(5)
    listening.bind(("", {port}))
    if family == 4:
        membership = socket.inet_aton({group!r}) + bytes(4) + struct.pack("=i", index)
        listening.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
        listening.setsockopt(socket.IPPROTO_IP, 12, 1)
    else:
        membership = socket.inet_pton(kind, {group!r}) + struct.pack("=i", index)
        listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, membership)
        listening.setsockopt(socket.IPPROTO_IPV6, 51, 1)
    with open({ready!r}, "w"):
        pass
    data, ancillary, _, address = listening.recvmsg(2000, 64)
    ttl = int.from_bytes(ancillary[0][2], sys.byteorder)
    print(data.decode(), address[0].partition("%")[0], address[1], ttl)
"""
"""A host that is not vipd hears this."""


@pytest.mark.parametrize("unicast", [False, True])
@pytest.mark.parametrize("family", Family)
def test_it_is_sent_from_the_source_of_the_adverts_untouched(
    sockets: HelloSockets, neighbour: Neighbour, tmp_path: Path, family: Family, *, unicast: bool
) -> None:
    ip("address", "add", "198.51.100.77/24", "dev", LEFT)
    sockets.open(channel(family, unicast=unicast))
    ready = tmp_path / "ready"
    words = {"family": int(family), "group": str(GROUP[family]), "port": PORT, "ready": str(ready)}
    with ThreadPoolExecutor(1) as pool:
        heard = pool.submit(neighbour.python, LISTEN.format(**words))
        deadline = time.monotonic() + PATIENCE_S
        while not ready.exists():
            assert time.monotonic() < deadline, "the neighbour does not listen"
        to = PEER[family] if unicast else GROUP[family]
        sockets.send(channel(family, unicast=unicast), to, b"hello")
        assert heard.result().split() == ["hello", str(OWN[family]), str(PORT), "255"]
    assert list(sockets.drain()) == [], "what we say does not come back"


def test_two_agents_of_one_host_both_hear(sockets: HelloSockets, neighbour: Neighbour) -> None:
    with closing(HelloSockets()) as other:
        for one in (sockets, other):
            one.open(channel(Family.IPV4))
        say(neighbour, Family.IPV4, LAST)
        assert hear(sockets) == hear(other)


def test_another_port_is_another_conversation(neighbour: Neighbour) -> None:
    with closing(HelloSockets(PORT + 1)) as elsewhere, closing(HelloSockets()) as here:
        for one in (elsewhere, here):
            one.open(channel(Family.IPV4))
        say(neighbour, Family.IPV4, LAST)
        assert len(hear(here)) == 1
        assert list(elsewhere.drain()) == []


def test_what_is_too_long_is_seen_to_be(sockets: HelloSockets, neighbour: Neighbour) -> None:
    sockets.open(channel(Family.IPV4))
    say(neighbour, Family.IPV4, bytes(LONGEST_DATAGRAM), bytes(9000))
    assert [len(one.payload) for _, one in hear(sockets, 2)] == [
        LONGEST_DATAGRAM,
        LONGEST_DATAGRAM + 1,
    ]


def plug_other() -> None:
    """One more cable, both ends of it here."""
    ip("link", "add", "dev", "other", "type", "veth", "peer", "name", "far")
    for end in ("other", "far"):
        ip("link", "set", "dev", end, "up")
    ip("address", "add", "203.0.113.1/24", "dev", "other")


def say_by_frame(payload: bytes) -> None:
    """Somebody at the far end of that cable says a hello."""
    source, group = IPv4Address("203.0.113.2"), GROUP[Family.IPV4]
    udp = struct.pack("!HHHH", PORT, PORT, 8 + len(payload), 0) + payload
    sent = frame(
        destination=bytes.fromhex("01005e000012"),
        source=bytes.fromhex("0200000000fe"),
        ethertype=ethertype(source),
        payload=packet(udp, source=source, destination=group, protocol=17, ttl=255),
    )
    with speaker("far") as speaking:
        speaking.send(sent)


def test_an_interface_that_goes_and_comes_is_heard_again(sockets: HelloSockets) -> None:
    there = Channel(interface="other", source=IPv4Address("203.0.113.1"))
    plug_other()
    sockets.open(there)
    ip("link", "del", "dev", "other")
    with pytest.raises(OSError, match=r"[Nn]o such device|no interface"):
        sockets.open(there)
    sockets.send(there, GROUP[Family.IPV4], b"nothing breaks")
    plug_other()
    sockets.open(there)
    say_by_frame(b"first")
    assert [by for by, _ in hear(sockets)] == [there]
    ip("link", "del", "dev", "other")
    plug_other()
    sockets.open(there)
    say_by_frame(b"second")
    assert [one.payload for _, one in hear(sockets)] == [b"second"]
    ip("link", "del", "dev", "other")


def test_what_is_not_retained_hears_nothing(sockets: HelloSockets, neighbour: Neighbour) -> None:
    for family in Family:
        sockets.open(channel(family))
    sockets.retain([channel(Family.IPV6)])
    say(neighbour, Family.IPV4, b"nobody")
    say(neighbour, Family.IPV6, LAST)
    assert [one.payload for _, one in hear(sockets)] == [LAST]


def test_a_port_that_another_program_has_is_refused(sockets: HelloSockets) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("", PORT))
        with pytest.raises(OSError, match="in use"):
            sockets.open(channel(Family.IPV4))


def test_of_a_flood_one_drain_takes_so_much_and_each_channel_has_its_turn(
    sockets: HelloSockets, neighbour: Neighbour
) -> None:
    for family in Family:
        sockets.open(channel(family))
    say(neighbour, Family.IPV4, *[b"flood"] * 200)
    say(neighbour, Family.IPV6, LAST)
    deadline = time.monotonic() + PATIENCE_S
    while True:
        # Both are there when the second one, which was sent last, is.
        taken = list(sockets.drain())
        assert len(taken) <= DRAIN_LIMIT
        if any(one.payload == LAST for _, one in taken):
            break
        assert time.monotonic() < deadline
    assert taken[0][1].payload == LAST or taken[1][1].payload == LAST
