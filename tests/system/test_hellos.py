"""Hellos on hosts of the lab: two agents know whether the other one is ready, and why not."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from vipd.core.model import State
from vipd.lab.agent import Agent
from vipd.lab.lab import Host, Lab

SUPPORT = Path(__file__).parents[1] / "support"
WITHIN_S = 20.0
ALL = 255
AT_ONCE_S = 1.0
"""Less than the second after which all is said anyway."""

FLOOD_S = 4
FLOOD_PER_S = 20_000
DRAIN = '[track.drain]\ntype = "file"\npath = "HERE/drain"\npresent = "down"\n'
DEAF = "table inet t { chain c { type filter hook input priority 0; udp dport 9568 drop; }; }"

Record = Callable[[str, object], None]
Peer = Mapping[str, Any]


class HelloAgent:
    """The program of tests/support/hello_agent.py on a host."""

    def __init__(self, lab: Lab, host: Host, tables: str) -> None:
        self.host = host
        self._lab = lab
        self._directory = host.directory
        self._config = host.directory / "vipd.toml"
        self.configure(tables)
        self.start()

    def configure(self, tables: str) -> None:
        head = f'[agent]\ncontrol_socket = "{self._directory}/control.sock"\n'
        self._config.write_text(head + tables.replace("HERE", str(self._directory)))

    def start(self) -> None:
        words = ("-m", "hello_agent", str(self._config), str(self._directory))
        with (self._directory / "log.jsonl").open("ab") as log:
            self._process = self.host.popen(
                ["env", f"PYTHONPATH={SUPPORT}", sys.executable, *words], stdout=log, stderr=log
            )

    def end(self, number: signal.Signals) -> None:
        self._process.send_signal(number)
        self._process.wait(WITHIN_S)

    def touch(self, name: str) -> None:
        (self._directory / name).touch()

    def read(self, name: str) -> Mapping[str, Any]:
        """What it has told last; nothing before it has begun."""
        file = self._directory / f"{name}.json"
        said: Mapping[str, Any] = json.loads(file.read_text()) if file.exists() else {}
        return said

    def transitions(self) -> int:
        return (self._directory / "log.jsonl").read_text().count('"transition"')

    def peers(self, instance: str = "web") -> list[Peer]:
        return list(self.read("peers").get("peers", {}).get(instance, ()))

    def events(self) -> list[Mapping[str, Any]]:
        file = self._directory / "events.jsonl"
        lines = file.read_text().splitlines() if file.exists() else []
        return [json.loads(line) for line in lines]

    def codes(self) -> list[str]:
        return [event["code"] for event in self.events()]

    def wait(self, condition: Callable[[], bool], what: str, timeout_s: float = WITHIN_S) -> None:
        def said() -> str:
            log = (self._directory / "log.jsonl").read_text()[-2000:]
            return f"{self.host.name}: {what}, not {self.read('peers')}; {log}"

        try:
            self._lab.wait_until(condition, timeout_s, what)
        except Exception as error:
            raise AssertionError(said()) from error

    def wait_peer(self, what: str, /, **wanted: object) -> None:
        """Wait until there is one peer, and it is so."""

        def is_so() -> bool:
            peers = self.peers()
            return len(peers) == 1 and wanted.items() <= peers[0].items()

        self.wait(is_so, what)


def tables(priority: int, keys: str = "", more: str = "", addresses: str = "192.0.2.100/24") -> str:
    return (
        f'[instance.web]\ninterface = "eth0"\nvrid = 51\naddresses = ["{addresses}"]\n'
        f"priority = {priority}\n{keys}\n{more}\n"
    )


def pair(lab: Lab, first: str, second: str) -> tuple[HelloAgent, HelloAgent]:
    """Two agents that know of each other."""
    agents = [
        HelloAgent(lab, lab.add_host(f"h{n}", addresses=(f"192.0.2.1{n}/24",)), config)
        for n, config in ((1, first), (2, second))
    ]
    for agent in agents:
        agent.wait_peer("the other one is ready", ready=True)
    return agents[0], agents[1]


def test_each_sees_the_other_ready_and_why_not_at_once(lab: Lab, record_property: Record) -> None:
    drained = 'track = ["drain"]\nadvert_interval = "100ms"'
    one, two = pair(lab, tables(150, drained, DRAIN), tables(100, 'advert_interval = "100ms"'))
    one.wait_peer("h2 follows", node="h2", address="192.0.2.12", state="BACKUP", priority=100)
    two.wait_peer("h1 serves", node="h1", address="192.0.2.11", state="MASTER", priority=150)
    assert one.peers()[0]["differs"] == []
    began = time.monotonic()
    one.touch("drain")
    two.wait_peer("h1 is not ready", ready=False, state="FAULT")
    told = [each for each in two.events() if each["code"] == "peer_not_ready"]
    assert told[-1]["text"].startswith("h1 (192.0.2.11) is not ready: drain: ")
    waited = told[-1]["at"] - began
    record_property("figure", f"a fault there is known here after {waited * 1000:.0f} ms")
    assert waited < AT_ONCE_S


def test_who_stops_says_so_and_who_is_killed_falls_silent(lab: Lab) -> None:
    one, two = pair(lab, tables(150), tables(100))
    two.end(signal.SIGTERM)
    one.wait_peer("h2 has stopped", ready=False, state="INIT", why="stopped")
    two.start()
    one.wait_peer("h2 is back", ready=True)
    two.end(signal.SIGKILL)
    one.wait(lambda: one.codes()[-1] == "peer_not_ready", "h2 is missed")
    assert "is not ready: silent for 3." in one.events()[-1]["text"]


def test_maintenance_there_is_known_here(lab: Lab) -> None:
    one, two = pair(lab, tables(150), tables(100))
    two.touch("maintenance")
    one.wait_peer("h2 is in maintenance", ready=False, why="in maintenance")


def test_what_is_set_up_in_another_way_is_told(lab: Lab) -> None:
    one, two = pair(lab, tables(150), tables(100, 'advert_interval = "2s"\npreempt = false'))
    differs = ["advert_interval: 2 s there, 1 s here", "preempt: false there, true here"]
    one.wait_peer("the difference is known", differs=differs)
    assert "peer_differs" in one.codes()
    two.end(signal.SIGTERM)
    two.configure(tables(100))
    two.start()
    one.wait_peer("it is mended", ready=True, differs=[])
    assert "peer_agrees" in one.codes()


def test_unicast(lab: Lab) -> None:
    one, two = pair(
        lab,
        tables(150, 'unicast_peers = ["192.0.2.12"]'),
        tables(100, 'unicast_peers = ["192.0.2.11"]'),
    )
    one.wait_peer("h2 follows", node="h2", state="BACKUP", differs=[])
    two.wait_peer("h1 serves", node="h1", state="MASTER", differs=[])


def test_ipv6_alone(lab: Lab) -> None:
    vip = "2001:db8::100/64"
    one, two = pair(lab, tables(150, addresses=vip), tables(100, addresses=vip))
    one.wait_peer("h2 follows", node="h2", address="fe80::ff:fe00:2")
    two.wait_peer("h1 serves", node="h1", address="fe80::ff:fe00:1")


def test_one_peer_in_both_families_whose_ipv4_a_firewall_drops(lab: Lab) -> None:
    both = '192.0.2.100/24", "2001:db8::100/64'
    one, _ = pair(lab, tables(150, addresses=both), tables(100, addresses=both))
    one.wait_peer("it is one peer", address="192.0.2.12", ready=True)
    one.host.run(["nft", DEAF.replace("udp", "meta nfproto ipv4 udp")])
    one.wait_peer("it is heard over IPv6", address="fe80::ff:fe00:2", ready=True)
    one.host.run(["nft", "flush ruleset"])
    one.host.run(["nft", DEAF])
    one.wait_peer("it is not heard", ready=False)


def test_a_router_without_hellos_is_known_by_its_adverts(lab: Lab) -> None:
    plain = Agent(lab, lab.add_host("h1", addresses=("192.0.2.11/24",)), tables(150))
    plain.host.run(["nft", DEAF.replace("input", "output")])
    plain.start()
    plain.wait_state(State.MASTER)
    two = HelloAgent(lab, lab.add_host("h2", addresses=("192.0.2.12/24",)), tables(100))
    two.wait_peer("h1 is known", address="192.0.2.11", node=None, ready=None, priority=150)
    assert two.read("peers")["ready"] == 0


def many(priority: int) -> str:
    return "\n".join(
        f'[instance.i{vrid}]\ninterface = "eth0"\nvrid = {vrid}\npriority = {priority}\n'
        f'addresses = ["198.51.100.{vrid}/32"]\n'
        for vrid in range(1, ALL + 1)
    )


def test_255_instances_on_one_interface(lab: Lab) -> None:
    one, two = (
        HelloAgent(lab, lab.add_host(f"h{n}", addresses=(f"192.0.2.1{n}/24",)), many(priority))
        for n, priority in ((1, 150), (2, 100))
    )
    for agent in (one, two):
        agent.wait(lambda: agent.read("peers").get("ready") == ALL, "each peer is ready", 60)  # noqa: B023
    two.end(signal.SIGTERM)
    one.wait(lambda: one.read("peers").get("ready") == 0, "no peer is ready any more", 5)


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
    two.wait(lambda: "worst_s" in two.read("lag"), "it measures itself")
    flooder = lab.add_host("h3", addresses=("192.0.2.13/24",))
    transitions = [agent.transitions() for agent in (one, two)]
    began, before = time.monotonic(), cpu_s(two)
    sent = int(flooder.run([sys.executable, "-c", FLOOD]).stdout)
    used = (cpu_s(two) - before) / (time.monotonic() - began)
    lag_ms = two.read("lag")["worst_s"] * 1000
    figure = f"{used:.0%} of a core, its loop {lag_ms:.1f} ms late at worst"
    record_property("figure", f"{sent / FLOOD_S:,.0f} hellos a second: {figure}")
    assert sent > FLOOD_PER_S * FLOOD_S / 2
    assert used < 0.3
    assert two.read("peers")["dropped"]["foreign"] > 100
    assert two.read("peers")["states"] == ["BACKUP"]
    assert one.read("peers")["states"] == ["MASTER"]
    assert [agent.transitions() for agent in (one, two)] == transitions


def cpu_s(agent: HelloAgent) -> float:
    """What the agent has used of the processors."""
    return float(agent.read("lag")["cpu_s"])
