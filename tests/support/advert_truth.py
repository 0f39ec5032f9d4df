"""What a kernel really does to adverts: run as a program inside a host of the lab.

`send` sends adverts of both families to their groups, or to the addresses that follow, until it is
ended. `judge` says as JSON which adverts come through to a raw socket, and which leave: a tap on
the interface sees what arrives before any firewall (how else would one know that none came?), and
what leaves after all of them.
"""

from __future__ import annotations

import json
import select
import socket
import struct
import sys
import time

INTERFACE = "eth0"
VRRP = 112
GROUPS = ("224.0.0.18", "ff02::12")
ENOUGH = 4
"""Adverts that must have arrived before it is said that a firewall has dropped them."""

DEADLINE_S = 10.0
PAUSE_S = 0.005
PAYLOAD = bytes.fromhex("31339601006400000a000001")
ETHERTYPES = {0x0800: "4", 0x86DD: "6"}
OUTGOING = 4


def sockets() -> dict[str, socket.socket]:
    """A raw socket for each family, a member of its group."""
    index = socket.if_nametoindex(INTERFACE)
    found = {}
    for name, family in (("4", socket.AF_INET), ("6", socket.AF_INET6)):
        one = socket.socket(family, socket.SOCK_RAW, VRRP)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, INTERFACE.encode())
        one.setblocking(False)
        found[name] = one
    for option in (socket.IP_MULTICAST_IF, socket.IP_ADD_MEMBERSHIP):
        member = struct.pack("=4s4si", socket.inet_aton(GROUPS[0]), bytes(4), index)
        found["4"].setsockopt(socket.IPPROTO_IP, option, member)
    found["4"].setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
    found["4"].setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
    member = struct.pack("=16si", socket.inet_pton(socket.AF_INET6, GROUPS[1]), index)
    found["6"].setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, member)
    found["6"].setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
    found["6"].setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
    found["6"].setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 0)
    return found


def emit(opened: dict[str, socket.socket], destinations: tuple[str, str]) -> None:
    """Send one advert of each family, as far as the kernel lets it out."""
    for one, address in zip(opened.values(), destinations, strict=True):
        try:
            one.sendto(PAYLOAD, (address, 0))
        except OSError:
            continue


def send(destinations: tuple[str, str]) -> None:
    """Send until the end."""
    opened = sockets()
    while True:
        emit(opened, destinations)
        select.select([], [], [], PAUSE_S)


def judge(destinations: tuple[str, str]) -> dict[str, bool]:
    """What comes through, and what leaves.

    Order: whoever is to hear an advert listens before the tap does, so that what the tap has seen
    was for all of them. What leaves is in the queue of the tap as soon as it is sent.
    """
    opened = sockets()
    tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0003))
    tap.bind((INTERFACE, 3))
    emit(opened, destinations)
    seen = {"in4": 0, "in6": 0, "out4": 0, "out6": 0}
    end = time.monotonic() + DEADLINE_S
    while min(seen["in4"], seen["in6"]) < ENOUGH:
        assert time.monotonic() < end, f"no adverts arrive: {seen}"
        count(tap, seen, wait_s=DEADLINE_S)
    while count(tap, seen, wait_s=0):
        pass
    truth = {name: bool(number) for name, number in seen.items()}
    return truth | {f"in{name}": has_something(one) for name, one in opened.items()}


def count(tap: socket.socket, seen: dict[str, int], *, wait_s: float) -> bool:
    """Count the next packet, if one comes."""
    if not select.select([tap], [], [], wait_s)[0]:
        return False
    packet, (_, ethertype, kind, *_) = tap.recvfrom(2048)
    if ethertype in ETHERTYPES and is_vrrp(packet):
        seen[("out" if kind == OUTGOING else "in") + ETHERTYPES[ethertype]] += 1
    return True


def is_vrrp(packet: bytes) -> bool:
    return packet[9 if packet[0] >> 4 == 4 else 6] == VRRP


def has_something(opened: socket.socket) -> bool:
    try:
        return bool(opened.recv(2048))
    except BlockingIOError:
        return False


def main(verb: str, *addresses: str) -> None:
    destinations = (addresses[0], addresses[1]) if addresses else GROUPS
    if verb == "send":
        send(destinations)
    sys.stdout.write(json.dumps(judge(destinations)))


if __name__ == "__main__":
    main(*sys.argv[1:])
