"""The neighbor watch in a real kernel: who else has our addresses, overheard and asked for."""

from __future__ import annotations

import json
import select
import struct
import time
from collections.abc import Iterator
from contextlib import closing
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

import pytest
from neighbourhood import LEFT, Neighbour, ip, mac_of, plug, speaker, unplug

from vipd.core.model import Family, IPAddress
from vipd.lab.pause import wait_until
from vipd.net.link import Links
from vipd.net.neighbor import Neighbors
from vipd.wire import arp, ndp
from vipd.wire.ethernet import frame
from vipd.wire.virtual_mac import virtual_mac

pytestmark = pytest.mark.usefixtures("cable")

PATIENCE_S = 5.0
FOREIGN = bytes.fromhex("02 00 00 00 00 fe")
VIP4, VIP6 = IPv4Address("192.0.2.100"), IPv6Address("2001:db8::100")
BOTH: list[IPAddress] = [VIP4, VIP6]
OTHER4, OTHER6 = IPv4Address("192.0.2.101"), IPv6Address("2001:db8::101")
LAST4 = IPv4Address("192.0.2.250")
"""What is claimed last, so that a test can tell that all that came before was not heard."""

OPTMEM = Path("/proc/sys/net/core/optmem_max")
OLDER_OPTMEM = "20480"
"""What a socket may have for its filter on Linux before 6.9. Units: bytes."""

Heard = list[tuple[str, IPAddress, bytes]]


@pytest.fixture
def neighbors(links: Links) -> Iterator[Neighbors]:
    links.drain()
    with closing(Neighbors(links)) as opened:
        yield opened


def hear(neighbors: Neighbors, count: int = 1) -> Heard:
    """What is claimed, until there are so many claims."""
    deadline = time.monotonic() + PATIENCE_S
    heard: Heard = []
    while len(heard) < count:
        select.select([neighbors], [], [], max(0.0, deadline - time.monotonic()))
        heard += [claim for claim in neighbors.drain() if claim not in heard]
        assert time.monotonic() < deadline, f"nothing but {heard} was heard"
    return heard


def let_through(neighbors: Neighbors, ethertype: int) -> int:
    """How many packets the kernel has let through to us since this was asked last."""
    listening = neighbors._sockets._ears[LEFT, ethertype].socket
    assert listening is not None
    statistics = listening.getsockopt(263, 6, 8)
    return int(struct.unpack("=II", statistics)[0])


CLAIMS = {
    "a gratuitous request": (arp.gratuitous_request(FOREIGN, VIP4), VIP4),
    "a gratuitous reply": (arp.gratuitous_reply(FOREIGN, VIP4), VIP4),
    "an advertisement": (ndp.unsolicited_advertisement(FOREIGN, VIP6), VIP6),
}


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_claim_of_somebody_else_is_heard(neighbors: Neighbors, claim: str) -> None:
    sent, address = CLAIMS[claim]
    neighbors.watch(LEFT, BOTH, [mac_of(LEFT)])
    with speaker() as speaking:
        speaking.send(sent)
    assert hear(neighbors) == [(LEFT, address, FOREIGN)]
    assert neighbors.drain() == []


def test_what_concerns_us_not_is_dropped_by_the_kernel(neighbors: Neighbors) -> None:
    virtual = virtual_mac(Family.IPV4, 51), virtual_mac(Family.IPV6, 51)
    neighbors.watch(LEFT, [*BOTH, LAST4], [mac_of(LEFT), *virtual])
    frames = [
        *(build(mac_of(LEFT), VIP4) for build in (arp.gratuitous_request, arp.gratuitous_reply)),
        arp.gratuitous_reply(virtual[0], VIP4),
        arp.gratuitous_reply(FOREIGN, OTHER4),
        arp.probe(FOREIGN, VIP4),
        ndp.unsolicited_advertisement(virtual[1], VIP6),
        ndp.unsolicited_advertisement(FOREIGN, OTHER6),
        ndp.solicitation(FOREIGN, VIP6),
    ]
    with speaker() as speaking, speaker(LEFT) as ourselves:
        for each in frames:
            speaking.send(each)
        for sent, _ in CLAIMS.values():
            ourselves.send(sent)
        speaking.send(arp.gratuitous_reply(FOREIGN, LAST4))
    assert hear(neighbors) == [(LEFT, LAST4, FOREIGN)]
    assert let_through(neighbors, arp.ETHERTYPE) == 1
    assert let_through(neighbors, ndp.ETHERTYPE) == 0


def test_a_flood_of_other_traffic_wakes_nobody(neighbors: Neighbors) -> None:
    neighbors.watch(LEFT, BOTH, [mac_of(LEFT)])
    flood = [
        arp.gratuitous_reply(FOREIGN, OTHER4),
        ndp.unsolicited_advertisement(FOREIGN, OTHER6),
        frame(destination=mac_of(LEFT), source=FOREIGN, ethertype=0x86DD, payload=bytes(1000)),
        frame(destination=mac_of(LEFT), source=FOREIGN, ethertype=0x0800, payload=bytes(1000)),
    ]
    with speaker() as speaking:
        for _ in range(2_500):
            for each in flood:
                speaking.send(each)
        assert select.select([neighbors], [], [], 0)[0] == []
        for sent, _ in CLAIMS.values():
            speaking.send(sent)
    assert len(hear(neighbors, 2)) == 2
    assert let_through(neighbors, arp.ETHERTYPE) == 2
    assert let_through(neighbors, ndp.ETHERTYPE) == 1


def test_a_flood_of_claims_is_read_bit_by_bit(neighbors: Neighbors) -> None:
    neighbors.watch(LEFT, [VIP4], [])
    with speaker() as speaking:
        for number in range(200):
            speaking.send(arp.gratuitous_reply(FOREIGN[:5] + bytes([number]), VIP4))
    sizes = [len(neighbors.drain()) for _ in range(4)]
    assert sizes == [64, 64, 64, 8]


def test_the_same_claim_is_told_once_each_time(neighbors: Neighbors) -> None:
    neighbors.watch(LEFT, [VIP4], [])
    with speaker() as speaking:
        for _ in range(20):
            speaking.send(arp.gratuitous_reply(FOREIGN, VIP4))
    assert neighbors.drain() == [(LEFT, VIP4, FOREIGN)]


@pytest.fixture
def _older_kernel() -> Iterator[None]:
    """The memory for filters that Linux had before 6.9; newer ones have a setting by namespace."""
    try:
        before = OPTMEM.read_text()
        OPTMEM.write_text(OLDER_OPTMEM)
    except OSError as error:
        pytest.skip(f"no older kernel here: {error}")
    yield
    OPTMEM.write_text(before)


def addresses_of(family: Family, count: int) -> list[IPAddress]:
    first = ip_address("198.51.100.1") if family is Family.IPV4 else ip_address("2001:db8:1::1")
    return [first + number for number in range(count)]


@pytest.mark.usefixtures("_older_kernel")
def test_255_addresses_of_each_family_are_watched_exactly(neighbors: Neighbors) -> None:
    four, six = addresses_of(Family.IPV4, 255), addresses_of(Family.IPV6, 255)
    virtual = [virtual_mac(family, 51) for family in Family]
    neighbors.watch(LEFT, [*four, *six], [mac_of(LEFT), *virtual])
    with speaker() as speaking:
        for address in (four[0], four[-1], four[-1] + 1):
            speaking.send(arp.gratuitous_reply(FOREIGN, IPv4Address(address)))
        for address in (six[0], six[-1], six[-1] + 1):
            speaking.send(ndp.unsolicited_advertisement(FOREIGN, IPv6Address(address)))
    told = {address for _, address, _ in hear(neighbors, 4)}
    assert told == {four[0], four[-1], six[0], six[-1]}
    assert let_through(neighbors, arp.ETHERTYPE) == 2
    assert let_through(neighbors, ndp.ETHERTYPE) == 2


@pytest.mark.usefixtures("_older_kernel")
def test_where_the_kernel_has_no_memory_for_the_filter_we_judge_alone(neighbors: Neighbors) -> None:
    many = addresses_of(Family.IPV4, 4000)
    neighbors.watch(LEFT, many, [mac_of(LEFT)])
    with speaker() as speaking:
        speaking.send(arp.gratuitous_reply(FOREIGN, OTHER4))
        speaking.send(arp.gratuitous_reply(FOREIGN, IPv4Address(many[-1])))
    assert hear(neighbors) == [(LEFT, many[-1], FOREIGN)]
    assert let_through(neighbors, arp.ETHERTYPE) == 2


def test_what_is_watched_can_change_and_end(neighbors: Neighbors) -> None:
    neighbors.watch(LEFT, [VIP4, OTHER4], [mac_of(LEFT)])
    with speaker() as speaking:
        neighbors.watch(LEFT, [VIP4, LAST4], [mac_of(LEFT), FOREIGN])
        for address in (VIP4, OTHER4):
            speaking.send(arp.gratuitous_reply(FOREIGN, address))
        speaking.send(arp.gratuitous_reply(FOREIGN[::-1], LAST4))
        assert hear(neighbors) == [(LEFT, LAST4, FOREIGN[::-1])]
        neighbors.watch(LEFT, [VIP6], [mac_of(LEFT)])
        speaking.send(arp.gratuitous_reply(FOREIGN[::-1], VIP4))
        speaking.send(ndp.unsolicited_advertisement(FOREIGN, VIP6))
        assert hear(neighbors) == [(LEFT, VIP6, FOREIGN)]
        speaking.send(ndp.unsolicited_advertisement(FOREIGN, VIP6))
        neighbors.watch(LEFT, [], [])
        neighbors.watch(LEFT, [], [])
    assert neighbors.drain() == []
    assert select.select([neighbors], [], [], 0)[0] == []


def test_to_watch_what_is_watched_already_changes_nothing(neighbors: Neighbors) -> None:
    neighbors.watch(LEFT, BOTH, [mac_of(LEFT)])
    before = {place: ear.socket for place, ear in neighbors._sockets._ears.items()}
    with speaker() as speaking:
        speaking.send(arp.gratuitous_reply(FOREIGN, VIP4))
        neighbors.watch(LEFT, BOTH[::-1], [mac_of(LEFT)])
    assert {place: ear.socket for place, ear in neighbors._sockets._ears.items()} == before
    assert hear(neighbors) == [(LEFT, VIP4, FOREIGN)]


def test_an_interface_that_is_not_there_is_waited_for_and_one_made_again_is_found(
    neighbors: Neighbors, links: Links
) -> None:
    unplug()
    links.drain()
    neighbors.watch(LEFT, [VIP4], [])
    for _ in range(3):
        plug()
        links.drain()
        assert neighbors.drain() == []
        with speaker() as speaking:
            speaking.send(arp.gratuitous_reply(FOREIGN, VIP4))
        assert hear(neighbors) == [(LEFT, VIP4, FOREIGN)]
        unplug()
        # The socket tells of its end; what is to be done comes with the links.
        assert select.select([neighbors], [], [], PATIENCE_S)[0]
        links.drain()
        assert neighbors.drain() == []
        assert select.select([neighbors], [], [], 0)[0] == []


def test_an_interface_that_was_down_is_heard_again(neighbors: Neighbors) -> None:
    ip("link", "set", "dev", LEFT, "down")
    neighbors.watch(LEFT, [VIP4], [])
    assert neighbors.drain() == []
    assert select.select([neighbors], [], [], 0)[0] == []
    ip("link", "set", "dev", LEFT, "up")
    heard: Heard = []

    def spoken_and_heard() -> bool:
        """The far end has lost its carrier, too; until that is back its kernel drops frames."""
        speaking.send(arp.gratuitous_reply(FOREIGN, VIP4))
        heard.extend(neighbors.drain())
        return bool(heard)

    with speaker() as speaking:
        wait_until(spoken_and_heard, PATIENCE_S, "a claim")
    assert set(heard) == {(LEFT, VIP4, FOREIGN)}


# -- asking ---------------------------------------------------------------------------------


INSTALLED_BY_HAND = """
ip address add 192.0.2.100/24 dev right
ip address add 2001:db8::100/64 dev right
"""

INSTALLED_BY_VIPD = """
from ipaddress import ip_interface
from vipd.core.model import Claim
from vipd.net.address import Addresses
from vipd.net.link import Links
from vipd.net.netlink import Requests
requests = Requests()
addresses = Addresses(requests, Links(requests))
vips = ip_interface("192.0.2.100/24"), ip_interface("2001:db8::100/64")
claim = Claim(interface="right", vrid=51, addresses=vips, lease=600 * 10**9)
assert addresses.claim([claim]) == [None]
"""

INSTALLED_BEHIND_A_VIRTUAL_MAC = """
import os
from ipaddress import ip_interface
from vipd.core.model import Claim
from vipd.net.link import Links
from vipd.net.netlink import Requests
from vipd.net.virtual_mac import VirtualMacs
requests = Requests()
virtual = VirtualMacs(requests, Links(requests))
vips = ip_interface("192.0.2.100/24"), ip_interface("2001:db8::100/64")
claim = Claim(interface="right", vrid=51, addresses=vips, lease=600 * 10**9)
assert virtual.claim([claim]) == [None]
os._exit(0)
"""


@pytest.fixture
def neighbour() -> Iterator[Neighbour]:
    with Neighbour() as there:
        yield there


def right_mac(neighbour: Neighbour) -> bytes:
    shown = json.loads(neighbour.run("ip", "-json", "link", "show", "dev", "right"))
    return bytes.fromhex(shown[0]["address"].replace(":", ""))


def asked(neighbors: Neighbors) -> dict[IPAddress, bytes]:
    """Who has both addresses."""
    neighbors.watch(LEFT, BOTH, [mac_of(LEFT)])
    neighbors.probe(LEFT, BOTH)
    return {address: mac for _, address, mac in hear(neighbors, 2)}


def test_a_neighbour_that_has_the_addresses_answers(
    neighbour: Neighbour, neighbors: Neighbors
) -> None:
    neighbour.run("sh", "-ec", INSTALLED_BY_HAND)
    neighbour.run("sh", "-c", "until ! ip -6 address show dev right tentative | grep .; do :; done")
    assert asked(neighbors) == dict.fromkeys(BOTH, right_mac(neighbour))


def test_a_neighbour_answers_for_what_vipd_installs(
    neighbour: Neighbour, neighbors: Neighbors
) -> None:
    neighbour.python(INSTALLED_BY_VIPD)
    shown = json.loads(neighbour.run("ip", "-json", "address", "show", "dev", "right"))
    infos = {info["local"]: info for info in shown[0]["addr_info"]}
    assert all(infos[str(VIP6)][flag] for flag in ("deprecated", "nodad", "noprefixroute"))
    assert asked(neighbors) == dict.fromkeys(BOTH, right_mac(neighbour))


def test_a_neighbour_answers_from_its_virtual_macs(
    neighbour: Neighbour, neighbors: Neighbors
) -> None:
    neighbour.python(INSTALLED_BEHIND_A_VIRTUAL_MAC)
    expected = {VIP4: virtual_mac(Family.IPV4, 51), VIP6: virtual_mac(Family.IPV6, 51)}
    assert asked(neighbors) == expected


@pytest.mark.parametrize("strictness", [1, 2])
def test_a_neighbour_that_is_strict_in_arp_answers(
    neighbour: Neighbour, neighbors: Neighbors, strictness: int
) -> None:
    neighbour.python(INSTALLED_BY_VIPD)
    setting = "/proc/sys/net/ipv4/conf/all/arp_ignore"
    neighbour.run("sh", "-c", f"echo {strictness} > {setting}")
    assert asked(neighbors).keys() == set(BOTH)


def test_nobody_answers_for_what_nobody_has_and_asking_leaves_no_trace(
    neighbour: Neighbour, neighbors: Neighbors
) -> None:
    """Answered questions come last; the others would have been answered before."""
    neighbour.python(INSTALLED_BY_VIPD)
    neighbors.watch(LEFT, [OTHER4, OTHER6, *BOTH], [mac_of(LEFT)])
    neighbors.probe(LEFT, [OTHER4, OTHER6, *BOTH])
    assert {address for _, address, _ in hear(neighbors, 2)} == set(BOTH)
    assert neighbors.drain() == []
    known = neighbour.run("ip", "neighbor", "show", "dev", "right")
    assert mac_of(LEFT).hex(":") not in known


def test_where_nothing_can_be_asked_nobody_answers(neighbors: Neighbors, links: Links) -> None:
    ip("link", "set", "dev", LEFT, "down")
    links.drain()
    neighbors.watch(LEFT, BOTH, [])
    neighbors.probe(LEFT, BOTH)
    neighbors.probe("eth7", BOTH)
    assert neighbors.drain() == []


def test_closing_leaves_no_socket(links: Links) -> None:
    links.drain()
    before = len(list(Path("/proc/self/fd").iterdir()))
    with closing(Neighbors(links)) as short:
        short.watch(LEFT, BOTH, [])
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_tag_that_is_not_ours_is_another_link(neighbors: Neighbors) -> None:
    """A VLAN that has no interface here reaches us in the end, as something for others."""
    neighbors.watch(LEFT, [VIP4, LAST4], [])
    untagged = arp.gratuitous_reply(FOREIGN, VIP4)
    with speaker() as speaking:
        speaking.send(untagged[:12] + bytes.fromhex("8100 0007") + untagged[12:])
        speaking.send(arp.gratuitous_reply(FOREIGN, LAST4))
    assert hear(neighbors) == [(LEFT, LAST4, FOREIGN)]
    assert let_through(neighbors, arp.ETHERTYPE) == 1
