"""`vipd capture` and `vipd scan` on a real link, with agents, crafted packets and two clusters."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from captured import GROUP_4, ethernet, ipv4, message
from offspring import unprivileged_python

from vipd.core.model import State
from vipd.lab.agent import Agent
from vipd.lab.lab import Host, Lab

pytestmark = pytest.mark.system

VIPD = (sys.executable, "-m", "vipd")
WAIT_S = 20.0
SENDER = """
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as sender:
    sender.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, sys.argv[1].encode())
    sender.sendto(bytes.fromhex(sys.argv[2]), (sys.argv[3], 0))
"""
FRAME_SENDER = """
import socket, sys
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
    sender.bind(("eth0", 0))
    sender.send(bytes.fromhex(sys.argv[1]))
"""


class Capture:
    """`vipd capture` on a host of the lab, and what it has said so far."""

    def __init__(self, lab: Lab, host: Host, *arguments: str) -> None:
        self._lab = lab
        self._out = host.directory / "capture.out"
        self._errors = host.directory / "capture.err"
        command = [*VIPD, "capture", "-i", "eth0", *arguments]
        with self._out.open("wb") as out, self._errors.open("wb") as errors:
            self.process = host.popen(command, stdout=out, stderr=errors)
        lab.wait_until(lambda: "listening on eth0" in self.errors, WAIT_S, "a capture listens")

    @property
    def errors(self) -> str:
        return self._errors.read_text()

    def lines(self) -> list[str]:
        """The lines that are there; each is whole as soon as it is there at all."""
        return self._out.read_text().splitlines()

    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines()]

    def wait_for(self, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first packet that is as wanted."""
        what = "a packet is captured"
        self._lab.wait_until(lambda: any(map(condition, self.objects())), WAIT_S, what)
        return next(one for one in self.objects() if condition(one))

    def stop(self) -> None:
        """End it as Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(WAIT_S) == 0


def master(lab: Lab, name: str, number: int, config: str) -> Agent:
    host = lab.add_host(name, addresses=(f"192.0.2.1{number}/24", f"2001:db8::1{number}/64"))
    agent = Agent(lab, host, f'[instance.web]\ninterface = "eth0"\nvrid = 51\n{config}')
    agent.start()
    agent.wait_state(State.MASTER)
    return agent


def send(host: Host, datagram: bytes) -> None:
    """Send an IPv4 datagram as it stands."""
    command = [sys.executable, "-c", SENDER, "eth0", datagram.hex(), str(GROUP_4)]
    host.run(command)


def scan(host: Host, *arguments: str) -> tuple[int, dict[str, Any]]:
    done = host.run([*VIPD, "scan", "-i", "eth0", "--json", *arguments], check=False)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_live_adverts_of_both_families_and_of_a_password_and_a_broken_one(
    lab: Lab, tmp_path: Path
) -> None:
    eyes = lab.add_host("eyes", addresses=("192.0.2.9/24",))
    file = tmp_path / "out.pcap"
    capture = Capture(lab, eyes, "--json", "--write", str(file))
    master(lab, "v3", 1, 'addresses = ["192.0.2.100/24", "2001:db8::100/64"]\npriority = 150\n')
    secret = 'version = 2\nauth = { type = "pass", password = "s3cret" }\n'
    master(lab, "v2", 2, f'addresses = ["192.0.2.200/24"]\npriority = 90\n{secret}')
    broken = bytearray(message(vrid=77))
    broken[2] ^= 1
    send(eyes, ipv4(bytes(broken), ttl=64))

    v3 = capture.wait_for(lambda one: one["version"] == 3 and ":" not in one["source"])
    assert {**v3, "time": None} == {
        "time": None,
        "source": "192.0.2.11",
        "destination": "224.0.0.18",
        "ttl": 255,
        "version": 3,
        "type": 1,
        "vrid": 51,
        "priority": 150,
        "interval_s": 1.0,
        "addresses": ["192.0.2.100"],
        "auth_type": None,
        "checksum": "pseudo_header",
        "accepted": True,
        "drop_reasons": [],
    }
    v6 = capture.wait_for(lambda one: one["destination"] == "ff02::12")
    assert (v6["accepted"], v6["addresses"][-1]) == (True, "2001:db8::100")
    v2 = capture.wait_for(lambda one: one["version"] == 2)
    assert (v2["auth_type"], v2["drop_reasons"]) == (1, ["auth_type"])
    odd = capture.wait_for(lambda one: one["vrid"] == 77)
    assert (odd["checksum"], odd["drop_reasons"]) == ("bad", ["ttl", "checksum"])
    capture.stop()
    assert "s3cret" not in "".join(capture.lines())
    again = subprocess.run(
        [*VIPD, "capture", "--json", "--read", file], capture_output=True, text=True, check=True
    )
    assert again.stdout.splitlines() == capture.lines()


def test_a_tagged_packet_is_heard_on_the_interface_below(lab: Lab) -> None:
    eyes, sender = lab.add_host("eyes"), lab.add_host("sender", addresses=("192.0.2.8/24",))
    capture = Capture(lab, eyes, "--json", "--count", "2")
    frame = ethernet(ipv4(message(vrid=7)))
    tag = bytes.fromhex("81000007")
    sender.run([sys.executable, "-c", FRAME_SENDER, (frame[:12] + tag + frame[12:]).hex()])
    send(sender, ipv4(message(vrid=8), protocol=17))
    send(sender, ipv4(message(vrid=9), options=bytes.fromhex("94040000")))
    assert capture.process.wait(WAIT_S) == 0
    assert [(one["vrid"], one["accepted"]) for one in capture.objects()] == [(7, True), (9, True)]


def test_own_packets_are_heard_and_those_that_a_firewall_drops(lab: Lab) -> None:
    """What leaves is heard as well, and what arrives before netfilter sees it."""
    eyes, sender = lab.add_host("eyes", addresses=("192.0.2.9/24",)), lab.add_host("sender")
    eyes.run(["nft", "add table ip t; add chain ip t i { type filter hook input priority 0; }"])
    eyes.run(["nft", "add rule ip t i drop"])
    capture = Capture(lab, eyes, "--json")
    send(eyes, ipv4(message(vrid=1)))
    sender.ip("address add 192.0.2.8/24 dev eth0")
    send(sender, ipv4(message(vrid=2)))
    assert capture.wait_for(lambda one: one["vrid"] == 1)["accepted"]
    assert capture.wait_for(lambda one: one["vrid"] == 2)["accepted"]
    capture.stop()


def test_a_capture_outlives_a_cable_and_ends_with_its_interface(lab: Lab) -> None:
    eyes, sender = lab.add_host("eyes"), lab.add_host("sender", addresses=("192.0.2.8/24",))
    capture = Capture(lab, eyes)
    eyes.ip("link set dev eth0 down", "link set dev eth0 up")
    lab.wait_until(eyes.has_carrier, WAIT_S, "the link is back")
    send(sender, ipv4(message()))
    lab.wait_until(lambda: bool(capture.lines()), WAIT_S, "a packet is captured")
    assert capture.lines()[0].endswith("  accepted")
    eyes.ip("link delete dev eth0")
    assert capture.process.wait(WAIT_S) == 1
    assert "there is no interface 'eth0' here" in capture.errors


def test_two_clusters_on_one_vrid_are_named_by_the_host_that_is_kept_silent(lab: Lab) -> None:
    first = master(lab, "first", 1, 'addresses = ["192.0.2.100/24"]\npriority = 150\n')
    host = lab.add_host("second", addresses=("192.0.2.12/24",))
    second = Agent(
        lab,
        host,
        '[instance.db]\ninterface = "eth0"\nvrid = 51\naddresses = ["192.0.2.200/24"]\n',
    )
    second.start()
    second.wait_state(State.BACKUP)
    code, told = scan(host, "--seconds", "2.5", "--socket", str(second.socket))
    assert (code, [one["kind"] for one in told["conflicts"]]) == (1, ["other_cluster"])
    text = told["conflicts"][0]["text"]
    assert "192.0.2.11 speaks for 192.0.2.100, and our instance db (BACKUP) is for" in text
    (router,) = told["virtual_routers"]
    assert (router["vrid"], router["instance"]["name"]) == (51, "db")
    assert told["free_vrids"][0] == 52

    code, told = scan(first.host, "--seconds", "2.5", "--socket", str(first.socket))
    assert (code, told["conflicts"]) == (0, [])
    assert [one["ours"] for one in told["virtual_routers"][0]["speakers"]] == [True]


def test_a_stranger_sees_two_clusters_that_both_speak(lab: Lab) -> None:
    eyes = lab.add_host("eyes", addresses=("192.0.2.9/24",))
    master(lab, "v3", 1, 'addresses = ["192.0.2.100/24"]\n')
    master(lab, "v2", 2, 'addresses = ["192.0.2.200/24"]\nversion = 2\n')
    done = eyes.run([*VIPD, "scan", "-i", "eth0", "--seconds", "4"], check=False)
    assert done.returncode == 1, done.stderr
    assert "conflict: VRID 51, IPv4: " in done.stdout
    assert "two clusters use this VRID" in done.stdout
    assert "free VRIDs: 52, 53, " in done.stdout


def test_a_scan_joins_the_groups_and_leaves_them_and_ends_early_on_ctrl_c(lab: Lab) -> None:
    eyes = lab.add_host("eyes", addresses=("192.0.2.9/24", "2001:db8::9/64"))

    def members() -> tuple[bool, bool]:
        shown = eyes.run(["cat", "/proc/net/igmp", "/proc/net/igmp6"]).stdout
        return "120000E0" in shown, "ff020000000000000000000000000012" in shown

    assert members() == (False, False)
    out = eyes.directory / "scan"
    with out.open("wb") as stdout:
        command = [*VIPD, "scan", "-i", "eth0", "--seconds", "600"]
        process = eyes.popen(command, stdout=stdout, stderr=subprocess.DEVNULL)
    lab.wait_until(lambda: members() == (True, True), WAIT_S, "the groups are joined")
    process.send_signal(signal.SIGINT)
    assert process.wait(WAIT_S) == 0
    assert "no virtual routers heard in " in out.read_text()
    lab.wait_until(lambda: members() == (False, False), WAIT_S, "the groups are left")


@pytest.mark.parametrize(("command", "code"), [("capture", 1), ("scan", 2)])
def test_who_may_not_listen_is_told_what_is_needed(command: str, code: int) -> None:
    listen = [*unprivileged_python(), "-m", "vipd", command, "-i", "lo"]
    done = subprocess.run(listen, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (code, "")
    assert "needs CAP_NET_RAW: run it as root" in done.stderr
    assert "Traceback" not in done.stderr
