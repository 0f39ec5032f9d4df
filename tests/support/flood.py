"""A flood of adverts for somebody else's VRID, and an ear for one MASTER in it.

python flood.py flood SECONDS PER_SECOND VRID      bad checksums, each packet another one
python flood.py hear SECONDS MAC                   the moments of a host's adverts, as JSON
"""

from __future__ import annotations

import json
import select
import socket
import struct
import sys
import time

from vipd.net.bpf import DROP, assemble, attach, jump_unless_equal, keep, load

ETHERTYPE_IPV4 = 0x0800
GROUP = ("224.0.0.18", 0)
BATCH = 50
SNAP = 64


def wrong(vrid: int, number: int) -> bytes:
    """One of 65,536 adverts. The two halves of its address add up to the same: none has by chance
    the checksum that it should have."""
    low = number & 0xFFFF
    address = low.to_bytes(2, "big") + (0xFFFF - low).to_bytes(2, "big")
    return bytes([0x31, vrid, 254, 1, 0, 10, 0xBA, 0xD0]) + address


def flood(seconds: float, per_second: int, vrid: int) -> None:
    """Send as evenly as batches allow; say how many there were."""
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, 112) as speaking:
        speaking.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
        way = struct.pack("=4s4si", bytes(4), bytes(4), socket.if_nametoindex("eth0"))
        speaking.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, way)
        began, sent = time.monotonic(), 0
        while (now := time.monotonic()) < began + seconds:
            while sent < (now - began) * per_second:
                for number in range(sent, sent + BATCH):
                    speaking.sendto(wrong(vrid, number), GROUP)
                sent += BATCH
            select.select([], [], [], BATCH / per_second / 2)
    sys.stdout.write(json.dumps(sent))


def hear(seconds: float, mac: str) -> None:
    """Note when the adverts of a host pass, by the clock of this one."""
    tail = int.from_bytes(bytes.fromhex(mac.replace(":", ""))[2:], "big")
    program = assemble(
        load(4, 8), jump_unless_equal(tail, "drop"), load(1, 23), jump_unless_equal(112, "drop"),
        keep(SNAP), "drop", DROP,
    )  # fmt: skip
    moments: list[int] = []
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as ear:
        attach(ear, program)
        ear.bind(("eth0", ETHERTYPE_IPV4))
        ends = time.monotonic() + seconds
        while (left := ends - time.monotonic()) > 0:
            ear.settimeout(left)
            try:
                ear.recv(SNAP)
            except TimeoutError:
                break
            moments.append(time.monotonic_ns())
    sys.stdout.write(json.dumps(moments))


if __name__ == "__main__":
    if sys.argv[1] == "flood":
        flood(float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
    else:
        hear(float(sys.argv[2]), sys.argv[3])
