"""A bystander on the switch: every VRRP packet as one JSON line, with the kernel's time of arrival.

    {"listening": true}
    {"time_ns": ..., "mac": "02:00:00:00:00:01", "to_mac": "01:00:5e:00:00:12",
     "source": "192.0.2.11", "ttl": 255, "family": 4, "vrid": 51, "priority": 150}

Times are of the wall clock (SO_TIMESTAMPNS): only their differences mean anything. Why: what is
measured is the agent, so the time is taken when the packet passes, not when this process wakes.
"""

from __future__ import annotations

import json
import socket
import struct
import sys
from ipaddress import ip_address

PROTOCOL = 112
ETH_P_ALL = 3
SO_TIMESTAMPNS = 35
SCM_TIMESPEC = struct.Struct("=qq")
ETHERNET_BYTES, IPV4_BYTES, IPV6_BYTES, VRRP_BYTES = 14, 20, 40, 8


def main() -> None:
    """Tell of every packet until the end."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) as tap:
        tap.bind((sys.argv[1], ETH_P_ALL))
        tap.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        _tell({"listening": True})
        while True:
            frame, ancillary, _, _ = tap.recvmsg(2048, 64)
            if seen := _read(frame[ETHERNET_BYTES:]):
                second, nanosecond = SCM_TIMESPEC.unpack(ancillary[0][2][:16])
                moment = second * 1_000_000_000 + nanosecond
                ends = {"mac": frame[6:12].hex(":"), "to_mac": frame[:6].hex(":")}
                _tell({"time_ns": moment, **ends, **seen})


def _read(packet: bytes) -> dict[str, object] | None:
    """What an IP packet says, if it is one of VRRP that can be read at all."""
    if len(packet) < IPV4_BYTES:
        return None
    if packet[0] >> 4 == 4 and packet[9] == PROTOCOL:
        header, source, ttl = (packet[0] & 15) * 4, ip_address(packet[12:16]), packet[8]
    elif packet[0] >> 4 == 6 and packet[6] == PROTOCOL and len(packet) > IPV6_BYTES:
        header, source, ttl = IPV6_BYTES, ip_address(packet[8:24]), packet[7]
    else:
        return None
    message = packet[header:]
    if len(message) < VRRP_BYTES:
        return None
    return {
        "source": str(source),
        "ttl": ttl,
        "family": packet[0] >> 4,
        "vrid": message[1],
        "priority": message[2],
    }


def _tell(line: dict[str, object]) -> None:
    print(json.dumps(line), flush=True)  # noqa: T201  This is what the program is for.


if __name__ == "__main__":
    main()
