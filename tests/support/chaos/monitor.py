"""What the kernel of one host says of addresses and neighbours, each event as one JSON line.

    {"listening": true}
    {"at_ns": ..., "kind": "address", "address": "192.0.2.101", "there": true}
    {"at_ns": ..., "kind": "neighbour", "address": "192.0.2.101", "mac": "02:00:00:00:00:01"}

Times are of the monotonic clock, which all processes of a machine share. A neighbour that is not
resolved has no MAC address (null).

Why: it is the witness against the agents, so it shares no code with them; only the standard
library is imported, so that it listens at once.
"""

from __future__ import annotations

import json
import socket
import struct
import sys
import time
from collections.abc import Iterator
from ipaddress import ip_address

GROUPS = 0x4 | 0x10 | 0x100
"""RTMGRP_NEIGH, RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR of linux/rtnetlink.h."""

NEW_ADDRESS, DELETED_ADDRESS, NEW_NEIGHBOUR, DELETED_NEIGHBOUR = 20, 21, 28, 29
HEADER = struct.Struct("=IHHII")
ATTRIBUTE = struct.Struct("=HH")
ADDRESS_BYTES, NEIGHBOUR_BYTES = 8, 12
IFA_ADDRESS, IFA_LOCAL, NDA_DST, NDA_LLADDR = 1, 2, 1, 2
FAMILIES = (socket.AF_INET, socket.AF_INET6)
BUFFER_BYTES = 4 << 20


def main() -> None:
    """Tell of every event until the end."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as netlink:
        netlink.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        netlink.bind((0, GROUPS))
        _tell(listening=True)
        while True:
            data = netlink.recv(1 << 16)
            at_ns = time.monotonic_ns()
            for kind, body in _messages(data):
                _hear(at_ns, kind, body)


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + HEADER.size <= len(data):
        length, kind, _flags, _sequence, _port = HEADER.unpack_from(data, at)
        yield kind, data[at + HEADER.size : at + length]
        at += (length + 3) & ~3


def _hear(at_ns: int, kind: int, body: bytes) -> None:
    if body[0] not in FAMILIES:
        return
    if kind in (NEW_ADDRESS, DELETED_ADDRESS):
        found = dict(_attributes(body[ADDRESS_BYTES:]))
        address = str(ip_address(found.get(IFA_LOCAL) or found[IFA_ADDRESS]))
        _tell(at_ns=at_ns, kind="address", address=address, there=kind == NEW_ADDRESS)
    elif kind in (NEW_NEIGHBOUR, DELETED_NEIGHBOUR):
        found = dict(_attributes(body[NEIGHBOUR_BYTES:]))
        mac = found.get(NDA_LLADDR) if kind == NEW_NEIGHBOUR else None
        address = str(ip_address(found[NDA_DST]))
        _tell(at_ns=at_ns, kind="neighbour", address=address, mac=mac.hex(":") if mac else None)


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + ATTRIBUTE.size <= len(data):
        length, kind = ATTRIBUTE.unpack_from(data, at)
        yield kind, data[at + ATTRIBUTE.size : at + length]
        at += (length + 3) & ~3


def _tell(**line: object) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
