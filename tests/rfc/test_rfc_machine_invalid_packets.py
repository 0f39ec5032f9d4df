"""RFC 9568 §7.1: what fails a check has no effect. The machine behind the real codec.

keepalived lets any packet for its VRID, even one that it rejects, restart the advert timer of a
MASTER: one with a bad checksum every 0.4 s silences it at an interval of 1 s.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address

import pytest
from solo_machine import VIP4, Solo

from vipd.core.actions import SendAdvert
from vipd.core.events import AdvertReceived
from vipd.core.model import Advert, ChecksumForm, State
from vipd.wire.vrrp import Datagram, DropReason, decode, encode

MS = 1_000_000
SECOND = 1_000_000_000
TAKEOVER = 3_609_375_000

SOURCE, GROUP = ip_address("192.0.2.51"), ip_address("224.0.0.18")


def packet(priority: int, spoil: Callable[[bytearray], None], *, ttl: int = 255) -> Datagram:
    advert = Advert(
        version=3,
        vrid=51,
        priority=priority,
        interval_cs=100,
        addresses=(VIP4.ip,),
        checksum=ChecksumForm.PSEUDO_HEADER,
    )
    payload = bytearray(encode(advert, source=SOURCE, destination=GROUP))
    spoil(payload)
    return Datagram(payload=bytes(payload), source=SOURCE, destination=GROUP, ttl=ttl)


def bad_checksum(payload: bytearray) -> None:
    payload[7] ^= 0xFF


def truncated(payload: bytearray) -> None:
    del payload[-1:]


def version_2(payload: bytearray) -> None:
    payload[0] = 0x21


def unspoilt(_: bytearray) -> None:
    """The fault lies in the header of the datagram."""


INVALID = [
    pytest.param(bad_checksum, 255, DropReason.CHECKSUM, id="bad checksum"),
    pytest.param(truncated, 255, DropReason.TRUNCATED, id="truncated"),
    pytest.param(version_2, 255, DropReason.VERSION, id="version 2"),
    pytest.param(unspoilt, 254, DropReason.TTL, id="TTL 254"),
]


def take_in(solo: Solo, datagram: Datagram) -> Advert | DropReason:
    """What the agent does with a packet: only an advert reaches the machine."""
    verdict = decode(datagram)
    if isinstance(verdict, Advert):
        solo.step(AdvertReceived(advert=verdict, source=datagram.source))
    return verdict


def flood(solo: Solo, datagram: Datagram, *, every: int, times: int) -> set[object]:
    verdicts: set[object] = set()
    for _ in range(times):
        verdicts.add(take_in(solo, datagram))
        solo.pass_time(every)
    return verdicts


@pytest.mark.parametrize("priority", [0, 50, 255])
@pytest.mark.parametrize(("spoil", "ttl", "reason"), INVALID)
def test_a_flood_of_invalid_packets_does_not_silence_a_master(
    spoil: Callable[[bytearray], None], ttl: int, reason: DropReason, priority: int
) -> None:
    """45, §7.1: it stays MASTER and keeps its rhythm to the nanosecond."""
    solo = Solo()
    solo.start()
    solo.pass_time(TAKEOVER)
    invalid = packet(priority, spoil, ttl=ttl)
    assert flood(solo, invalid, every=400 * MS, times=50) == {reason}
    assert solo.is_now(State.MASTER)
    assert solo.when(SendAdvert) == [TAKEOVER + beat * SECOND for beat in range(21)]


@pytest.mark.parametrize("priority", [0, 255])
@pytest.mark.parametrize(("spoil", "ttl", "reason"), INVALID)
def test_a_flood_of_invalid_packets_neither_holds_a_backup_down_nor_hurries_it(
    spoil: Callable[[bytearray], None], ttl: int, reason: DropReason, priority: int
) -> None:
    """45, §7.1: the takeover comes when it would have come."""
    solo = Solo()
    solo.start()
    invalid = packet(priority, spoil, ttl=ttl)
    assert flood(solo, invalid, every=400 * MS, times=9) == {reason}
    assert solo.is_now(State.BACKUP)
    solo.pass_time(TAKEOVER - solo.now)
    assert solo.is_now(State.MASTER)


def test_the_same_packet_unspoilt_is_obeyed() -> None:
    """The counterpart, without which the tests above could pass for a wrong reason."""
    solo = Solo()
    solo.start()
    solo.pass_time(TAKEOVER)
    assert isinstance(take_in(solo, packet(200, unspoilt)), Advert)
    assert solo.is_now(State.BACKUP)
