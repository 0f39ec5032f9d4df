"""Listens on a link for what teaches hosts a MAC address, and writes each as one JSON line.

    {"listening": true}
    {"address": "192.0.2.100", "mac": "00:00:5e:00:01:33", "frame": "00:00:5e:00:01:33"}

`mac` is what is said: by the sender of an ARP packet, question or answer; by the source of a
neighbour solicitation; by the target of a neighbour advertisement. `frame` is what the Ethernet
header says of the sender. Run as `python teachings.py INTERFACE`, it ends when it is killed.
"""

from __future__ import annotations

import json
import socket
import sys
from ipaddress import ip_address

ETH_P_ALL = 3
ARP, IPV6 = b"\x08\x06", b"\x86\xdd"
ICMPV6, SOLICITATION, ADVERTISEMENT = 58, 135, 136
SOURCE_MAC, TARGET_MAC = 1, 2
IPV6_BYTES, NEIGHBOUR_BYTES = 40, 24


def read(frame: bytes) -> tuple[bytes, bytes] | None:
    """The address and the MAC address that a frame brings together, if it does."""
    kind, packet = frame[12:14], frame[14:]
    if kind == ARP:
        return packet[14:18], packet[8:14]
    if kind != IPV6 or packet[6] != ICMPV6:
        return None
    message = packet[IPV6_BYTES:]
    if message[0] == SOLICITATION:
        mac = option(message, SOURCE_MAC)
        return (packet[8:24], mac) if mac else None
    if message[0] == ADVERTISEMENT:
        mac = option(message, TARGET_MAC)
        return (message[8:24], mac) if mac else None
    return None


def option(message: bytes, wanted: int) -> bytes | None:
    """The MAC address in an option of a neighbour message. RFC: 4861 §4.6.1."""
    rest = message[NEIGHBOUR_BYTES:]
    while len(rest) >= 8 and rest[1]:
        if rest[0] == wanted:
            return rest[2:8]
        rest = rest[rest[1] * 8 :]
    return None


def tell(line: dict[str, object]) -> None:
    """Write one line."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Tell of every teaching until the end."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) as tap:
        tap.bind((sys.argv[1], ETH_P_ALL))
        tell({"listening": True})
        while True:
            frame, origin = tap.recvfrom(2048)
            taught = read(frame)
            if origin[2] != socket.PACKET_OUTGOING and taught:
                address, mac = taught
                tell(
                    {
                        "address": str(ip_address(address)),
                        "mac": mac.hex(":"),
                        "frame": frame[6:12].hex(":"),
                    }
                )


if __name__ == "__main__":
    main()
