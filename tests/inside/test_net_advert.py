"""The advert sockets in a real kernel: what is said again and again, and what others flood."""

from __future__ import annotations

import select
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from neighbourhood import LEFT, OWN, PEER, speaker

from vipd.core.model import Advert, Channel, ChecksumForm, Family
from vipd.core.units import MILLISECOND
from vipd.net.advert import AdvertSockets
from vipd.net.link import Links
from vipd.wire.virtual_mac import advert_frame
from vipd.wire.vrrp import GROUP, Datagram, encode

pytestmark = pytest.mark.usefixtures("addressed_cable")

PATIENCE_S = 5.0
FLOOD = 20_000
OPTMEM = Path("/proc/sys/net/core/optmem_max")


@pytest.fixture
def adverts(links: Links) -> Iterator[AdvertSockets]:
    links.drain()
    index = links.index(LEFT)
    assert index is not None
    with closing(AdvertSockets()) as opened:
        ways = [Channel(interface=LEFT, source=source) for source in OWN.values()]
        for way in ways:
            opened.open(way, index)
        opened.retain({way: {51, 53} for way in ways})
        yield opened


def frame_of(family: Family, vrid: int, priority: int = 100) -> bytes:
    """The frame of a peer's advert."""
    advert = Advert(
        version=3,
        vrid=vrid,
        priority=priority,
        interval_cs=100,
        addresses=(PEER[family],),
        checksum=ChecksumForm.MESSAGE if family is Family.IPV4 else ChecksumForm.PSEUDO_HEADER,
    )
    payload = encode(advert, source=PEER[family], destination=GROUP[family])
    return advert_frame(payload, source=PEER[family], vrid=vrid)


def hear(adverts: AdvertSockets, vrid: int) -> list[Datagram]:
    """What arrives, until this VRID has been heard."""
    deadline, heard = time.monotonic() + PATIENCE_S, list[Datagram]()
    while not heard or heard[-1].payload[1] != vrid:
        select.select([adverts], [], [], max(0.0, deadline - time.monotonic()))
        heard += [one for _, one in adverts.drain()]
        assert time.monotonic() < deadline, f"{len(heard)} were heard, the last was not"
    return heard


@pytest.mark.parametrize("family", Family)
def test_what_is_said_again_is_the_same_value(adverts: AdvertSockets, family: Family) -> None:
    with speaker() as speaking:
        for priority in (100, 200, 100):
            speaking.send(frame_of(family, 51, priority))
        speaking.send(frame_of(family, 53))
    first, other, again, _ = hear(adverts, 53)
    assert again is first
    assert other != first


@pytest.mark.parametrize("family", Family)
def test_a_flood_of_strangers_is_left_to_the_kernel(adverts: AdvertSockets, family: Family) -> None:
    """The strangers that get through at first are borne; then one in 256 is."""
    stranger, ours = frame_of(family, 52), frame_of(family, 51)
    with speaker() as speaking:
        for number in range(FLOOD):
            speaking.send(stranger)
            if number % 1000 == 999:
                speaking.send(ours)
                heard = hear(adverts, 51)
        assert len(heard) < 100, "the last thousand did not get through"
        # What was a stranger's is ours from now on.
        way = Channel(interface=LEFT, source=OWN[family])
        adverts.retain({way: {51, 52, 53}})
        for _ in range(10):
            speaking.send(stranger)
        speaking.send(frame_of(family, 53))
    assert [one.payload[1] for one in hear(adverts, 53)] == [52] * 10 + [53]


@contextmanager
def no_memory_for_filters() -> Iterator[None]:
    try:
        before = OPTMEM.read_text()
        OPTMEM.write_text("0")
    except OSError as error:
        pytest.skip(f"the memory of filters is not ours to limit: {error}")
    try:
        yield
    finally:
        OPTMEM.write_text(before)


def test_where_the_kernel_has_no_memory_for_a_filter_all_are_read(adverts: AdvertSockets) -> None:
    stranger, ours = frame_of(Family.IPV4, 52), frame_of(Family.IPV4, 51)
    with no_memory_for_filters(), speaker() as speaking:
        for number in range(FLOOD // 4):
            speaking.send(stranger)
            if number % 100 == 99:
                speaking.send(ours)
                heard = hear(adverts, 51)
    assert [one.payload[1] for one in heard] == [52] * 100 + [51]


def age_of_one(adverts: AdvertSockets, family: Family) -> tuple[int, int]:
    """What the age of an advert is that is read late, and what it is at most."""
    with speaker() as speaking:
        before = time.monotonic_ns()
        speaking.send(frame_of(family, 51))
        select.select([adverts], [], [], PATIENCE_S)
        arrived = time.monotonic_ns()
        while time.monotonic_ns() < arrived + 2 * MILLISECOND:
            """The agent does something else."""
        assert [one.payload[1] for _, one in adverts.drain()] == [51]
        return adverts.age, time.monotonic_ns() - before


@pytest.mark.parametrize("family", Family)
def test_what_is_heard_is_dated_by_its_arrival(adverts: AdvertSockets, family: Family) -> None:
    """The kernel begins with it soon after it is asked first."""
    deadline, age, most = time.monotonic() + PATIENCE_S, 0, 0
    while age < MILLISECOND and time.monotonic() < deadline:
        age, most = age_of_one(adverts, family)
    assert 2 * MILLISECOND <= age <= most
    assert list(adverts.drain()) == []
    assert adverts.age == 0
