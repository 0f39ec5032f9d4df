"""Reloading real agents: a client that asks all the while must not notice."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_interface
from typing import Any

import pytest

from vipd.control.client import ask
from vipd.control.messages import HistoryReply, HistoryRequest
from vipd.core.model import State
from vipd.lab.agent import Agent
from vipd.lab.client import Probe
from vipd.lab.lab import Lab

VIP, MORE = ip_interface("192.0.2.100/24"), ip_interface("192.0.2.101/24")
INTERVAL_MS = 10.0
"""How often the client asks."""

DRAIN = '[track.drain]\ntype = "file"\npath = "/nonexistent"\npresent = "down"\n'
LOOKING = '[track.here]\ntype = "disk"\npath = "/"\ninterval = "%s"\ntimeout = "100ms"\n'
BOTH, WEIGHTED = 'track = ["drain", "here"]', 'track = [{ name = "here", weight = 5 }]'
HOOK = '[instance.web.hooks]\non_master = ["/bin/true"]\n'


def table(
    priority: int, *, addresses: str = f'["{VIP}"]', interval: str = "100ms", more: str = ""
) -> str:
    return (
        f'[instance.web]\ninterface = "eth0"\nvrid = 51\naddresses = {addresses}\n'
        f'priority = {priority}\nadvert_interval = "{interval}"\n{more}\n'
    )


def start(lab: Lab, number: int, config: str) -> Agent:
    addresses = (f"192.0.2.1{number}/24", f"2001:db8::1{number}/64")
    agent = Agent(lab, lab.add_host(f"h{number}", addresses=addresses), config)
    agent.start()
    return agent


@pytest.fixture
def pair(lab: Lab) -> tuple[Agent, Agent]:
    """A MASTER of priority 150 and a BACKUP of 100 that hears it."""
    first, second = start(lab, 1, table(150)), start(lab, 2, table(100))
    first.wait_state(State.MASTER)
    second.wait_state(State.BACKUP)
    lab.wait_until(lambda: second.instance().master is not None, 10, "it hears its MASTER")
    return first, second


def reload(agent: Agent, *options: str) -> subprocess.CompletedProcess[str]:
    """Order a reload as an operator does."""
    command = [sys.executable, "-m", "vipd", "reload", "--socket", str(agent.socket), *options]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)


def take_over(agent: Agent, config: str) -> None:
    """Reload with another file."""
    agent.configure(config)
    done = reload(agent)
    assert (done.returncode, done.stderr) == (0, "")


def wait_accepted(lab: Lab, backup: Agent) -> None:
    """Wait until a BACKUP has taken several adverts from now on."""
    until = backup.instance().counters.adverts_received + 4
    what = "adverts are accepted"
    lab.wait_until(lambda: backup.instance().counters.adverts_received >= until, 10, what)


def transitions(agent: Agent) -> list[tuple[State | None, str]]:
    """What its journal tells of them: what it became, and why."""
    reply = ask(agent.socket, HistoryRequest(kind="transition", limit=1000), timeout_s=5)
    assert isinstance(reply, HistoryReply)
    return [(one.new, one.code) for one in reply.events]


@contextmanager
def nobody_notices(lab: Lab, *agents: Agent) -> Iterator[None]:
    """What is done meanwhile causes no transition, and no request of a client is lost."""
    before = [transitions(agent) for agent in agents]
    client = lab.add_host("client", addresses=["192.0.2.50/24"])
    with Probe(lab, client, str(VIP.ip), INTERVAL_MS) as probe:
        probe.wait_owner("h1", 15)
        asked = len(probe.record().replies)
        yield
        last = len(probe.record().replies)
        lab.wait_until(lambda: len(probe.record().replies) > last + 50, 15, "half a second")
    record = probe.record()
    assert len(record.replies) > asked + 50
    assert (record.lost, {span.owner for span in record.spans()}) == (0, {"h1"})
    assert [transitions(agent) for agent in agents] == before


def said(agent: Agent, plan: str = "--plan") -> dict[str, Any]:
    """What a plan tells of each section."""
    done = reload(agent, plan, "--json")
    assert done.returncode == 0
    return {one["section"]: one for one in json.loads(done.stdout)["changes"]}


class TestNobodyNotices:
    @pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["MASTER first", "BACKUP first"])
    def test_an_address_is_added_host_by_host(
        self, lab: Lab, pair: tuple[Agent, Agent], order: tuple[int, int]
    ) -> None:
        both = f'["{VIP}", "{MORE}"]'
        with nobody_notices(lab, *pair):
            for index in order:
                take_over(pair[index], table((150, 100)[index], addresses=both))
                wait_accepted(lab, pair[1])
        assert MORE in pair[0].host.addresses()
        assert MORE not in pair[1].host.addresses()

    def test_priority_interval_trackers_and_hooks_change(
        self, lab: Lab, pair: tuple[Agent, Agent]
    ) -> None:
        steps: tuple[Callable[[int], str], ...] = (
            lambda priority: table(priority + 10),
            lambda priority: table(priority, interval="200ms"),
            lambda priority: table(priority, interval="50ms"),
            lambda priority: table(priority, more=BOTH) + DRAIN + LOOKING % "1s",
            lambda priority: table(priority, more=BOTH) + DRAIN + LOOKING % "500ms",
            lambda priority: table(priority, more=WEIGHTED) + LOOKING % "1s",
            lambda priority: table(priority) + HOOK,
        )
        with nobody_notices(lab, *pair):
            for step in steps:
                for agent, priority in zip(pair, (150, 100), strict=True):
                    take_over(agent, step(priority))
                    wait_accepted(lab, pair[1])

    def test_a_plan_changes_nothing(self, lab: Lab, pair: tuple[Agent, Agent]) -> None:
        first, _ = pair
        with nobody_notices(lab, *pair):
            first.configure(table(200, addresses=f'["{VIP}", "{MORE}"]'))
            change = said(first)["instance"]
            assert change["effect"].startswith(f"keeps its state; claims {MORE} now")
        assert MORE not in first.host.addresses()
        assert first.instance().priority == 150

    def test_a_file_with_errors_is_refused_and_the_old_one_runs(
        self, lab: Lab, pair: tuple[Agent, Agent]
    ) -> None:
        first, _ = pair
        with nobody_notices(lab, *pair):
            first.configure(table(256, more="prioritty = 1"))
            done = reload(first)
            assert (done.returncode, done.stdout) == (1, "")
            assert "instance.web.priority" in done.stderr
            assert "instance.web.prioritty" in done.stderr
            config = first.status().config
            assert config is not None
            assert "instance.web.prior" in (config.refused or "")
        take_over(first, table(150))
        config = first.status().config
        assert config is not None
        assert config.refused is None

    def test_an_address_of_a_family_that_the_interface_does_not_have(
        self, lab: Lab, pair: tuple[Agent, Agent]
    ) -> None:
        first, _ = pair
        first.host.run(["sysctl", "-qw", "net.ipv6.conf.eth0.disable_ipv6=1"])
        lab.wait_until(
            lambda: all(vip.version == 4 for vip in first.host.addresses()), 5, "no IPv6"
        )
        with nobody_notices(lab, *pair):
            first.configure(table(150, addresses=f'["{VIP}", "2001:db8::100/64"]'))
            done = reload(first)
            assert (done.returncode, done.stdout) == (1, "")
            assert "eth0 has no IPv6 link-local address" in done.stderr
            assert transitions(first)[-1][0] is State.MASTER


def test_an_address_that_the_kernel_refuses_brings_the_old_one_back_at_once(
    lab: Lab, pair: tuple[Agent, Agent]
) -> None:
    first, second = pair
    first.host.ip(f"address add {MORE} dev eth0")
    client = lab.add_host("client", addresses=["192.0.2.50/24"])
    with Probe(lab, client, str(VIP.ip), INTERVAL_MS) as probe:
        probe.wait_owner("h1", 15)
        first.configure(table(150, addresses=f'["{VIP}", "{MORE}"]'))
        done = reload(first)
        assert (done.returncode, done.stdout) == (1, "")
        assert "taken back, because instance web would be in FAULT" in done.stderr
        assert "vipd did not put it there" in done.stderr
        count = len(probe.record().replies)
        lab.wait_until(lambda: len(probe.record().replies) > count + 50, 15, "half a second")
        assert probe.owner() == "h1"
    outage = probe.record().longest_outage_ms()
    assert outage is not None
    assert outage < 500
    assert transitions(first)[-3:] == [
        (State.FAULT, "claim_failed"),
        (State.INIT, "stopped"),
        (State.MASTER, "resumed"),
    ]
    assert first.state() is State.MASTER
    assert VIP in first.host.addresses()
    second.wait_state(State.BACKUP)
