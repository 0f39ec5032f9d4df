"""`vipd doctor` on hosts of the lab: one thing broken at a time, found, and mended as it says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from offspring import unprivileged_python

from vipd.core.model import State
from vipd.errors import VipdError
from vipd.lab.agent import Agent
from vipd.lab.lab import Host, Lab

pytestmark = pytest.mark.system

DOCTOR = "from vipd.cli.doctor import doctor; doctor()"
NAMES = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}:/usr/sbin:/sbin"}
WAIT_S = 20.0
ATTEMPTS = 5
TOO_BUSY = ("did not answer within", "no time left")

CONFIG = """
[instance.web]
interface = "eth0"
vrid = 51
addresses = ["192.0.2.100/24", "2001:db8::100/64"]
"""
OF_THIS_MACHINE = {"clock-not-set", "real-time-denied", "memory-not-locked", "cloud-no-layer-2"}
"""What may be so wherever the lab is: the lab cannot change it."""

USUAL = OF_THIS_MACHINE | {"agent-not-running", "nonlocal-bind-off", "promote-secondaries-off"}
"""What is to be said of a host as Linux comes, before an agent is started on it."""


@dataclass(frozen=True)
class Told:
    """What the doctor has said."""

    code: int
    told: dict[str, Any]

    @property
    def codes(self) -> set[str]:
        """All that is not as it should be."""
        return {one["code"] for one in self.told["findings"] if one["severity"] != "ok"}

    @property
    def good(self) -> set[str]:
        return {one["code"] for one in self.told["findings"] if one["severity"] == "ok"}

    def one(self, code: str) -> dict[str, Any]:
        found: dict[str, Any]
        (found,) = [one for one in self.told["findings"] if one["code"] == code]
        return found


def doctor(host: Host, *arguments: object, python: tuple[str, ...] = (sys.executable,)) -> Told:
    """Ask the doctor; once more when this machine was too busy for its bounds."""
    command = [*python, "-c", DOCTOR, "--json", *map(str, arguments)]
    for _ in range(ATTEMPTS):
        done = host.run(command, check=False)
        assert done.stdout, done.stderr
        if not any(words in done.stdout for words in TOO_BUSY):
            break
    return Told(done.returncode, json.loads(done.stdout))


def mend(host: Host, told: Told, code: str) -> None:
    """Run what the doctor says, as a person would."""
    commands = told.one(code)["commands"]
    assert commands
    for command in commands:
        host.run(["env", f"PATH={NAMES['PATH']}", "sh", "-c", command])


def write(host: Host, text: str = CONFIG) -> Path:
    file = host.directory / "vipd.toml"
    socket = json.dumps(str(host.directory / "control.sock"))
    file.write_text(f"[agent]\ncontrol_socket = {socket}\n{text}")
    file.chmod(0o644)
    return file


@pytest.fixture(scope="module")
def patient(namespaces: None) -> Iterator[Host]:  # noqa: ARG001 (it asks whether there can be a lab)
    """A host that every test gives back as it was."""
    with Lab() as lab:
        host = lab.add_host("patient", addresses=("192.0.2.11/24", "2001:db8::11/64"))
        host.ip(
            "link add name spare type veth peer name spare0",
            "link set dev spare up",
            "link set dev spare0 up",
        )
        yield host


# -- a host without anything wrong ----------------------------------------------------------------


def test_a_sane_host_without_an_agent(patient: Host, record_property: Callable[..., None]) -> None:
    began = time.monotonic()
    told = doctor(patient, "--config", write(patient))
    record_property("figure", f"vipd doctor: {time.monotonic() - began:.1f} s, listening included")
    assert told.codes <= USUAL
    assert told.code == 1
    assert {"config-valid", "interface-good", "addresses-good", "firewall-passes"} <= told.good
    assert {"settings-good", "link-silent", "rights-good"} <= told.good


def test_a_host_without_a_configuration(patient: Host) -> None:
    told = doctor(patient, "--no-listen")
    assert told.codes <= OF_THIS_MACHINE | {"config-none", "agent-absent"}
    assert (told.told["config"], told.told["instances"]) == (None, [])
    assert {"interface-good", "firewall-passes"} <= told.good


def test_two_agents(lab: Lab) -> None:
    agents = []
    for number, name in enumerate(("first", "second"), 1):
        addresses = (f"192.0.2.1{number}/24", f"2001:db8::1{number}/64")
        host = lab.add_host(name, addresses=addresses)
        priority = f"priority = {200 - 50 * number}\n"
        agents.append(Agent(lab, host, CONFIG + priority))
        agents[-1].start()
    agents[0].wait_state(State.MASTER)
    agents[1].wait_state(State.BACKUP)
    for agent, heard in zip(agents, ("this host", "192.0.2.11"), strict=True):
        told = doctor(agent.host, "--config", agent.config)
        expected = USUAL - {"agent-not-running"}
        assert told.codes <= expected | {"peer-none"}, told.told
        assert told.code in (0, 1)
        assert {"agent-answers", "instance-state", "link-served", "addresses-good"} <= told.good
        served = [one for one in told.told["findings"] if one["code"] == "link-served"]
        assert served[0]["what"] == f"{heard} serves VRID 51 with priority 150"

    agents[1].host.ip("link set dev eth0 down")
    agents[1].wait_state(State.FAULT)
    told = doctor(agents[1].host, "--config", agents[1].config)
    assert {"instance-fault", "interface-down"} <= told.codes
    assert told.code == 2


# -- one thing at a time --------------------------------------------------------------------------


def nft(*lines: str) -> list[str]:
    return ["nft", "; ".join(lines)]


INET = ("add table inet f", "add chain inet f i { type filter hook input priority 0; }")
OUT = ("add table inet f", "add chain inet f o { type filter hook output priority 0; }")

BROKEN: dict[str, tuple[list[list[str]], str, int]] = {
    "a firewall drops VRRP in": (
        [nft(*INET, "add rule inet f i ip protocol vrrp drop")],
        "firewall-drops-input",
        2,
    ),
    "a firewall with policy drop": (
        [nft(INET[0], "add chain inet f i { type filter hook input priority 0; policy drop; }")],
        "firewall-drops-input",
        2,
    ),
    "a firewall drops VRRP out": (
        [nft(*OUT, "add rule inet f o meta l4proto vrrp drop")],
        "firewall-drops-output",
        2,
    ),
    "a firewall drops VRRP on the device": (
        [
            nft(
                "add table netdev f",
                "add chain netdev f i { type filter hook ingress device eth0 priority 0; }",
                "add rule netdev f i meta l4proto vrrp drop",
            )
        ],
        "firewall-drops-input",
        2,
    ),
    "iptables drops VRRP": (
        [["iptables-nft", "-A", "INPUT", "-p", "112", "-j", "DROP"]],
        "firewall-drops-input",
        2,
    ),
    "a firewall that asks for a mark": (
        [nft(*INET, "add rule inet f i meta mark 7 drop")],
        "firewall-uncertain-input",
        1,
    ),
    "no multicast": (
        [["ip", "link", "set", "dev", "eth0", "multicast", "off"]],
        "interface-no-multicast",
        1,
    ),
    "no ARP": ([["ip", "link", "set", "dev", "eth0", "arp", "off"]], "interface-no-arp", 2),
    "the address is there already": (
        [["ip", "address", "add", "192.0.2.100/24", "dev", "eth0"]],
        "address-present",
        2,
    ),
    "the address is there on another interface": (
        [["ip", "address", "add", "2001:db8::100/64", "dev", "spare", "nodad"]],
        "address-present",
        2,
    ),
    "ARP is not answered": (
        [["sysctl", "-qw", "net/ipv4/conf/eth0/arp_ignore=8"]],
        "arp-ignore-hides-address",
        2,
    ),
    "ARP is not answered anywhere": (
        [["sysctl", "-qw", "net/ipv4/conf/all/arp_ignore=8"]],
        "arp-ignore-hides-address",
        2,
    ),
    "announcements are not heard": (
        [["sysctl", "-qw", "net/ipv4/conf/eth0/drop_gratuitous_arp=1"]],
        "announcements-dropped",
        1,
    ),
    "IPv6 is off": (
        [["sysctl", "-qw", "net/ipv6/conf/eth0/disable_ipv6=1"]],
        "ipv6-disabled",
        2,
    ),
    "the link is down": ([["ip", "link", "set", "dev", "eth0", "down"]], "interface-down", 2),
    "who may write the configuration": (
        [["chmod", "o+w", "vipd.toml"]],
        "config-writable",
        2,
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_found_and_mended(patient: Host, name: str) -> None:
    breaking, code, exit_code = BROKEN[name]
    file = write(patient)
    asked = ("--config", file, "--no-listen")
    try:
        for command in breaking:
            patient.run(["env", f"--chdir={patient.directory}", *command])
        told = doctor(patient, *asked)
        assert told.codes - USUAL == {code}, told.told
        assert told.code == exit_code
        mend(patient, told, code)
        told = doctor(patient, *asked)
        assert told.codes - USUAL == set(), told.told
        assert told.code == 1
    finally:
        restore(patient)


def restore(host: Host) -> None:
    """As it was before, whatever a test has left."""
    host.run(["nft", "flush", "ruleset"])
    settings = ["eth0/rp_filter=0", "eth0/arp_ignore=0", "all/arp_ignore=0"]
    settings.append("eth0/drop_gratuitous_arp=0")
    host.run(["sysctl", "-qw", *(f"net/ipv4/conf/{one}" for one in settings)])
    host.ip("link set dev eth0 up multicast on arp on", "address flush dev spare scope global")
    for address in ("192.0.2.100/24", "2001:db8::100/64"):
        host.run(["ip", "address", "del", address, "dev", "eth0"], check=False)


@pytest.mark.parametrize("code", ["nonlocal-bind-off", "promote-secondaries-off"])
def test_what_linux_comes_with_is_changed_as_the_note_says(patient: Host, code: str) -> None:
    file = write(patient)
    told = doctor(patient, "--config", file, "--no-listen")
    assert told.one(code)["severity"] == "note"
    mend(patient, told, code)
    assert code not in doctor(patient, "--config", file, "--no-listen").codes


# -- settings, beside what the kernel does -------------------------------------------------------


TRUTH = Path(__file__).parents[1] / "support" / "advert_truth.py"


@pytest.fixture(scope="module")
def neighbours(namespaces: None) -> Iterator[tuple[Lab, Host, Host]]:  # noqa: ARG001 (as above)
    """A host, and a neighbour that sends adverts all the time and gives up on ARP early."""
    with Lab() as lab:
        host = lab.add_host("patient", addresses=("192.0.2.11/24", "2001:db8::11/64"))
        peer = lab.add_host("peer", addresses=("192.0.2.12/24", "2001:db8::12/64"))
        peer.run(["sysctl", "-qw", "net/ipv4/neigh/eth0/retrans_time_ms=30"])
        peer.ip("route add 203.0.113.0/24 dev eth0")
        peer.popen(
            [sys.executable, str(TRUTH), "send"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        yield lab, host, peer


def is_found(lab: Lab, peer: Host, address: str) -> bool:
    """Whether a neighbour gets an answer when it asks who has an address."""
    peer.run(["ip", "neigh", "flush", "dev", "eth0"])
    code = f"import socket; socket.socket(2, 2).sendto(b'', ('{address}', 9))"
    peer.run([sys.executable, "-c", code])
    state = ""

    def is_known() -> bool:
        nonlocal state
        state = peer.run(["ip", "neigh", "show", address]).stdout
        return "REACHABLE" in state or "FAILED" in state

    lab.wait_until(is_known, WAIT_S, f"{address} is found, or not")
    return "REACHABLE" in state


@pytest.mark.parametrize("level", [0, 1, 2, 3, 4, 8])
@pytest.mark.parametrize("vip", ["192.0.2.100/24", "192.0.2.100/32", "203.0.113.9/32"])
def test_arp_ignore_is_judged_as_the_kernel_does_it(
    neighbours: tuple[Lab, Host, Host], vip: str, level: int
) -> None:
    lab, host, peer = neighbours
    file = write(host, CONFIG.replace('"192.0.2.100/24", "2001:db8::100/64"', f'"{vip}"'))
    host.run(["sysctl", "-qw", f"net/ipv4/conf/eth0/arp_ignore={level}"])
    told = doctor(host, "--config", file, "--no-listen")
    hidden = "arp-ignore-hides-address" in told.codes
    host.ip(f"address add {vip} dev eth0")
    try:
        assert is_found(lab, peer, vip.partition("/")[0]) is not hidden
        if hidden:
            mend(host, told, "arp-ignore-hides-address")
            assert is_found(lab, peer, vip.partition("/")[0])
    finally:
        host.ip(f"address del {vip} dev eth0")
        host.run(["sysctl", "-qw", "net/ipv4/conf/eth0/arp_ignore=0"])


@pytest.mark.parametrize("level", [0, 1, 2])
@pytest.mark.parametrize("first", ["eth0", "spare"])
def test_rp_filter_is_judged_as_the_kernel_does_it(
    neighbours: tuple[Lab, Host, Host], first: str, level: int
) -> None:
    """Two interfaces in one subnet: the routes lead to all of it by the first of them."""
    _, host, _ = neighbours
    host.ip(
        "link add name spare type veth peer name spare0",
        "link set dev spare up",
        "link set dev spare0 up",
        "address add 192.0.2.21/24 dev spare",
    )
    try:
        if first == "spare":
            host.ip(
                "route del 192.0.2.0/24 dev eth0",
                "route append 192.0.2.0/24 dev eth0 proto kernel scope link src 192.0.2.11",
            )
        host.run(["sysctl", "-qw", f"net/ipv4/conf/eth0/rp_filter={level}"])
        told = doctor(host, "--config", write(host), "--no-listen")
        warned = "rp-filter-strict" in told.codes
        assert adverts_come_in(host) is not warned
        if warned:
            mend(host, told, "rp-filter-strict")
            assert adverts_come_in(host)
    finally:
        host.run(["sysctl", "-qw", "net/ipv4/conf/eth0/rp_filter=0"])
        host.ip("link del dev spare")


def adverts_come_in(host: Host) -> bool:
    said = host.run([sys.executable, str(TRUTH), "judge"])
    passed: bool = json.loads(said.stdout)["in4"]
    return passed


def test_an_interface_that_is_not_there_is_named_with_a_guess(patient: Host) -> None:
    file = write(patient, CONFIG.replace('"eth0"', '"eth00"'))
    told = doctor(patient, "--config", file)
    assert told.codes - USUAL == {"interface-missing"}
    assert told.one("interface-missing")["hint"] == "did you mean eth0?"
    assert told.code == 2


def test_what_an_agent_left_is_told_from_what_somebody_configured(patient: Host) -> None:
    patient.ip("address add 192.0.2.100/24 dev eth0 valid_lft 300 preferred_lft 300")
    try:
        told = doctor(patient, "--config", write(patient), "--no-listen")
        assert told.codes - USUAL == {"address-left"}
        assert told.code == 1
    finally:
        restore(patient)


# -- the link -------------------------------------------------------------------------------------

KEEPALIVED = """
vrrp_instance other {
    state MASTER
    interface eth0
    virtual_router_id 51
    priority 200
    version 3
    virtual_ipaddress {
        ADDRESS
    }
}
"""


def keepalived(host: Host, address: str) -> subprocess.Popen[bytes]:
    """Start it on a host, in a /run of its own."""
    file = host.directory / "keepalived.conf"
    file.write_text(KEEPALIVED.replace("ADDRESS", address))
    pids = [host.directory / f"{one}.pid" for one in "prc"]
    command = ["keepalived", "-f", str(file), "--vrrp", "--dont-fork", "--log-console"]
    for option, pid in zip(("-p", "-r", "-c"), pids, strict=True):
        command += [option, str(pid)]
    own_run = 'mount -t tmpfs none /run && exec "$@"'
    return host.popen(
        ["unshare", "--mount", "--", "sh", "-c", own_run, "sh", *command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def serves(lab: Lab, host: Host, address: str) -> None:
    def has_it() -> bool:
        with suppress(VipdError):
            return any(str(one.ip) == address for one in host.addresses())
        return False

    lab.wait_until(has_it, WAIT_S, f"{host.name} serves {address}")


@pytest.mark.interop
def test_another_cluster_on_our_vrid(lab: Lab) -> None:
    here = lab.add_host("here", addresses=("192.0.2.11/24",))
    there = lab.add_host("there", addresses=("192.0.2.12/24",))
    keepalived(there, "192.0.2.200/24")
    serves(lab, there, "192.0.2.200")
    file = write(here, CONFIG.replace(', "2001:db8::100/64"', ""))
    told = doctor(here, "--config", file)
    assert told.codes - USUAL == {"vrid-conflict"}
    assert told.code == 2
    assert "192.0.2.12 speaks for 192.0.2.200" in told.one("vrid-conflict")["what"]
    assert told.one("vrid-conflict")["hint"].startswith("free on eth0: VRID 52, 53, ")


@pytest.mark.interop
def test_a_keepalived_of_our_cluster_is_no_conflict_but_one_on_this_host_is(lab: Lab) -> None:
    here = lab.add_host("here", addresses=("192.0.2.11/24",))
    there = lab.add_host("there", addresses=("192.0.2.12/24",))
    daemon = keepalived(there, "192.0.2.100/24")
    serves(lab, there, "192.0.2.100")
    file = write(here, CONFIG.replace(', "2001:db8::100/64"', ""))
    told = doctor(here, "--config", file)
    assert told.codes <= USUAL
    assert told.one("link-served")["what"] == "192.0.2.12 serves VRID 51 with priority 200"
    daemon.kill()
    daemon.wait()

    keepalived(here, "192.0.2.150/24")
    serves(lab, here, "192.0.2.150")
    told = doctor(here, "--config", file, "--no-listen")
    assert told.codes - USUAL == {"daemon-same-vrid"}
    assert told.code == 2


def test_a_peer_that_is_set_up_in_another_way(lab: Lab) -> None:
    here = lab.add_host("here", addresses=("192.0.2.11/24",))
    there = Agent(
        lab,
        lab.add_host("there", addresses=("192.0.2.12/24",)),
        '[instance.web]\ninterface = "eth0"\nvrid = 51\nadvert_interval = "200ms"\n'
        'addresses = ["192.0.2.100/24", "192.0.2.101/24"]\n',
    )
    there.start()
    there.wait_state(State.MASTER)
    file = write(here, CONFIG.replace(', "2001:db8::100/64"', ""))
    told = doctor(here, "--config", file)
    assert told.codes - USUAL == {"peer-interval-differs", "peer-addresses-differ"}
    assert "also has 192.0.2.101" in told.one("peer-addresses-differ")["what"]
    assert told.code == 1


def test_a_user_without_rights_is_told_what_root_would_see(lab: Lab) -> None:
    host = lab.add_host("patient", addresses=("192.0.2.11/24", "2001:db8::11/64"))
    lab.directory.chmod(0o755)
    file = write(host)
    nobody = tuple(unprivileged_python())
    if os.geteuid() != 0:
        pytest.skip("everybody is root in a lab of a user")
    told = doctor(host, "--config", file, python=nobody)
    assert told.told["root"] is False
    unseen = {"firewall-not-seen", "link-not-heard", "rights-of-user"}
    assert unseen <= told.codes
    # Whose a daemon of another namespace of this machine is, only root could tell.
    assert told.codes - USUAL - {"daemon-other"} == unseen
    hints = [told.one(code)["hint"] for code in unseen]
    assert all(hint.startswith("run it as root to ") for hint in hints)
    assert told.code == 1
