"""What an operator orders at the command line, on hosts of the lab: who serves then, what a client
sees of it, and what `vipd why` and `vipd events` tell of it."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from commanding import LONG_S, codes, events, said, vipd, wait_peer
from duo import ADDRESS, VIP, duo, hosts, serving
from interop_mode import Mode, Role
from peer_keepalived import Keepalived

from vipd.core.model import State
from vipd.lab.agent import Agent
from vipd.lab.client import Probe
from vipd.lab.lab import Host, Lab

TEACHINGS = Path(__file__).parents[1] / "support/teachings.py"
LONGER_THAN_A_TAKEOVER = 10
"""So many adverts: who would take the addresses back by itself would have done so."""


@pytest.fixture
def agents(lab: Lab) -> tuple[Agent, Agent]:
    """One that serves and one that follows; each knows that the other one is ready."""
    pair = serving(duo(lab, hosts(lab)))
    for one in pair:
        wait_peer(lab, one, "the other one is ready", ready=True)
    return pair


def alone(lab: Lab, priority: int = 100) -> Agent:
    """One that serves, without any other."""
    host = lab.add_host("h1", addresses=("192.0.2.11/24",))
    config = (
        f'[instance.web]\ninterface = "eth0"\nvrid = 51\naddresses = ["{VIP}"]\n'
        f'priority = {priority}\nadvert_interval = "100ms"\n'
    )
    agent = Agent(lab, host, config)
    agent.start()
    agent.wait_state(State.MASTER)
    return agent


@contextmanager
def unbroken(lab: Lab, owner: str) -> Iterator[Probe]:
    """A client that is served all the time until the end of the block, from this host first."""
    client = lab.add_host("client", addresses=("192.0.2.99/24",))
    with Probe(lab, client, ADDRESS) as probe:
        probe.wait_owner(owner, LONG_S)
        begun = probe.record().replies[-1].sent_ns
        yield probe
    seen = probe.record().since(begun)
    assert len(seen.replies) > 50
    assert (seen.lost, probe.record().owner) == (0, probe.owner())


def wait_adverts(lab: Lab, agent: Agent, count: int) -> None:
    """Wait until a MASTER has sent so many adverts more."""
    enough = agent.instance().counters.adverts_sent + count
    lab.wait_until(lambda: agent.instance().counters.adverts_sent >= enough, LONG_S, "adverts")


def order_events(agent: Agent) -> list[tuple[str, str]]:
    return [(event.code, event.text) for event in events(agent, "order")]


# -- failover ---------------------------------------------------------------------------------


def test_a_failover_loses_nothing_and_is_not_taken_back(
    lab: Lab, agents: tuple[Agent, Agent]
) -> None:
    first, second = agents
    with unbroken(lab, "h1") as probe:
        told = said(first, "failover", "web")
        assert told.startswith("web: 192.0.2.12 (priority 100) serves, after ")
        probe.wait_owner("h2", LONG_S)
        wait_adverts(lab, second, LONGER_THAN_A_TAKEOVER)
        assert (first.state(), second.state()) == (State.BACKUP, State.MASTER)
        assert probe.owner() == "h2"
        why = said(first, "why", "web", "-n", "1")
        assert "MASTER -> BACKUP failover ordered by root" in why
        assert "released in " in why
        assert "lets 192.0.2.12 (priority 100) serve, as an operator has ordered" in why
        why = said(second, "why", "web", "-n", "1")
        assert "BACKUP -> MASTER 192.0.2.11 released the addresses" in why
        assert "claimed in " in why
        assert "if it fails, h1 (192.0.2.11, priority 150) takes over" in why
        assert order_events(first) == [("failover", "failover ordered by root")]
        assert said(second, "failover", "web").startswith("web: 192.0.2.11 (priority 150) serves")
        probe.wait_owner("h1", LONG_S)
        wait_adverts(lab, first, LONGER_THAN_A_TAKEOVER)
        assert (first.state(), second.state()) == (State.MASTER, State.BACKUP)


def test_who_was_moved_away_from_takes_over_when_the_other_one_dies(
    agents: tuple[Agent, Agent],
) -> None:
    first, second = agents
    said(first, "failover", "web")
    second.kill()
    first.wait_state(State.MASTER)
    assert "no advert from 192.0.2.12" in said(first, "why", "web", "-n", "1")
    assert not first.instance().stands_aside
    second.start()
    second.wait_state(State.BACKUP)
    assert first.state() is State.MASTER


def test_a_failover_to_nobody_serves_on(lab: Lab) -> None:
    agent = alone(lab)
    with unbroken(lab, "h1"):
        told = said(agent, "failover", "web", code=1)
        assert "nobody took over within" in told
        assert told.endswith("this host serves on")
        wait_adverts(lab, agent, LONGER_THAN_A_TAKEOVER)
        assert agent.state() is State.MASTER
    assert codes(agent, "order") == ["failover"]
    (incident,) = events(agent, "incident")
    assert incident.code == "no_successor"
    assert incident.text.endswith("serves on")
    assert codes(agent, "transition")[-1] != "failover"
    why = said(agent, "why", "web")
    assert "no other host is known to be ready to take over" in why
    assert "nobody took over" in said(agent, "events", "web")


def test_a_failover_with_a_slow_hook_is_waited_for(lab: Lab) -> None:
    pair = hosts(lab)
    hook = pair[0].directory / "hook"
    hook.write_text(f"#!/bin/sh\ntouch {pair[0].directory}/asked\nsleep 0.7\n")
    hook.chmod(0o755)
    keys = f'[instance.web.hooks]\nbefore_release = [["{hook}"]]\n'
    first, second = serving(duo(lab, pair, tables=keys))
    told = said(first, "failover", "web")
    assert (pair[0].directory / "asked").exists()
    assert "192.0.2.12 (priority 100) serves, after " in told
    assert second.state() is State.MASTER


def test_a_backup_says_who_serves_and_an_unknown_name_is_told(agents: tuple[Agent, Agent]) -> None:
    _, second = agents
    told = said(second, "failover", "web", code=1)
    assert told == "web is BACKUP here; 192.0.2.11 serves it: order it there"
    assert "MASTER of nothing" in said(second, "failover", "--all", code=1)
    assert "wbe" in said(second, "failover", "wbe", code=1)
    assert second.state() is State.BACKUP


def second_link(lab: Lab, host: Host, number: int) -> None:
    """Give a host an eth1 that is plugged into a second switch."""
    host.ip(
        f"link add name eth1 type veth peer name in-{host.name} netns {lab.switch.namespace.pid}",
        f"address add 198.51.100.{number}/24 dev eth1",
        "link set dev eth1 up",
    )
    lab.switch.ip(f"link set dev in-{host.name} master inside up")


EDGE = "".join(
    f'[instance.{name}]\ninterface = "{interface}"\nvrid = {vrid}\naddresses = ["{vip}"]\n'
    'priority = {priority}\nadvert_interval = "100ms"\n'
    for name, interface, vrid, vip in (
        ("outside", "eth0", 51, VIP),
        ("inside", "eth1", 52, "198.51.100.1/24"),
        ("lone", "eth0", 53, "192.0.2.101/24"),
    )
)


def test_all_is_handed_over_with_a_group_over_two_links(lab: Lab) -> None:
    lab.switch.ip(
        "link add name inside type bridge forward_delay 0 mcast_snooping 0",
        "link set dev inside up",
    )
    agents = []
    for number, (host, priority) in enumerate(zip(hosts(lab), (150, 100), strict=True), 11):
        second_link(lab, host, number)
        group = '[group.edge]\nmembers = ["outside", "inside"]\n'
        agents.append(Agent(lab, host, EDGE.format(priority=priority) + group))
        agents[-1].start()
        for name in ("outside", "inside", "lone"):
            agents[0].wait_state(State.MASTER, name=name)
    first, second = agents
    for name in ("outside", "inside", "lone"):
        second.wait_state(State.BACKUP, name=name)
    with unbroken(lab, "h1") as probe:
        told = json.loads(vipd(first, "failover", "--all", "--json").stdout)
        assert {one["instance"] for one in told["outcomes"]} == {"outside", "inside", "lone"}
        assert [one["done"] for one in told["outcomes"]] == [True] * 3
        assert told["text"] == "3 of 3 handed over"
        probe.wait_owner("h2", LONG_S)
        assert {one.state for one in first.status().instances} == {State.BACKUP}
        assert {one.state for one in second.status().instances} == {State.MASTER}
        back = said(second, "failover", "edge")
        assert "outside: 192.0.2.11" in back
        assert "inside: 198.51.100.11" in back
        states = {one.name: one.state for one in first.status().instances}
        assert states == {
            "outside": State.MASTER,
            "inside": State.MASTER,
            "lone": State.BACKUP,
        }
        probe.wait_owner("h1", LONG_S)
    assert "failover ordered by root" in said(second, "why", "inside", "-n", "1")


# -- maintenance ------------------------------------------------------------------------------


def maintenance(agent: Agent) -> dict[str, str | None] | None:
    """What `vipd status --json` says of it."""
    document: dict[str, dict[str, str | None] | None] = json.loads(
        vipd(agent, "status", "--json").stdout
    )
    return document["maintenance"]


def test_a_maintenance_that_leaves_nobody_is_refused_unless_forced(lab: Lab) -> None:
    agent = alone(lab)
    told = said(agent, "maintenance", "on", code=1)
    assert told.startswith("no other host is known to be ready to serve web")
    assert "--force" in told
    assert (agent.state(), maintenance(agent), order_events(agent)) == (State.MASTER, None, [])
    assert said(agent, "maintenance", "on", "--force", code=0)
    assert agent.state() is State.FAULT
    assert VIP not in agent.host.addresses()
    assert maintenance(agent) is not None
    why = said(agent, "why", "web", "-n", "1", code=1)
    assert "MASTER -> FAULT maintenance" in why
    assert "nobody took over" in why
    assert "stands for election again when that is over" in why
    assert "stands for election again" in said(agent, "maintenance", "off")
    agent.wait_state(State.MASTER)
    assert "the maintenance is over" in said(agent, "why", "web")
    assert codes(agent, "order") == ["maintenance_on", "maintenance_off"]
    assert said(agent, "maintenance", "off") == "this host is in no maintenance"


def test_a_maintenance_hands_over_without_a_gap_and_survives_the_agent(
    lab: Lab, agents: tuple[Agent, Agent]
) -> None:
    first, second = agents
    with unbroken(lab, "h1") as probe:
        told = said(first, "maintenance", "on", "--reason", "a new kernel")
        assert "192.0.2.12 (priority 100) serves" in told
        assert first.state() is State.FAULT
        probe.wait_owner("h2", LONG_S)
        wait_peer(lab, second, "h1 is away", ready=False, why="in maintenance")
        first.stop()
        first.start()
        stays_away(first, second)
        first.kill()
        first.start()
        stays_away(first, second)
        why = said(first, "why", "web", "-n", "9", code=1)
        assert "MASTER -> BACKUP maintenance ordered by root" in why
        assert "BACKUP -> FAULT maintenance: a new kernel" in why
        assert "this host is in maintenance since" in why
        assert "started" in codes(first, "agent")
        text = "maintenance ordered by root: a new kernel"
        assert order_events(first)[-1] == ("maintenance_on", text)
        assert text in said(first, "events", "--kind", "order")
        said(first, "maintenance", "off")
        probe.wait_owner("h1", LONG_S)
    assert maintenance(first) is None
    second.wait_state(State.BACKUP)


def stays_away(first: Agent, second: Agent) -> None:
    """The first one is in maintenance, and everybody can see it; the second one serves."""
    first.wait_started()
    assert (first.state(), second.state()) == (State.FAULT, State.MASTER)
    assert first.instance().cause == "maintenance: a new kernel"
    known = maintenance(first)
    assert known is not None
    assert (known["reason"], known["until"]) == ("a new kernel", None)
    text = said(first, "status", code=1)
    assert "maintenance: a new kernel" in text


def test_a_maintenance_ends_by_itself(agents: tuple[Agent, Agent]) -> None:
    first, second = agents
    told = said(first, "maintenance", "on", "--for", "2s")
    assert told.endswith("in maintenance for 2 s") or "serves, after" in told
    known = maintenance(first)
    assert known is not None
    assert known["until"] is not None
    second.wait_state(State.MASTER)
    first.wait_state(State.MASTER)
    assert maintenance(first) is None
    assert codes(first, "order") == ["maintenance_on", "expired"]
    assert "the maintenance is over" in said(first, "why", "web")
    assert not (first.host.directory / "lib/maintenance.json").exists()


def test_a_maintenance_survives_a_reboot_which_takes_the_runtime_directory(
    lab: Lab, agents: tuple[Agent, Agent]
) -> None:
    first, second = agents
    said(first, "maintenance", "on", "--reason", "a new kernel")
    reboot(lab, first)
    first.start()
    stays_away(first, second)
    assert codes(first, "order") == []
    said(first, "maintenance", "off")
    first.wait_state(State.MASTER)
    reboot(lab, first)
    first.start()
    first.wait_state(State.MASTER)


def reboot(lab: Lab, agent: Agent) -> None:
    """End the agent without a word, and lose all that does not lie on a disk."""
    agent.kill()
    lab.unplug(agent.host)
    lab.plug_in(agent.host)
    on_disk = {agent.config, agent.log_file, agent.host.directory / "lib"}
    for left in set(agent.host.directory.iterdir()) - on_disk:
        left.unlink()


def test_who_serves_and_who_follows_may_both_be_forced_away(agents: tuple[Agent, Agent]) -> None:
    first, second = agents
    said(second, "maintenance", "on")
    told = said(first, "maintenance", "on", code=1)
    assert "no other host is known to be ready" in told
    assert first.state() is State.MASTER
    said(first, "maintenance", "on", "--force")
    assert (first.state(), second.state()) == (State.FAULT, State.FAULT)


# -- priority, announcements ------------------------------------------------------------------


def test_a_priority_holds_for_a_while_or_until_a_reload(
    lab: Lab, agents: tuple[Agent, Agent]
) -> None:
    first, second = agents
    told = said(first, "priority", "web", "50", "--for", "2s")
    assert told == "web: priority 50 for 2 s; stands with 50 now"
    second.wait_state(State.MASTER)
    why = said(first, "why", "web", "-n", "1")
    assert "192.0.2.12" in why
    assert "priority 100" in why
    first.wait_state(State.MASTER)
    assert first.instance().effective_priority == 150
    said(first, "priority", "web", "50")
    second.wait_state(State.MASTER)
    ordered = first.instance().priority_order
    assert ordered is not None
    assert (ordered.priority, ordered.until) == (50, None)
    assert "50" in said(first, "status", "web")
    said(first, "reload")
    first.wait_state(State.MASTER)
    assert first.instance().priority_order is None
    said(second, "priority", "web", "200")
    second.wait_state(State.MASTER)
    assert "configured priority" in said(second, "priority", "web", "--reset")
    first.wait_state(State.MASTER)
    assert codes(first, "order") == ["priority", "expired", "priority"]
    lab.wait_until(lambda: second.state() is State.BACKUP, LONG_S, "h2 follows again")


def test_announcements_are_repeated_on_the_wire(lab: Lab, agents: tuple[Agent, Agent]) -> None:
    first, second = agents
    eyes = lab.add_host("eyes")
    file = eyes.directory / "teachings.jsonl"
    with file.open("wb") as out:
        eyes.popen([sys.executable, str(TEACHINGS), "eth0"], stdout=out, stderr=out)

    def taught() -> list[str]:
        lines = file.read_text().rpartition("\n")[0].splitlines()
        return [one["mac"] for one in map(json.loads, lines) if one.get("address") == ADDRESS]

    def settled() -> bool:
        before = len(taught())
        wait_adverts(lab, first, 20)
        return len(taught()) == before

    lab.wait_until(lambda: b"listening" in file.read_bytes(), LONG_S, "a tap on the wire")
    lab.wait_until(settled, LONG_S, "the announcements of the takeover are over")
    before = len(taught())
    assert said(first, "announce", "web") == f"announced: {ADDRESS}"
    lab.wait_until(lambda: len(taught()) > before, LONG_S, "the announcement on the wire")
    assert set(taught()[before:]) == {first.host.mac}
    assert codes(first, "order") == ["announce"]
    told = said(second, "announce", "web", code=1)
    assert told == "web is BACKUP here; 192.0.2.11 serves it: order it there"


# -- beside keepalived ------------------------------------------------------------------------


def test_keepalived_is_handed_over_to_but_never_counted_upon(lab: Lab) -> None:
    if shutil.which("keepalived") is None:
        pytest.skip("keepalived is not installed")
    mode = Mode(name="web", vrid=50, version=3, interval_ms=100)
    peer = Keepalived(lab.add_host("k", addresses=("192.0.2.12/24",)), {4: "192.0.2.12"})
    peer.configure([mode], Role(priority=100), {4: "192.0.2.11"})
    config = (
        f'[instance.web]\ninterface = "eth0"\nvrid = 50\naddresses = ["{mode.vip}"]\n'
        'priority = 150\nadvert_interval = "100ms"\n'
    )
    agent = Agent(lab, lab.add_host("h1", addresses=("192.0.2.11/24",)), config)
    agent.start()
    agent.wait_state(State.MASTER)
    peer.start()
    lab.wait_until(lambda: peer.states().get("web") is State.BACKUP, LONG_S, "keepalived follows")
    assert "no other host is known to be ready" in said(agent, "maintenance", "on", code=1)
    assert agent.state() is State.MASTER
    assert said(agent, "failover", "web").startswith("web: 192.0.2.12 (priority 100) serves")
    lab.wait_until(lambda: peer.states()["web"] is State.MASTER, LONG_S, "keepalived serves")
    lab.wait_until(lambda: agent.instance().master is not None, LONG_S, "it is heard")
    assert "failover ordered by root" in said(agent, "why", "web", "-n", "1")
    said(agent, "maintenance", "on")
    assert agent.state() is State.FAULT
    assert peer.states()["web"] is State.MASTER
    peer.stop()
