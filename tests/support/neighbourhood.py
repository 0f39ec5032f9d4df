"""A cable within the namespace of a test, and a neighbour at its far end: for tests/inside."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv6Address
from typing import Self

from vipd.core.model import Family, IPAddress

LEFT, RIGHT = "left", "right"
"""The ends of the cable: where we listen, and where others speak."""

OWN: dict[Family, IPAddress] = {
    Family.IPV4: IPv4Address("198.51.100.1"),
    Family.IPV6: IPv6Address("fe80::1"),
}
PEER: dict[Family, IPAddress] = {
    Family.IPV4: IPv4Address("198.51.100.2"),
    Family.IPV6: IPv6Address("fe80::2"),
}
"""Where adverts come from, ours and those of others."""


def ip(*words: str) -> str:
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout


def mac_of(name: str) -> bytes:
    """The MAC address of an interface of this namespace."""
    address = json.loads(ip("-json", "link", "show", "dev", name))[0]["address"]
    return bytes.fromhex(address.replace(":", ""))


def plug() -> None:
    """Make the cable; both ends are up."""
    ip("link", "add", "dev", LEFT, "type", "veth", "peer", "name", RIGHT)
    ip("link", "set", "dev", LEFT, "up")
    ip("link", "set", "dev", RIGHT, "up")


def unplug() -> None:
    """Take the cable away, both ends and what lies on them; it may be gone already."""
    subprocess.run(["ip", "link", "del", "dev", LEFT], check=False, capture_output=True)


@contextmanager
def speaker(name: str = RIGHT) -> Iterator[socket.socket]:
    """Sends whole frames from an interface."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as speaking:
        speaking.bind((name, 0))
        yield speaking


class Neighbour:
    """A host of its own at the far end of the cable, until the block ends."""

    def __init__(self) -> None:
        self._holder = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "echo here && exec cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def __enter__(self) -> Self:
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == b"here\n"
        ip("link", "set", "dev", RIGHT, "netns", str(self._holder.pid))
        # Usable at once: what holds back the addresses of a host is another test's business.
        self.run("sh", "-c", f"echo 0 > /proc/sys/net/ipv6/conf/{RIGHT}/accept_dad")
        self.run("ip", "link", "set", "dev", "lo", "up")
        self.run("ip", "link", "set", "dev", RIGHT, "up")
        return self

    def __exit__(self, *_: object) -> None:
        # The far end of a cable goes with its near end, before its namespace does.
        unplug()
        self._holder.communicate()

    def run(self, *words: str) -> str:
        """Run a command on this host."""
        enter = ("nsenter", "-t", str(self._holder.pid), "-n", "--")
        done = subprocess.run([*enter, *words], check=True, capture_output=True, text=True)
        return done.stdout

    def python(self, code: str) -> str:
        """Run Python on this host."""
        return self.run(sys.executable, "-c", code)
