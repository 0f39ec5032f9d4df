"""Adverts in fragments: the kernel puts them together; a part of one is nothing to us."""

from __future__ import annotations

import sys

import pytest

from vipd.core.model import State
from vipd.lab.agent import Agent
from vipd.lab.lab import Host, Lab

pytestmark = pytest.mark.system

CONFIG = (
    '[instance.web]\ninterface = "eth0"\nvrid = 51\naddresses = ["192.0.2.100/24"]\n'
    'advert_interval = "100ms"\n'
)

SEND = """
import socket, struct, sys
from ipaddress import ip_address
from vipd.core.model import Advert, ChecksumForm
from vipd.wire.vrrp import encode

source, group = ip_address("192.0.2.12"), ip_address("224.0.0.18")
advert = Advert(version=3, vrid=51, priority=200, interval_cs=10,
                addresses=(ip_address("192.0.2.100"),), checksum=ChecksumForm.PSEUDO_HEADER)
message = encode(advert, source=source, destination=group)
sender = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
sender.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
count = int(sys.argv[1])
for start, end, more in ((0, 8, 0x2000), (8, 12, 0))[:count]:
    part = message[start:end]
    place = more | start // 8
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(part), 40 + count, place,
                         255, 112, 0, source.packed, group.packed)
    sender.sendto(header + part, (str(group), 0))
"""


def send(host: Host, fragments: int) -> None:
    host.run([sys.executable, "-c", SEND, str(fragments)])


def test_a_fragment_alone_is_nothing_and_all_of_them_are_an_advert(lab: Lab) -> None:
    host = lab.add_host("h1", addresses=("192.0.2.11/24",))
    rival = lab.add_host("h2", addresses=("192.0.2.12/24",))
    agent = Agent(lab, host, CONFIG)
    agent.start()
    agent.wait_state(State.MASTER)
    send(rival, 1)
    sent = agent.instance().counters.adverts_sent
    lab.wait_until(
        lambda: agent.instance().counters.adverts_sent > sent + 5, 10, "five more adverts"
    )
    counters = agent.instance().counters
    assert (agent.state(), counters.adverts_received, counters.dropped) == (State.MASTER, 0, {})
    send(rival, 2)
    lab.wait_until(lambda: agent.instance().counters.adverts_received == 1, 5, "one advert")
    lab.wait_until(
        lambda: any("priority 200" in str(line.get("cause")) for line in agent.log()),
        5,
        "it yields",
    )
