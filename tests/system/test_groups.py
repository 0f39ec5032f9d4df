"""Groups: three instances on two interfaces are MASTER together or not at all."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from vipd.core.model import State
from vipd.lab.agent import Agent
from vipd.lab.lab import Host, Lab

pytestmark = pytest.mark.system

MEMBERS = ("web", "mail", "inside")
CONFIG = """
[instance.web]
interface = "eth0"
vrid = 51
addresses = ["192.0.2.100/24"]
priority = {priority}
advert_interval = "100ms"

[instance.mail]
interface = "eth0"
vrid = 52
addresses = ["192.0.2.101/24"]
priority = {priority}
advert_interval = "100ms"

[instance.inside]
interface = "eth1"
vrid = 53
addresses = ["198.51.100.1/24"]
priority = {priority}
advert_interval = "100ms"

[group.edge]
members = ["web", "mail", "inside"]
{more}
"""


def second_interface(lab: Lab, host: Host, number: int) -> None:
    """Give a host an eth1 that is plugged into a second switch."""
    host.ip(
        f"link add name eth1 type veth peer name in-{host.name} netns {lab.switch.namespace.pid}",
        f"address add 198.51.100.{number}/24 dev eth1",
        "link set dev eth1 up",
    )
    lab.switch.ip(f"link set dev in-{host.name} master inside up")


def agents(lab: Lab, more: str, *places: tuple[int, int]) -> list[Agent]:
    """Hosts on two switches, with their priorities and the ends of their inner addresses; each
    has three instances."""
    inside = "link add name inside type bridge forward_delay 0 mcast_snooping 0"
    lab.switch.ip(inside, "link set dev inside up")
    every = []
    for number, (priority, inner) in enumerate(places, 1):
        host = lab.add_host(f"h{number}", addresses=(f"192.0.2.1{number}/24",))
        second_interface(lab, host, inner)
        config = CONFIG.format(priority=priority, more=more)
        every.append(Agent(lab, host, config.replace("HERE", str(host.directory))))
    return every


def edge(lab: Lab, more: str = "") -> tuple[Agent, Agent]:
    """Two of them, of which the first one serves."""
    first, second = agents(lab, more, (150, 11), (100, 12))
    first.start()
    wait_all(first, State.MASTER)
    second.start()
    wait_all(second, State.BACKUP)
    return first, second


def states(agent: Agent) -> set[State | None]:
    return {agent.state(name) for name in MEMBERS}


def wait_all(agent: Agent, state: State) -> None:
    for name in MEMBERS:
        agent.wait_state(state, name=name)
    assert states(agent) == {state}


def addresses(host: Host) -> set[str]:
    """The virtual addresses that the kernel of a host has."""
    shown = host.run(["ip", "-4", "-br", "address"]).stdout
    every = ("192.0.2.100/24", "192.0.2.101/24", "198.51.100.1/24")
    return {address for address in every if address in shown}


def lose_inside(lab: Lab, host: Host) -> Callable[[], None]:
    lab.switch.ip(f"link set dev in-{host.name} down")
    return lambda: lab.switch.ip(f"link set dev in-{host.name} up")


def lose_outside(lab: Lab, host: Host) -> Callable[[], None]:
    lab.cut(host)
    return lambda: lab.join(host)


def lose_switch(lab: Lab, host: Host) -> Callable[[], None]:
    """Let both switches drop what comes from a host and what goes to it; its cables are fine."""
    ports = (host.port, f"in-{host.name}")
    shut = "flood off mcast_flood off bcast_flood off learning off locked on"
    for port in ports:
        lab.switch.run(["bridge", "link", "set", "dev", port, *shut.split()])
        lab.switch.run(["bridge", "fdb", "flush", "dev", port, "master", "dynamic"])

    def undo() -> None:
        clear = "flood on mcast_flood on bcast_flood on learning on locked off"
        for port in ports:
            lab.switch.run(["bridge", "link", "set", "dev", port, *clear.split()])

    return undo


@pytest.mark.parametrize("lose", [lose_inside, lose_outside])
def test_one_lost_interface_moves_all_three_and_its_return_brings_them_back(
    lab: Lab, lose: Callable[[Lab, Host], Callable[[], None]]
) -> None:
    first, second = edge(lab)
    mend = lose(lab, first.host)
    wait_all(second, State.MASTER)
    wait_all(first, State.FAULT)
    assert (addresses(first.host), len(addresses(second.host))) == (set(), 3)
    causes = {one.name: one.cause for one in first.status().instances}
    lost = "inside" if lose is lose_inside else "web"
    assert "has no carrier" in causes[lost]
    told = f"{lost}, of the group edge: {causes[lost]}"
    assert causes["mail" if lose is lose_inside else "inside"] == told
    mend()
    wait_all(first, State.MASTER)
    wait_all(second, State.BACKUP)
    assert (len(addresses(first.host)), addresses(second.host)) == (3, set())


def test_a_tracker_of_the_group_moves_all_three(lab: Lab) -> None:
    more = 'track = ["drain"]\n[track.drain]\ntype = "file"\npath = "HERE/drain"\npresent = "down"'
    first, second = edge(lab, more)
    drain = first.host.directory / "drain"
    drain.touch()
    wait_all(second, State.MASTER)
    wait_all(first, State.FAULT)
    causes = {one.cause for one in first.status().instances}
    assert causes == {f"drain: {drain} exists"}
    drain.unlink()
    wait_all(first, State.MASTER)
    wait_all(second, State.BACKUP)


def test_a_killed_agent_loses_all_three_to_its_peer(lab: Lab) -> None:
    first, second = edge(lab)
    first.kill()
    wait_all(second, State.MASTER)
    assert len(addresses(second.host)) == 3


def test_of_equal_priorities_one_link_decides_for_both(lab: Lab) -> None:
    """Their addresses are in another order on each link. Both begin as MASTER: the switch lets
    nothing through until they are."""
    one, two = agents(lab, "", (100, 12), (100, 11))
    undo = lose_switch(lab, one.host)
    for each in (one, two):
        each.start()
    for each in (one, two):
        wait_all(each, State.MASTER)
    undo()
    wait_all(one, State.BACKUP)
    assert states(two) == {State.MASTER}


def test_hooks_of_a_group_are_told_when_all_have_moved(lab: Lab) -> None:
    note = lab.directory / "note"
    line = f"echo $VIPD_GROUP $VIPD_NEW$VIPD_INSTANCE >> {lab.directory}/$(hostname).notes"
    note.write_text(f"#!/bin/sh\n{line}\n")
    note.chmod(0o755)
    first, second = edge(lab, f'[group.edge.hooks]\non_any = [["{note}"]]\n')

    def told(agent: Agent) -> list[str]:
        notes = lab.directory / f"{agent.host.name}.notes"
        return notes.read_text().splitlines() if notes.exists() else []

    lab.wait_until(lambda: told(first)[-1:] == ["edge MASTER"], 5, "the first one is told")
    lab.wait_until(lambda: told(second)[-1:] == ["edge BACKUP"], 5, "the second one is told")
    begun = len(told(second))
    first.stop()
    wait_all(second, State.MASTER)
    assert told(first)[-1] == "edge INIT"
    lab.wait_until(lambda: told(second)[-1] == "edge MASTER", 5, "the second one is told")
    assert len(told(second)) == begun + 1
