"""Hellos on hosts of the lab: two agents know whether the other one is ready, and why not."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import pytest
from commanding import codes, events, said, wait_peer

from vipd.control.client import NoAgent
from vipd.control.report import LagReport
from vipd.core.model import State
from vipd.lab.agent import Agent
from vipd.lab.lab import Lab

ALL = 255
AT_ONCE_S = 1.0
"""Less than the second after which all is said anyway."""

FLOOD_S = 4
FLOOD_PER_S = 20_000
INTERVAL_S = 0.1
DRAIN = '[track.drain]\ntype = "file"\npath = "HERE/drain"\npresent = "down"\n'
DEAF = "table inet t { chain c { type filter hook input priority 0; udp dport 9568 drop; }; }"

Record = Callable[[str, object], None]


def tables(priority: int, keys: str = "", more: str = "", addresses: str = "192.0.2.100/24") -> str:
    return (
        f'[instance.web]\ninterface = "eth0"\nvrid = 51\naddresses = ["{addresses}"]\n'
        f"priority = {priority}\n{keys}\n{more}\n"
    )


def agent(lab: Lab, number: int, config: str) -> Agent:
    """An agent that runs; HERE in its configuration is the directory of its host."""
    host = lab.add_host(f"h{number}", addresses=(f"192.0.2.1{number}/24",))
    started = Agent(lab, host, config.replace("HERE", str(host.directory)))
    started.start()
    return started


def pair(lab: Lab, first: str, second: str) -> tuple[Agent, Agent]:
    """Two agents that know of each other."""
    one, two = agent(lab, 1, first), agent(lab, 2, second)
    for each in (one, two):
        wait_peer(lab, each, "the other one is ready", ready=True)
    return one, two


def test_each_sees_the_other_ready_and_why_not_at_once(lab: Lab, record_property: Record) -> None:
    drained = 'track = ["drain"]\nadvert_interval = "100ms"'
    one, two = pair(lab, tables(150, drained, DRAIN), tables(100, 'advert_interval = "100ms"'))
    known = {"node": "h2", "address": "192.0.2.12", "state": State.BACKUP, "priority": 100}
    assert wait_peer(lab, one, "h2 follows", **known).differs == ()
    known = {"node": "h1", "address": "192.0.2.11", "state": State.MASTER, "priority": 150}
    wait_peer(lab, two, "h1 serves", **known)
    began = time.time()
    (one.host.directory / "drain").touch()
    wait_peer(lab, two, "h1 is not ready", ready=False, state=State.FAULT)
    told = [each for each in events(two, "peer") if each.code == "peer_not_ready"][-1]
    assert told.text.startswith("h1 (192.0.2.11) is not ready: drain: ")
    assert told.instance == "web"
    waited = datetime.fromisoformat(told.at).timestamp() - began
    record_property("figure", f"a fault there is known here after {waited * 1000:.0f} ms")
    assert waited < AT_ONCE_S


def test_who_stops_says_so_and_who_is_killed_falls_silent(lab: Lab) -> None:
    one, two = pair(lab, tables(150), tables(100))
    two.stop()
    wait_peer(lab, one, "h2 has stopped", ready=False, state=State.INIT, why="stopped")
    two.start()
    wait_peer(lab, one, "h2 is back", ready=True)
    two.kill()
    lab.wait_until(lambda: codes(one, "peer")[-1] == "peer_not_ready", 20, "h2 is missed")
    assert "is not ready: silent for " in events(one, "peer")[-1].text


def test_maintenance_there_is_known_here(lab: Lab) -> None:
    one, two = pair(lab, tables(150), tables(100))
    one.wait_state(State.MASTER)
    said(two, "maintenance", "on", "--force")
    wait_peer(lab, one, "h2 is in maintenance", ready=False, why="in maintenance")


def test_what_is_set_up_in_another_way_is_told(lab: Lab) -> None:
    one, two = pair(lab, tables(150), tables(100, 'advert_interval = "2s"\npreempt = false'))
    differs = ("advert_interval: 2 s there, 1 s here", "preempt: false there, true here")
    wait_peer(lab, one, "the difference is known", differs=differs)
    assert "peer_differs" in codes(one, "peer")
    two.stop()
    two.configure(tables(100))
    two.start()
    wait_peer(lab, one, "it is mended", ready=True, differs=())
    assert "peer_agrees" in codes(one, "peer")


def test_unicast(lab: Lab) -> None:
    one, two = pair(
        lab,
        tables(150, 'unicast_peers = ["192.0.2.12"]'),
        tables(100, 'unicast_peers = ["192.0.2.11"]'),
    )
    wait_peer(lab, one, "h2 follows", node="h2", state=State.BACKUP, differs=())
    wait_peer(lab, two, "h1 serves", node="h1", state=State.MASTER, differs=())


def test_ipv6_alone(lab: Lab) -> None:
    vip = "2001:db8::100/64"
    one, two = pair(lab, tables(150, addresses=vip), tables(100, addresses=vip))
    wait_peer(lab, one, "h2 follows", node="h2", address="fe80::ff:fe00:2")
    wait_peer(lab, two, "h1 serves", node="h1", address="fe80::ff:fe00:1")


def test_one_peer_in_both_families_whose_ipv4_a_firewall_drops(lab: Lab) -> None:
    both = '192.0.2.100/24", "2001:db8::100/64'
    one, _ = pair(lab, tables(150, addresses=both), tables(100, addresses=both))
    wait_peer(lab, one, "it is one peer", address="192.0.2.12", ready=True)
    one.host.run(["nft", DEAF.replace("udp", "meta nfproto ipv4 udp")])
    wait_peer(lab, one, "it is heard over IPv6", address="fe80::ff:fe00:2", ready=True)
    one.host.run(["nft", "flush ruleset"])
    one.host.run(["nft", DEAF])
    wait_peer(lab, one, "it is not heard", ready=False)


def test_a_router_without_hellos_is_known_by_its_adverts(lab: Lab) -> None:
    mute = Agent(lab, lab.add_host("h1", addresses=("192.0.2.11/24",)), tables(150))
    mute.config.write_text(mute.config.read_text().replace("[agent]", "[agent]\nhellos = false"))
    mute.start()
    mute.wait_state(State.MASTER)
    two = agent(lab, 2, tables(100))
    wait_peer(lab, two, "h1 is known", address="192.0.2.11", node=None, ready=None, priority=150)
    assert codes(two, "peer") == []


def many(priority: int) -> str:
    return "\n".join(
        f'[instance.i{vrid}]\ninterface = "eth0"\nvrid = {vrid}\npriority = {priority}\n'
        f'addresses = ["198.51.100.{vrid}/32"]\n'
        for vrid in range(1, ALL + 1)
    )


def ready_peers(agent: Agent) -> int | None:
    """Of how many instances the peer is ready; None when the agent does not answer yet."""
    with suppress(NoAgent):
        return sum(any(peer.ready for peer in each.peers) for each in agent.status().instances)
    return None


def test_255_instances_on_one_interface(lab: Lab) -> None:
    one, two = agent(lab, 1, many(150)), agent(lab, 2, many(100))
    for each in (one, two):
        lab.wait_until(lambda: ready_peers(each) == ALL, 60, "each peer is ready")  # noqa: B023
    two.stop()
    lab.wait_until(lambda: ready_peers(one) == 0, 5, "no peer is ready any more")


FLOOD = f"""
import socket, sys, time
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from vipd.core.model import Family, State
from vipd.wire.hello import Hello, Readiness, Speaker, encode
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as speaking:
    speaking.bind(("192.0.2.13", 0))
    speaking.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("192.0.2.13"))
    speaking.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
    says = []
    for number in range(1000):
        router = dict(families=(Family.IPV4,), state=State.BACKUP, ready=True, why="", priority=9,
            effective_priority=9, version=3, interval_cs=10, preempts=True, addresses=bytes(8))
        routers = tuple(Readiness(vrid=vrid, **router) for vrid in range(40, 90))
        speaker = Speaker(life=number.to_bytes(8, "big"), node=f"n{{number}}", version="1")
        says += encode(Hello(speaker=speaker, routers=routers))
    garbage = [b"x" * 900] * 1000
    began, sent = time.monotonic(), 0
    while (now := time.monotonic()) < began + {FLOOD_S}:
        due = int((now - began) * {FLOOD_PER_S})
        while sent < due:
            speaking.sendto((says, garbage)[sent % 2][sent // 2 % 1000], ("224.0.0.18", 9568))
            sent += 1
print(sent)
"""
"""Half of it is garbage, half of it hellos that say something new each time."""


@pytest.mark.alone
def test_a_flood_delays_no_advert(lab: Lab, record_property: Record) -> None:
    keys = 'advert_interval = "100ms"'
    one, two = pair(lab, tables(150, keys), tables(100, keys))
    one.wait_state(State.MASTER)
    two.wait_state(State.BACKUP)
    flooder = lab.add_host("h3", addresses=("192.0.2.13/24",))
    transitions = [codes(each, "transition") for each in (one, two)]
    lags = [lag_of(each) for each in (one, two)]
    began, before = time.monotonic(), cpu_s(two)
    sent = int(flooder.run([sys.executable, "-c", FLOOD]).stdout)
    used = (cpu_s(two) - before) / (time.monotonic() - began)
    late_s = max(latest_s(lag_of(each), lag) for each, lag in zip((one, two), lags, strict=True))
    figure = f"{used:.0%} of a core, a loop late by at most {late_s * 1000:g} ms"
    record_property("figure", f"{sent / FLOOD_S:,.0f} hellos a second: {figure}")
    assert sent > FLOOD_PER_S * FLOOD_S / 2
    assert "192.0.2.13" in {peer.address for peer in two.instance().peers}
    assert used < 0.3
    assert late_s < INTERVAL_S
    assert (one.state(), two.state()) == (State.MASTER, State.BACKUP)
    assert [codes(each, "transition") for each in (one, two)] == transitions


def lag_of(agent: Agent) -> LagReport:
    lag = agent.status().lag
    assert lag is not None
    return lag


def latest_s(now: LagReport, before: LagReport) -> float:
    """The bound below which the loop has always been late since then; without end if none is."""
    news = [late - earlier for late, earlier in zip(now.counts, before.counts, strict=True)]
    bounds = (*now.bounds_s, float("inf"))
    return max(bound for bound, count in zip(bounds, news, strict=True) if count)


def cpu_s(agent: Agent) -> float:
    """What the agent has used of the processors."""
    stat = Path(f"/proc/{agent.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")
