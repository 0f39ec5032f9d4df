"""A bystander on the switch: every VRRP packet as one JSON line, with the kernel's time of arrival.

    {"listening": true}
    {"time_ns": ..., "mac": "02:00:00:00:00:01", "family": 4, "vrid": 51, "priority": 150}

Times are of the wall clock (SO_TIMESTAMPNS): only their differences mean anything. Why: what is
measured is the agent, so the time is taken when the packet passes, not when this process wakes.
"""

from __future__ import annotations

import json
import socket
import struct
import sys

PROTOCOL = 112
ETH_P_ALL = 3
SO_TIMESTAMPNS = 35
SCM_TIMESPEC = struct.Struct("=qq")
HEADERS = {0x0800: (4, 9, None), 0x86DD: (6, 6, 40)}
"""By ethertype: the family, where the protocol number is, the length of a fixed header."""


def main() -> None:
    """Tell of every packet until the end."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL)) as tap:
        tap.bind((sys.argv[1], ETH_P_ALL))
        tap.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        _tell({"listening": True})
        while True:
            packet, ancillary, _, address = tap.recvmsg(2048, 64)
            if seen := _read(packet, address[1]):
                family, message = seen
                second, nanosecond = SCM_TIMESPEC.unpack(ancillary[0][2][:16])
                _tell(
                    {
                        "time_ns": second * 1_000_000_000 + nanosecond,
                        "mac": address[4].hex(":"),
                        "family": family,
                        "vrid": message[1],
                        "priority": message[2],
                    }
                )


def _read(packet: bytes, ethertype: int) -> tuple[int, bytes] | None:
    """The family and the VRRP message, if it is one that can be read at all."""
    if ethertype not in HEADERS:
        return None
    family, where, fixed = HEADERS[ethertype]
    header = fixed or (packet[0] & 15) * 4
    if len(packet) < header + 8 or packet[where] != PROTOCOL:
        return None
    return family, packet[header:]


def _tell(line: dict[str, object]) -> None:
    print(json.dumps(line), flush=True)  # noqa: T201  This is what the program is for.


if __name__ == "__main__":
    main()
