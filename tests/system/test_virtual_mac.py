"""Virtual MAC addresses on the wire: what hosts learn, what they keep, and who hears whom."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from vipd.core.model import Family, State
from vipd.lab.agent import Agent
from vipd.lab.bystander import Bystander
from vipd.lab.client import Probe
from vipd.lab.lab import Host, Lab
from vipd.wire.virtual_mac import virtual_mac

pytestmark = pytest.mark.system

VRID = 51
VIP4, VIP6, LOCAL6 = "192.0.2.100", "2001:db8::100", "fe80::100"
VIRTUAL = {
    VIP4: virtual_mac(Family.IPV4, VRID).hex(":"),
    VIP6: virtual_mac(Family.IPV6, VRID).hex(":"),
    LOCAL6: virtual_mac(Family.IPV6, VRID).hex(":"),
}
TEACHINGS = Path(__file__).parents[1] / "support/teachings.py"
PATIENCE_S = 10.0
SETTINGS = ("arp_ignore", "arp_announce")


def table(priority: int) -> str:
    return (
        f'[instance.web]\ninterface = "eth0"\nvrid = {VRID}\nvirtual_mac = true\n'
        f'addresses = ["{VIP4}/24", "{LOCAL6}/64", "{VIP6}/64"]\n'
        f'priority = {priority}\nadvert_interval = "100ms"\n'
    )


def host(lab: Lab, number: int) -> Host:
    return lab.add_host(
        f"h{number}", addresses=(f"192.0.2.1{number}/24", f"2001:db8::1{number}/64")
    )


def agent(lab: Lab, number: int, priority: int) -> Agent:
    started = Agent(lab, host(lab, number), table(priority))
    started.start()
    return started


def pair(lab: Lab) -> tuple[Agent, Agent]:
    """A MASTER of priority 150 and a BACKUP of 100."""
    first, second = agent(lab, 1, 150), agent(lab, 2, 100)
    first.wait_state(State.MASTER)
    second.wait_state(State.BACKUP)
    return first, second


def add_interface(lab: Lab, to: Host) -> None:
    """One more cable from a host to the same switch."""
    port = f"more-{to.name}"
    to.ip(
        f"link add name eth1 type veth peer name {port} netns {lab.switch.namespace.pid}",
        "link set dev eth1 up",
    )
    lab.switch.ip(f"link set dev {port} master switch up")


def macvlans(on: Host) -> list[str]:
    shown = json.loads(on.run(["ip", "-json", "link", "show", "type", "macvlan"]).stdout)
    return [one["ifname"] for one in shown if one]


def settings(on: Host) -> tuple[int, ...]:
    paths = [f"/proc/sys/net/ipv4/conf/all/{name}" for name in SETTINGS]
    return tuple(map(int, on.run(["cat", *paths]).stdout.split()))


class Client:
    """A host that uses the addresses, and writes down what it is taught about them."""

    def __init__(self, lab: Lab) -> None:
        self.host = lab.add_host("client", addresses=("192.0.2.50/24", "2001:db8::50/64"))
        self._file = self.host.directory / "teachings.jsonl"
        with self._file.open("wb") as out:
            command = [sys.executable, str(TEACHINGS), "eth0"]
            self.host.popen(command, stdout=out, stderr=out)
        lab.wait_until(lambda: b"listening" in self._file.read_bytes(), PATIENCE_S, "a listener")
        self._lab = lab

    def taught(self, address: str) -> set[tuple[str, str]]:
        """Every MAC address that was told for an address, and the sender of the frame."""
        *lines, _ = self._file.read_text().split("\n")
        seen = [json.loads(line) for line in lines[1:]]
        return {(one["mac"], one["frame"]) for one in seen if one["address"] == address}

    def forget(self) -> None:
        """Empty the cache of neighbours."""
        self.host.run(["ip", "neigh", "flush", "all"])

    def reaches(self, address: str, server: Agent) -> None:
        """Have an address answer an echo, from this server. Raises: VipdError when it does not.

        Why: answers leave by the interface that has the route, whose MAC address is the host's
        own; the route to a link-local address is the interface that has the virtual IP.
        """
        local = address.startswith("fe80")
        place, owner = (
            (f"{address}%eth0", VIRTUAL[address]) if local else (address, server.host.name)
        )
        with Probe(self._lab, self.host, place, interval_ms=50.0) as probe:
            probe.wait_owner(owner, PATIENCE_S)

    def knows(self, address: str) -> str | None:
        """The MAC address in the cache of neighbours."""
        shown = json.loads(self.host.run(["ip", "-json", "neigh", "show", address]).stdout)
        return next((one.get("lladdr") for one in shown), None)


def test_hosts_learn_the_virtual_mac_for_virtual_ips_and_nothing_else(lab: Lab) -> None:
    """Not the interface below, nor another one of the same host that is on the same link."""
    client = Client(lab)
    first, second = pair(lab)
    add_interface(lab, first.host)
    for address, virtual in VIRTUAL.items():
        client.forget()
        first.host.run(["ip", "neigh", "flush", "all"])
        client.reaches(address, first)
        assert client.knows(address) == virtual
    client.reaches("192.0.2.11", first)
    client.reaches("2001:db8::11", first)
    for address, virtual in VIRTUAL.items():
        assert client.taught(address) == {(virtual, virtual)}
    own = first.host.mac
    assert client.taught("192.0.2.11") == client.taught("2001:db8::11") == {(own, own)}
    assert client.knows("192.0.2.11") == own
    assert macvlans(second.host) == []


def test_a_host_with_a_strict_reverse_path_filter_serves_all_the_same(lab: Lab) -> None:
    client = Client(lab)
    only = agent(lab, 1, 100)
    strict = ["sh", "-c", "echo 1 >/proc/sys/net/ipv4/conf/all/rp_filter"]
    only.host.run(strict)
    only.wait_state(State.MASTER)
    client.reaches(VIP4, only)


def test_adverts_come_from_the_virtual_mac_and_their_own_address(lab: Lab) -> None:
    first, second = pair(lab)
    bystander = Bystander(lab, host(lab, 3))
    lab.wait_until(lambda: len(bystander.adverts()) > 4, PATIENCE_S, "adverts")
    assert {(one.family, one.host) for one in bystander.adverts()} == {
        (4, VIRTUAL[VIP4]),
        (6, VIRTUAL[VIP6]),
    }
    report = second.instance()
    assert report.master is not None
    assert report.master.address == "192.0.2.11"
    assert report.counters.dropped == {}
    assert [(one.held, one.in_kernel) for one in first.instance().addresses] == [(True, True)] * 3


@pytest.mark.parametrize("way", ["stop", "kill_with_cable"])
def test_a_failover_changes_nothing_in_the_caches_of_hosts(lab: Lab, way: str) -> None:
    client = Client(lab)
    first, second = pair(lab)
    for address in VIRTUAL:
        client.reaches(address, first)
    with Probe(lab, client.host, VIP4) as probe:
        probe.wait_owner("h1", PATIENCE_S)
        if way == "stop":
            first.stop()
        else:
            lab.cut(first.host)
        second.wait_state(State.MASTER)
        probe.wait_owner("h2", PATIENCE_S)
    for address, virtual in VIRTUAL.items():
        client.reaches(address, second)
        assert client.knows(address) == virtual
        assert client.taught(address) == {(virtual, virtual)}
    lab.wait_until(lambda: macvlans(first.host) == [], PATIENCE_S, "the old MASTER lets go")
    assert settings(first.host) == (0, 0)
    assert settings(second.host) == (1, 2)


def test_two_masters_with_one_mac_hear_each_other_when_the_split_heals(lab: Lab) -> None:
    first, second = pair(lab)
    lab.block(first.host)
    second.wait_state(State.MASTER)
    assert first.state() is State.MASTER
    assert macvlans(first.host) == macvlans(second.host) != []
    lab.unblock(first.host)
    second.wait_state(State.BACKUP)
    assert first.state() is State.MASTER
    lab.wait_until(lambda: macvlans(second.host) == [], PATIENCE_S, "the loser lets go")


def test_a_crash_leaves_the_next_life_nothing_but_to_sweep(lab: Lab) -> None:
    only = agent(lab, 1, 100)
    only.wait_state(State.MASTER)
    left = macvlans(only.host)
    only.kill()
    assert macvlans(only.host) == left
    # A life that knows what it was, and is back in time, would carry on with them.
    (only.host.directory / "state.json").unlink()
    only.start()
    only.wait_state(State.MASTER)
    swept = [line["device"] for line in only.log() if "leftover virtual MAC" in line["event"]]
    assert sorted(swept) == sorted(left)
    only.stop()
    assert macvlans(only.host) == []
    assert settings(only.host) == (0, 0)


def test_an_instance_that_loses_its_virtual_mac_in_a_reload_serves_from_its_own(lab: Lab) -> None:
    client = Client(lab)
    only = agent(lab, 1, 100)
    only.wait_state(State.MASTER)
    client.reaches(VIP4, only)
    only.configure(table(100).replace("true", "false"))
    only.reload()
    lab.wait_until(lambda: client.knows(VIP4) == only.host.mac, PATIENCE_S, "another MAC address")
    client.reaches(VIP4, only)
    assert macvlans(only.host) == []
