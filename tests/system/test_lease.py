"""The kernel lease: an agent that dies or hangs does not leave the address on two hosts."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_interface

import pytest

from vipd.core.model import State
from vipd.lab.agent import Agent
from vipd.lab.client import Probe
from vipd.lab.lab import Lab

pytestmark = pytest.mark.system

VIPS = {ip_interface("192.0.2.100/24"), ip_interface("2001:db8::100/64")}


def pair(lab: Lab, interval: str, more: str = "") -> tuple[Agent, Agent]:
    """A MASTER of priority 150 and a BACKUP of 100."""
    agents = []
    for number, priority in ((1, 150), (2, 100)):
        host = lab.add_host(
            f"h{number}", addresses=(f"192.0.2.1{number}/24", f"2001:db8::1{number}/64")
        )
        listed = ", ".join(f'"{vip}"' for vip in sorted(VIPS, key=str))
        config = (
            f'[instance.web]\ninterface = "eth0"\nvrid = 51\naddresses = [{listed}]\n'
            f'priority = {priority}\nadvert_interval = "{interval}"\n{more}\n'
        )
        agents.append(Agent(lab, host, config))
        agents[-1].start()
    first, second = agents
    first.wait_state(State.MASTER)
    second.wait_state(State.BACKUP)
    return first, second


def holders(*agents: Agent) -> list[str]:
    return [each.host.name for each in agents if VIPS & set(each.host.addresses())]


@pytest.mark.alone
@pytest.mark.parametrize("end", [Agent.kill, Agent.freeze])
def test_at_one_second_the_address_is_gone_before_the_peer_takes_it(
    lab: Lab, end: Callable[[Agent], None]
) -> None:
    first, second = pair(lab, "1s")
    client = lab.add_host("client", addresses=("192.0.2.13/24",))
    with Probe(lab, client, "192.0.2.100") as probe:
        probe.wait_owner("h1", 5)
        end(first)
        lab.wait_until(lambda: holders(first, second) == [], 5, "the lease ends first")
        second.wait_state(State.MASTER)
        assert holders(first, second) == ["h2"]
        probe.wait_owner("h2", 5)
    assert not probe.record().alternated


@pytest.mark.parametrize("end", [Agent.kill, Agent.freeze])
def test_at_100_ms_there_are_two_for_no_longer_than_the_lease(
    lab: Lab, end: Callable[[Agent], None]
) -> None:
    first, second = pair(lab, "100ms")
    end(first)
    second.wait_state(State.MASTER)
    lab.wait_until(lambda: holders(first, second) == ["h2"], 2, "the lease of 1 s ends")


def test_a_thawed_master_does_not_leave_two(lab: Lab) -> None:
    first, second = pair(lab, "100ms")
    first.freeze()
    lab.wait_until(lambda: holders(first, second) == ["h2"], 5, "the lease ends")
    first.thaw()
    first.wait_state(State.MASTER)
    second.wait_state(State.BACKUP)
    lab.wait_until(lambda: holders(first, second) == ["h1"], 5, "one holder again")


def test_while_the_agent_lives_the_lease_never_ends(lab: Lab) -> None:
    """A lease of 1 s, watched for three times as long: every look finds the addresses."""
    first, second = pair(lab, "1s", 'lease = "1s"')
    sent = first.instance().counters.adverts_sent
    seen = []

    def six_adverts_later() -> bool:
        seen.append(VIPS.issubset(first.host.addresses()))
        return first.instance().counters.adverts_sent >= sent + 6

    lab.wait_until(six_adverts_later, 10, "three more adverts in each family")
    assert all(seen)
    assert second.state() is State.BACKUP


def test_without_a_lease_a_killed_agent_leaves_its_addresses(lab: Lab) -> None:
    first, second = pair(lab, "100ms", 'lease = "off"')
    first.kill()
    second.wait_state(State.MASTER)
    assert holders(first, second) == ["h1", "h2"]


def test_behind_a_virtual_mac_it_is_the_same(lab: Lab) -> None:
    first, second = pair(lab, "100ms", "virtual_mac = true")
    first.kill()
    second.wait_state(State.MASTER)
    name = first.host.run(["ip", "-br", "link"]).stdout
    assert "vipd4-51" in name

    def silent() -> bool:
        shown = first.host.run(["ip", "-br", "address"]).stdout
        return "192.0.2.100" not in shown and "2001:db8::100" not in shown

    lab.wait_until(silent, 3, "the lease ends on the macvlans")
