"""What a scan concludes: who is MASTER, what is a conflict and what is only a takeover."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address

import pytest
from captured import SOURCE_6, ipv4, ipv6, message

from vipd.capture.packet import read_packet
from vipd.capture.survey import (
    ConflictKind,
    Own,
    Sighting,
    Speaker,
    Survey,
    VirtualRouter,
    survey,
)
from vipd.capture.verdict import report
from vipd.core.units import SECOND

A, B = "192.0.2.10", "192.0.2.20"
WEB = Own(name="web", vrid=51, state="BACKUP", addresses=("192.0.2.100", "2001:db8::100"))


def heard(
    times: Iterable[float],
    source: str = A,
    *,
    vip: str = "192.0.2.100",
    password: bytes | None = None,
    version: int = 3,
    interval_cs: int = 100,
    vrid: int = 51,
    priority: int = 100,
    ttl: int = 255,
) -> list[Sighting]:
    """An advert over IPv4, seen at these times, in seconds."""
    address = IPv4Address(source)
    payload = message(
        vip,
        source=address,
        password=password,
        version=version,
        interval_cs=interval_cs,
        vrid=vrid,
        priority=priority,
    )
    return sightings(times, ipv4(payload, source=address, ttl=ttl))


def sightings(times: Iterable[float], data: bytes) -> list[Sighting]:
    packet = read_packet(data, wire_bytes=len(data))
    assert packet is not None
    return [Sighting(at=round(at * SECOND), report=report(packet)) for at in times]


def found(
    *series: list[Sighting],
    end: float = 5,
    own: Sequence[Own] = (),
    local: Sequence[str] = (),
) -> Survey:
    in_order = sorted((one for each in series for one in each), key=lambda one: one.at)
    return survey(in_order, end=round(end * SECOND), own=own, local=local)


def kinds(result: Survey) -> list[ConflictKind]:
    return [conflict.kind for conflict in result.conflicts]


ALL = range(5)
LATER = [0.5 + second for second in range(5)]


def test_one_master() -> None:
    result = found(heard(ALL, priority=150))
    assert result.routers == (
        VirtualRouter(
            vrid=51,
            family=result.routers[0].family,
            instance=None,
            speakers=(
                Speaker(
                    source=A,
                    version=3,
                    priority=150,
                    interval_s=1.0,
                    addresses=("192.0.2.100",),
                    auth_type=None,
                    adverts=5,
                    first=0,
                    last=4 * SECOND,
                    ours=False,
                    speaking=True,
                ),
            ),
        ),
    )
    assert (result.conflicts, result.unread) == ((), 0)


def test_families_and_vrids_are_apart_and_in_order() -> None:
    over_ipv6 = sightings(ALL, ipv6(message("fe80::5", source=SOURCE_6)))
    result = found(over_ipv6, heard(ALL, vrid=7), heard(ALL))
    assert [(one.vrid, one.family.value) for one in result.routers] == [(7, 4), (51, 4), (51, 6)]
    assert result.conflicts == ()


def test_two_masters_of_one_cluster() -> None:
    result = found(heard(ALL), heard(LATER, B, priority=150))
    assert kinds(result) == [ConflictKind.TWO_MASTERS]
    (text,) = (one.text for one in result.conflicts)
    assert text.startswith(f"VRID 51, IPv4: {B} and {A} both speak as MASTER: ")
    assert "firewall" in text
    assert [one.source for one in result.routers[0].masters] == [B, A]


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"version": 2}, "one speaks VRRPv3, the other VRRPv2"),
        ({"version": 2, "password": b"x"}, "one speaks VRRPv3, the other VRRPv2"),
    ],
)
def test_versions_explain_two_masters(other: dict[str, object], why: str) -> None:
    result = found(heard(ALL), heard(LATER, B, **other))  # type: ignore[arg-type]
    assert result.conflicts[0].text.endswith(why)


def test_passwords_and_intervals_explain_two_masters_of_vrrpv2() -> None:
    plain = heard(ALL, version=2)
    secret = heard(LATER, B, version=2, password=b"x")
    slower = heard((0.5, 2.5, 4.5), B, version=2, interval_cs=200)
    assert found(plain, secret).conflicts[0].text.endswith("they use different authentication")
    assert "their intervals are 1 s and 2 s" in found(plain, slower).conflicts[0].text


def test_one_source_that_speaks_both_versions_is_two_speakers() -> None:
    result = found(heard(ALL), heard(LATER, version=2))
    assert [one.version for one in result.routers[0].masters] == [3, 2]


def test_two_clusters_have_no_address_in_common() -> None:
    result = found(heard(ALL), heard(LATER, B, vip="192.0.2.200", version=2))
    assert kinds(result) == [ConflictKind.OTHER_CLUSTER]
    assert "two clusters use this VRID" in result.conflicts[0].text


@pytest.mark.parametrize(
    ("first", "second"),
    [
        # Silence and takeover; a release; a better router that preempts; a packet that crosses.
        (heard((0, 1)), heard((4.6,), B)),
        ([*heard((0, 1)), *heard((1.5,), priority=0)], heard((2.1, 3.1, 4.1), B)),
        (heard((0, 1, 2, 3)), heard((3.1, 4.1), B, priority=200)),
        (heard((0, 0.9)), heard((0.8, 1.8, 2.8, 3.8, 4.8), B, priority=200)),
    ],
)
def test_a_takeover_is_no_conflict(first: list[Sighting], second: list[Sighting]) -> None:
    result = found(first, second)
    assert result.conflicts == ()
    assert result.routers[0].masters[0].source == B


def test_a_router_that_advertises_rarely_still_speaks() -> None:
    assert found(heard((1,), interval_cs=4000), end=100).routers[0].masters
    assert not found(heard((1,), interval_cs=100), end=100).routers[0].masters


def test_another_cluster_on_our_vrid_is_named_though_ours_is_silent() -> None:
    result = found(heard(ALL, vip="192.0.2.200"), own=[WEB], local=[B])
    assert kinds(result) == [ConflictKind.OTHER_CLUSTER]
    assert result.conflicts[0].text == (
        f"VRID 51, IPv4: {A} speaks for 192.0.2.200, and our instance web (BACKUP) is for "
        "192.0.2.100: another cluster uses our VRID, and one of them needs another"
    )


def test_another_cluster_is_named_once_when_ours_speaks_too() -> None:
    result = found(heard(ALL, B), heard(LATER, vip="192.0.2.200", version=2), own=[WEB], local=[B])
    assert kinds(result) == [ConflictKind.OTHER_CLUSTER]
    assert f"{B} (this host)" in result.conflicts[0].text


def test_our_own_instance_is_marked_and_no_stranger() -> None:
    result = found(heard(ALL, B), own=[WEB], local=[B, "192.0.2.100"])
    (ipv4_router, ipv6_router) = result.routers
    assert (ipv4_router.instance, ipv4_router.speakers[0].ours) == (WEB, True)
    assert (ipv6_router.instance, ipv6_router.speakers) == (WEB, ())
    assert result.conflicts == ()


def test_an_instance_of_one_family_says_nothing_of_the_other() -> None:
    only_6 = Own(name="six", vrid=51, state="MASTER", addresses=("2001:db8::100",))
    result = found(heard(ALL), own=[only_6])
    assert [one.instance for one in result.routers] == [None, only_6]
    assert result.conflicts == ()


def test_free_vrids_are_those_that_nobody_uses() -> None:
    other = Own(name="idle", vrid=52, state="FAULT", addresses=("192.0.2.9",))
    result = found(heard(ALL), heard(ALL, vrid=1), own=[other])
    assert set(result.free_vrids) == set(range(1, 256)) - {1, 51, 52}
    assert result.suggested_vrids[:2] == (53, 54)
    assert result.suggested_vrids[-1] == 50


def test_a_password_makes_a_router_no_less_of_one() -> None:
    (router,) = found(heard(ALL, version=2, password=b"x")).routers
    assert router.speakers[0].auth_type == 1


def test_what_is_no_sound_advert_is_only_counted() -> None:
    broken = bytearray(message())
    broken[2] ^= 1
    odd = [
        *heard(ALL, ttl=64),
        *heard(ALL, vrid=0),
        *sightings(ALL, ipv4(bytes(broken))),
        *sightings(ALL, ipv4(b"")),
    ]
    result = found(odd)
    assert (result.routers, result.unread) == ((), 20)
