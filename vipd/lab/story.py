"""The story of `vipd demo`: an address that moves between two hosts, as a client sees it.

Theory of operation. Two hosts run real agents with the interval that people run (1 s); a client
asks both virtual IPs for an echo every two milliseconds. Each step does one thing to the cluster,
waits until the client is served by the host that ought to serve, and measures the longest time in
between without an answer. What the protocol allows is computed by `vipd.core.election`, the same
code that the agents decide by; `ALLOWANCE` is for what is not the protocol.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_interface
from typing import TypeAlias

from vipd.control.report import AgentReport
from vipd.core.election import master_down_interval, skew_time
from vipd.core.model import State
from vipd.core.units import MILLISECOND, SECOND, Duration, Instant
from vipd.errors import VipdError
from vipd.lab.agent import Agent
from vipd.lab.client import Probe
from vipd.lab.lab import Host, Lab
from vipd.lab.record import Record

INTERVAL: Duration = SECOND
PRIORITIES = {"a": 150, "b": 100}
VIPS = ("192.0.2.100/24", "2001:db8:51::100/64")
OWN_ADDRESSES = {
    "a": ("192.0.2.11/24", "2001:db8:51::11/64"),
    "b": ("192.0.2.12/24", "2001:db8:51::12/64"),
    "client": ("192.0.2.13/24", "2001:db8:51::13/64"),
}

ALLOWANCE: Duration = 150 * MILLISECOND
"""For a busy machine: the scheduling of two agents and two probes, none of them real-time."""

SETTLE_S = 0.4
"""Longer than a probe waits for an answer: after it every request of the step is decided."""

PATIENCE: Duration = 5 * SECOND
"""How much longer than the protocol allows a step is watched before it counts as missed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What is about to be done."""

    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What was done, and what the client saw of it.

    `outages_ms` is by address; `outage_ms` is the longest, None where the address was not back in
    time. `protocol_ms` is the value of the formula `rule`; `allowed_ms` has the allowance on top.
    `alternated` says that two hosts answered in turns.
    """

    name: str
    title: str
    owner_before: str | None
    owner_after: str | None
    outage_ms: float | None
    outages_ms: dict[str, float | None]
    protocol_ms: float
    allowed_ms: float
    rule: str
    alternated: bool
    ok: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Statuses:
    """What the agents say of themselves, by host."""

    reports: dict[str, AgentReport]


Told: TypeAlias = Scene | Step | Statuses


@dataclass(frozen=True, slots=True, kw_only=True)
class _Expectation:
    """How a step should end: who serves, and the longest that nobody may; `rule` says why.

    `within` is how long the change takes, where the address is served meanwhile.
    """

    owner: str
    silence: Duration
    rule: str
    within: Duration


class Story:
    """Two hosts, a client, and what happens to them."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._hosts = {
            name: lab.add_host(name, addresses=own) for name, own in OWN_ADDRESSES.items()
        }
        self.agents = {
            name: Agent(lab, self._hosts[name], _instance(priority))
            for name, priority in PRIORITIES.items()
        }
        self.probes = tuple(Probe(lab, self.client, str(ip_interface(vip).ip)) for vip in VIPS)

    @property
    def client(self) -> Host:
        """Where the probes run."""
        return self._hosts["client"]

    def play(self) -> Iterator[Told]:
        """Tell it, as it happens. Raises: VipdError when the cast does not even appear."""
        for probe in self.probes:
            probe.start()
        for probe in self.probes:
            probe.wait_started()
        yield from self._election()
        yield from self._cut()
        yield Statuses(reports={name: agent.status() for name, agent in self.agents.items()})
        yield from self._return()
        yield from self._stop()
        yield from self._crash()
        yield from self._kill()
        for probe in self.probes:
            probe.stop()

    def encore(self) -> None:
        """Start the agent that the story has stopped, for those who want to play on."""
        self.agents["a"].start()

    def _election(self) -> Iterator[Told]:
        title = "The agents of both hosts start and elect a MASTER"
        yield Scene(title=title)
        for agent in self.agents.values():
            agent.start()
        for agent in self.agents.values():
            agent.wait_started()
        yield self._watch("election", title, time.monotonic_ns(), _silent("a"))

    def _cut(self) -> Iterator[Told]:
        title = "The network cable of a, the MASTER, is pulled"
        yield Scene(title=title)
        began = time.monotonic_ns()
        self._lab.cut(self._hosts["a"])
        yield self._watch("cut", title, began, _silent("b"))

    def _return(self) -> Iterator[Told]:
        title = "The cable of a is back: a listens, then takes over from b"
        yield Scene(title=title)
        began = time.monotonic_ns()
        self._lab.join(self._hosts["a"])
        within = master_down_interval(PRIORITIES["a"], INTERVAL)
        rule = "b serves until it hears a"
        expected = _Expectation(owner="a", silence=0, rule=rule, within=within)
        yield self._watch("return", title, began, expected)

    def _stop(self) -> Iterator[Told]:
        title = "The agent of a is stopped: it says so, and serves until b does"
        yield Scene(title=title)
        began = time.monotonic_ns()
        self.agents["a"].stop()
        within = skew_time(PRIORITIES["b"], INTERVAL)
        expected = _Expectation(
            owner="b", silence=0, rule="a serves until it hears b", within=within
        )
        yield self._watch("stop", title, began, expected)

    def _crash(self) -> Iterator[Told]:
        title = "The agent of a is back, crashes, and is started again at once: it carries on"
        yield Scene(title=title)
        self._serve_again()
        began = time.monotonic_ns()
        self.agents["a"].kill()
        self.agents["a"].start()
        self.agents["a"].wait_state(State.MASTER)
        rule = "the addresses stay, and b has heard nothing"
        expected = _Expectation(owner="a", silence=0, rule=rule, within=0)
        yield self._watch("crash", title, began, expected)

    def _kill(self) -> Iterator[Told]:
        title = "The agent of a is killed for good: it lets go of nothing, the kernel does"
        yield Scene(title=title)
        began = time.monotonic_ns()
        self.agents["a"].kill()
        yield self._watch("kill", title, began, _silent("b"))

    def _serve_again(self) -> None:
        """Have a serve once more, for so long that its agent knows it."""
        self.agents["a"].start()
        down = master_down_interval(PRIORITIES["a"], INTERVAL)
        for probe in self.probes:
            probe.wait_owner("a", (down + PATIENCE) / SECOND)
        self._lab.pause(SETTLE_S)

    def _watch(self, name: str, title: str, began: Instant, expected: _Expectation) -> Step:
        """Wait until the client is served as expected, and measure what it went through."""
        with suppress(VipdError):  # A step that misses tells so by what was seen.
            for probe in self.probes:
                probe.wait_owner(expected.owner, (expected.within + PATIENCE) / SECOND)
        self._lab.pause(SETTLE_S)
        seen = {probe.address: probe.record().since(began) for probe in self.probes}
        return _step(name, title, seen, expected)


def _silent(heir: str) -> _Expectation:
    """What is allowed when nobody advertises and this host is the next."""
    down = master_down_interval(PRIORITIES[heir], INTERVAL)
    rule = f"master_down_interval of {heir}"
    return _Expectation(owner=heir, silence=down, rule=rule, within=down)


def _step(name: str, title: str, seen: Mapping[str, Record], expected: _Expectation) -> Step:
    """Judge what was seen of each address."""
    outages = {address: record.longest_outage_ms() for address, record in seen.items()}
    over = [length for length in outages.values() if length is not None]
    outage_ms = max(over) if len(over) == len(outages) else None
    allowed_ms = (expected.silence + ALLOWANCE) / MILLISECOND
    alternated = any(record.alternated for record in seen.values())
    owner_after = _common({record.owner for record in seen.values()})
    in_time = outage_ms is not None and outage_ms <= allowed_ms
    return Step(
        name=name,
        title=title,
        owner_before=_common({record.first_owner for record in seen.values()}),
        owner_after=owner_after,
        outage_ms=outage_ms,
        outages_ms=outages,
        protocol_ms=expected.silence / MILLISECOND,
        allowed_ms=allowed_ms,
        rule=expected.rule,
        alternated=alternated,
        ok=in_time and not alternated and owner_after == expected.owner,
    )


def _common(owners: set[str | None]) -> str | None:
    """The one host that has all addresses; None where they are apart, or nowhere."""
    return owners.pop() if len(owners) == 1 else None


def _instance(priority: int) -> str:
    """The tables of one host's configuration."""
    addresses = ", ".join(f'"{vip}"' for vip in VIPS)
    return (
        "[instance.web]\n"
        'interface = "eth0"\n'
        "vrid = 51\n"
        f"addresses = [{addresses}]\n"
        f"priority = {priority}\n"
        f'advert_interval = "{INTERVAL // MILLISECOND}ms"\n'
    )
