"""Trackers of links and of routes, on what a real kernel tells."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator

import pytest
from tracked import Reports, tracking

from vipd.core.config import TrackerConfig
from vipd.core.units import SECOND
from vipd.track.registry import make
from vipd.track.route import RouteTracker
from vipd.track.route_message import Wanted

MANY = 20_000
Play = Callable[[Reports], Awaitable[None]]


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def batch(lines: str) -> None:
    subprocess.run(["ip", "-batch", "-"], input=lines.encode(), check=True)


async def churn(lines: str) -> None:
    """Change routes while the loop goes on."""
    changing = await asyncio.create_subprocess_exec(
        "ip", "-batch", "-", stdin=asyncio.subprocess.PIPE
    )
    await changing.communicate(lines.encode())
    assert changing.returncode == 0


def plug() -> None:
    ip("link", "add", "dev", "left", "type", "veth", "peer", "name", "right")
    for end in ("left", "right"):
        ip("link", "set", "dev", end, "up")


@pytest.fixture(autouse=True)
def pair() -> Iterator[None]:
    """A cable from `left` to `right`, with addresses and so with routes."""
    plug()
    ip("address", "add", "198.51.100.1/24", "dev", "left")
    ip("address", "add", "2001:db8:1::1/64", "dev", "left", "nodad")
    yield
    for end in ("left", "renamed"):
        subprocess.run(["ip", "link", "del", "dev", end], check=False, capture_output=True)


def follow(play: Play, kind: str, **options: str) -> None:
    config = TrackerConfig(name="it", kind=kind, interval=SECOND, timeout=SECOND, options=options)

    async def run() -> None:
        async with tracking(make(config)) as reports:
            await play(reports)

    asyncio.run(run())


def follow_link(play: Play) -> None:
    follow(play, "interface", interface="left")


async def told(reports: Reports, text: str, *, ok: bool) -> None:
    """Wait for it; what is told on the way there is the kernel's affair."""
    outcome = await reports.until(lambda outcome: outcome.text == text)
    assert outcome.ok is ok


# -- links ----------------------------------------------------------------------------------


def test_carrier_and_state_are_told_as_they_change() -> None:
    async def play(reports: Reports) -> None:
        await told(reports, "left is up", ok=True)
        ip("link", "set", "dev", "right", "down")
        await told(reports, "left has no carrier", ok=False)
        ip("link", "set", "dev", "right", "up")
        await told(reports, "left is up", ok=True)
        ip("link", "set", "dev", "left", "down")
        await told(reports, "left is down", ok=False)

    follow_link(play)


def test_an_interface_is_its_name() -> None:
    async def play(reports: Reports) -> None:
        await told(reports, "left is up", ok=True)
        ip("link", "set", "dev", "left", "down")
        ip("link", "set", "dev", "left", "name", "renamed")
        await told(reports, "left does not exist", ok=False)
        ip("link", "set", "dev", "renamed", "name", "left")
        await told(reports, "left is down", ok=False)
        ip("link", "del", "dev", "left")
        await told(reports, "left does not exist", ok=False)
        plug()
        await told(reports, "left is up", ok=True)

    follow_link(play)


def test_to_leave_a_bridge_is_not_to_be_gone() -> None:
    async def play(reports: Reports) -> None:
        await told(reports, "left is up", ok=True)
        ip("link", "add", "dev", "renamed", "type", "bridge")
        ip("link", "set", "dev", "left", "master", "renamed")
        ip("link", "set", "dev", "left", "nomaster")
        ip("link", "set", "dev", "left", "down")
        assert (await reports.next()).text == "left is down"

    follow_link(play)


def test_an_operational_state_that_is_not_up_is_said() -> None:
    async def play(reports: Reports) -> None:
        await told(reports, "left is up", ok=True)
        ip("link", "set", "dev", "left", "mode", "dormant")
        ip("link", "set", "dev", "left", "state", "dormant")
        await told(reports, "left has a carrier, but is dormant", ok=False)

    follow_link(play)


def test_what_was_lost_is_asked_for() -> None:
    """The loop stands still while the kernel tells more than the socket holds."""
    flapping = "link set dev left down\nlink set dev left up\n"

    async def play(reports: Reports) -> None:
        await told(reports, "left is up", ok=True)
        batch(flapping * 500 + "link set dev left down\n")
        await told(reports, "left is down", ok=False)
        ip("link", "set", "dev", "left", "up")
        await told(reports, "left is up", ok=True)

    follow_link(play)


# -- routes ---------------------------------------------------------------------------------

NET = "203.0.113.0/24"
NONE = f"there is no route to {NET}"


@pytest.mark.parametrize(
    ("words", "destination", "gateway", "text"),
    [
        ((), "0.0.0.0/0", "198.51.100.254", "default route"),
        ((), NET, "198.51.100.254", f"route to {NET}"),
        (("-6",), "::/0", "2001:db8:1::9", "default route of IPv6"),
        (("-6",), "2001:db8:7::/48", "2001:db8:1::9", "route to 2001:db8:7::/48"),
    ],
)
def test_a_route_comes_and_goes(
    words: tuple[str, ...], destination: str, gateway: str, text: str
) -> None:
    async def play(reports: Reports) -> None:
        await told(reports, f"there is no {text}", ok=False)
        ip(*words, "route", "add", destination, "via", gateway, "metric", "7")
        await told(reports, f"{text} via {gateway} by left, metric 7", ok=True)
        ip(*words, "route", "del", destination)
        await told(reports, f"there is no {text}", ok=False)

    follow(play, "route", destination=destination)


def test_a_route_without_a_gateway() -> None:
    async def play(reports: Reports) -> None:
        await told(reports, "route to 198.51.100.0/24 by left", ok=True)

    follow(play, "route", destination="198.51.100.0/24", interface="left")


@pytest.mark.parametrize(
    "drop",
    [
        ("address", "del", "198.51.100.1/24", "dev", "left"),
        ("link", "del", "dev", "left"),
        ("link", "set", "dev", "left", "down"),
    ],
    ids=" ".join,
)
def test_a_route_that_the_kernel_drops_without_a_word(drop: tuple[str, ...]) -> None:
    async def play(reports: Reports) -> None:
        await told(reports, f"route to {NET} via 198.51.100.9 by left", ok=True)
        ip(*drop)
        await told(reports, NONE, ok=False)

    ip("route", "add", NET, "via", "198.51.100.9")
    follow(play, "route", destination=NET)


def test_a_route_by_a_link_without_a_carrier_does_not_count() -> None:
    async def play(reports: Reports) -> None:
        await told(reports, f"route to {NET} via 198.51.100.9 by left", ok=True)
        ip("link", "set", "dev", "right", "down")
        lame = "via 198.51.100.9 by left (its link is down)"
        await told(reports, f"{NONE}, only {lame}", ok=False)
        ip("link", "set", "dev", "right", "up")
        await told(reports, f"route to {NET} via 198.51.100.9 by left", ok=True)

    ip("route", "add", NET, "via", "198.51.100.9")
    follow(play, "route", destination=NET)


def test_the_gateway_and_the_interface_count_where_they_are_asked_for() -> None:
    async def play(reports: Reports) -> None:
        wanted = "via 198.51.100.9 by left"
        await told(reports, f"{NONE} {wanted}, only via 198.51.100.8 by left", ok=False)
        ip("route", "append", NET, "via", "198.51.100.9", "metric", "50")
        await told(reports, f"route to {NET} {wanted}, metric 50", ok=True)
        ip("link", "set", "dev", "left", "name", "renamed")
        only = "only via 198.51.100.8 by renamed"
        await told(reports, f"{NONE} {wanted}, {only}", ok=False)

    ip("route", "add", NET, "via", "198.51.100.8")
    follow(play, "route", destination=NET, via="198.51.100.9", interface="left")


def test_routes_of_several_ways_and_of_nexthop_objects() -> None:
    async def play(reports: Reports) -> None:
        await told(reports, f"route to {NET} via 198.51.100.9 by left", ok=True)
        ip("route", "del", NET)
        await told(reports, f"{NONE} via 198.51.100.9", ok=False)
        ip("nexthop", "add", "id", "12", "via", "198.51.100.9", "dev", "left")
        ip("route", "add", NET, "nhid", "12")
        await told(reports, f"route to {NET} via 198.51.100.9 by left", ok=True)
        ip("nexthop", "del", "id", "12")
        await told(reports, f"{NONE} via 198.51.100.9", ok=False)

    ways = ("nexthop", "via", "198.51.100.8", "nexthop", "via", "198.51.100.9")
    ip("route", "add", NET, *ways)
    follow(play, "route", destination=NET, via="198.51.100.9")


def test_a_route_that_refuses_and_one_in_another_table_are_none() -> None:
    async def play(reports: Reports) -> None:
        await told(reports, f"{NONE}, only one of type blackhole", ok=False)

    ip("route", "add", "blackhole", NET)
    ip("route", "add", NET, "via", "198.51.100.9", "table", "100")
    follow(play, "route", destination=NET)
    ip("route", "del", NET)


def test_other_routes_cost_nothing() -> None:
    """A table that fills up: the kernel does not even wake us."""
    want = Wanted.of({"destination": "11.0.7.0/24"})
    nets = [f"11.{n >> 8}.{n & 255}.0/24 via 198.51.100.9" for n in range(MANY) if n != 7]

    async def play() -> None:
        async with tracking(RouteTracker(want)) as reports:
            assert not (await reports.next()).ok
            before = time.process_time()
            await churn("".join(f"route add {net}\n" for net in nets))
            cost = time.process_time() - before
            ip("route", "add", "11.0.7.0/24", "via", "198.51.100.9")
            assert (await reports.next()).text == "route to 11.0.7.0/24 via 198.51.100.9 by left"
            assert reports.count == 2
            assert cost < 0.2

    asyncio.run(play())


def test_a_route_that_flaps_without_end_costs_little_and_is_right_in_the_end() -> None:
    flap = f"route add {NET} via 198.51.100.9\nroute del {NET}\n"

    async def play(reports: Reports) -> None:
        await told(reports, NONE, ok=False)
        before = time.process_time()
        await churn(flap * MANY + f"route add {NET} via 198.51.100.8\n")
        assert time.process_time() - before < 0.2
        await told(reports, f"route to {NET} via 198.51.100.8 by left", ok=True)

    follow(play, "route", destination=NET)
