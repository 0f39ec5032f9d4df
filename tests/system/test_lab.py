"""The lab itself: its cables, its probe, and that nothing of it stays behind."""

from __future__ import annotations

import os
import signal
import sys
import time
from ipaddress import ip_interface
from uuid import uuid4

import pytest
from offspring import MARK, Program, offspring, unprivileged_python

from vipd.errors import VipdError
from vipd.lab.client import Probe
from vipd.lab.lab import Direction, Host, Lab
from vipd.lab.pause import wait_until

VIPS = ("192.0.2.100/24", "2001:db8:51::100/64")

A_WHOLE_LAB = """
import signal, sys
from vipd.lab.lab import Lab
from vipd.lab.client import Probe
with Lab() as lab:
    host = lab.add_host("a", addresses=("192.0.2.11/24", "2001:db8:51::11/64"))
    client = lab.add_host("client", addresses=("192.0.2.13/24",))
    sleep = host.popen(["sleep", "600"], stdout=2, stderr=2)
    with Probe(lab, client, "192.0.2.11") as probe:
        probe.wait_owner("a", 10)
        lab.cut(host)
        assert not host.has_carrier()
        print("ready", lab.directory, flush=True)
        sys.stdin.read()
"""
"""A program with everything that could stay behind; it ends when its input does."""


def add_pair(lab: Lab) -> tuple[Host, Host, Host]:
    """Two hosts and a client that share both subnets."""
    a = lab.add_host("a", addresses=("192.0.2.11/24", "2001:db8:51::11/64"))
    b = lab.add_host("b", addresses=("192.0.2.12/24", "2001:db8:51::12/64"))
    client = lab.add_host("client", addresses=("192.0.2.13/24", "2001:db8:51::13/64"))
    return a, b, client


def put(host: Host, vip: str) -> None:
    host.ip(f"address add {vip} dev eth0{' nodad' if ':' in vip else ''}")


def take(host: Host, vip: str) -> None:
    host.ip(f"address del {vip} dev eth0")


def hears(lab: Lab, listener: Host, speaker: Host, address: str) -> bool:
    """Whether an echo makes it from one host to another and back within half a second."""
    with Probe(lab, listener, address) as probe:
        probe.wait_started()
        try:
            probe.wait_owner(speaker.name, 0.5)
        except VipdError:
            return False
    return True


# -- cables -----------------------------------------------------------------------------------


def test_a_pulled_cable_takes_the_carrier_and_a_plugged_one_brings_it_back(lab: Lab) -> None:
    a, b, _ = add_pair(lab)
    lab.cut(a)
    assert not a.has_carrier()
    assert b.has_carrier()
    lab.join(a)
    assert a.has_carrier()


def test_a_host_has_its_addresses_at_once_and_a_name_of_its_own(lab: Lab) -> None:
    a = lab.add_host("a", addresses=("192.0.2.11/24", "2001:db8:51::11/64"))
    wanted = {ip_interface("192.0.2.11/24"), ip_interface("2001:db8:51::11/64")}
    link_local = ip_interface("fe80::ff:fe00:1/64")
    assert set(a.addresses()) == wanted | {link_local}
    assert "tentative" not in a.run(["ip", "address", "show", "dev", "eth0"]).stdout
    assert a.run(["uname", "-n"]).stdout == "a\n"
    assert os.uname().nodename != "a"


@pytest.mark.usefixtures("namespaces")
def test_duplicate_address_detection_can_be_left_on() -> None:
    with Lab(dad=True) as lab:
        a = lab.add_host("a", addresses=("2001:db8:51::11/64",))
        assert "tentative" in a.run(["ip", "address", "show", "dev", "eth0"]).stdout


@pytest.mark.parametrize("direction", ["in", "out", "both"])
def test_a_port_can_drop_packets_while_the_carrier_stays(lab: Lab, direction: Direction) -> None:
    a, _, client = add_pair(lab)
    assert hears(lab, client, a, "192.0.2.11")
    lab.block(a, direction)
    assert a.has_carrier()
    assert not hears(lab, client, a, "192.0.2.11")
    lab.unblock(a)
    assert hears(lab, client, a, "192.0.2.11")


def test_a_port_that_is_blocked_inwards_still_lets_the_host_hear(lab: Lab) -> None:
    a, b, _ = add_pair(lab)
    lab.block(a, "in")
    before = received(a)
    b.run(["ip", "neigh", "add", "192.0.2.99", "lladdr", "ff:ff:ff:ff:ff:ff", "dev", "eth0"])
    with Probe(lab, b, "192.0.2.99") as probe:
        probe.wait_started()
        lab.wait_until(lambda: received(a) > before, 5, "a broadcast arrives")


def received(host: Host) -> int:
    """How many packets the interface has taken in."""
    shown = host.run(["cat", "/proc/net/dev"]).stdout.splitlines()
    eth0 = next(line for line in shown if line.strip().startswith("eth0:"))
    return int(eth0.split(":")[1].split()[1])


def test_a_command_that_fails_says_why(lab: Lab) -> None:
    a = lab.add_host("a")
    with pytest.raises(VipdError, match=r"a: `ip -batch -` failed: .*eth7"):
        a.ip("link set dev eth7 up")


# -- the probe --------------------------------------------------------------------------------


@pytest.mark.alone
@pytest.mark.parametrize("vip", VIPS)
def test_the_probe_measures_an_outage_made_by_hand(lab: Lab, vip: str) -> None:
    a, b, client = add_pair(lab)
    put(a, vip)
    with Probe(lab, client, str(ip_interface(vip).ip)) as probe:
        probe.wait_owner("a", 10)
        began = time.monotonic_ns()
        take(a, vip)
        gone = time.monotonic_ns()
        wait_until(lambda: time.monotonic_ns() > gone + 200_000_000, 5, "200 ms pass")
        put(b, vip)
        client.ip("neigh flush dev eth0")
        back = time.monotonic_ns()
        probe.wait_owner("b", 10)
    record = probe.record().since(began)
    (outage,) = record.outages()
    assert outage.length_ms is not None
    assert 200 <= outage.length_ms <= (back - began) / 1e6 + 60
    assert (outage.before, outage.after) == ("a", "b")
    assert outage.lost > 20
    assert [span.owner for span in record.spans()] == ["a", "b"]
    assert not record.alternated


def test_the_probe_sees_an_address_that_goes_back_and_forth(lab: Lab) -> None:
    a, b, client = add_pair(lab)
    macs = {host.name: host.mac for host in (a, b)}
    for host in (a, b):
        put(host, VIPS[0])
    with Probe(lab, client, "192.0.2.100") as probe:
        for name in ("a", "b", "a"):
            client.ip(f"neigh replace 192.0.2.100 lladdr {macs[name]} dev eth0")
            probe.wait_owner(name, 10)
        assert probe.record().alternated


def test_a_probe_that_cannot_run_says_why(lab: Lab) -> None:
    client = lab.add_host("client")
    probe = Probe(lab, client, "192.0.2.300")
    probe.start()
    with pytest.raises(VipdError, match=r"invalid ip_address value: '192\.0\.2\.300'"):
        probe.wait_started()


# -- nothing stays behind ---------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
@pytest.mark.usefixtures("namespaces")
def test_nothing_stays_when_the_lab_is_killed(number: signal.Signals) -> None:
    with Program(sys.executable, "-c", A_WHOLE_LAB) as lab:
        lab.read_until(f"ready {lab.directory}/vipd-lab-")
        assert len(offspring(lab.mark)) >= 6
        lab.process.send_signal(number)
        lab.finish()
        lab.assert_nothing_stays()


@pytest.mark.usefixtures("namespaces")
def test_a_lab_that_ends_by_itself_leaves_nothing() -> None:
    with Program(sys.executable, "-c", A_WHOLE_LAB) as lab:
        assert lab.finish()[0] == 0
        lab.assert_nothing_stays()


@pytest.mark.usefixtures("namespaces")
def test_an_orphan_of_a_child_does_not_stay() -> None:
    mark = str(uuid4())
    with Lab() as lab:
        a = lab.add_host("a")
        a.run(["env", f"{MARK}={mark}", "sh", "-c", "sleep 600 >/dev/null 2>&1 &"])
        assert offspring(mark) == ["sleep 600 "]
    wait_until(lambda: not offspring(mark), 10, "the orphan ends")


@pytest.mark.usefixtures("user_namespaces")
def test_the_lab_works_without_root() -> None:
    with Program(*unprivileged_python(), "-c", A_WHOLE_LAB) as lab:
        code, out, errors = lab.finish()
        assert code == 0, errors
        assert out.startswith("ready")
        lab.assert_nothing_stays()
