"""Every VRRP packet that passes the switch, kept as a pcap file by tcpdump and read while it grows.

`tshark` reads the same file later, and says what is wrong with the packets: see `verdicts`.
"""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vipd.lab.lab import Lab

FILE_HEADER = 24
RECORD = struct.Struct("<IIII")
ETHERTYPE_OFFSET = 12
ETHERNET_HEADER = 14
IPV6_HEADER = 40
IPV6 = b"\x86\xdd"
FILTER = "ip proto 112 or ip6 proto 112"

FIELDS = (
    "frame.number",
    "vrrp.virt_rtr_id",
    "vrrp.checksum.status",
    "ip.checksum.status",
    "_ws.expert.message",
    "_ws.malformed",
)
GOOD = "1"
BAD_CHECKSUM = "Bad checksum"


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """One advert on the wire. Units: `time_ns` counts on the wall clock."""

    time_ns: int
    mac: str
    vrid: int
    priority: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What tshark says of one packet; `complaints` are of anything but the VRRP checksum."""

    number: int
    vrid: int
    checksum_good: bool
    complaints: str


class Wiretap:
    """Watches the switch until the lab ends."""

    def __init__(self, lab: Lab, file: Path) -> None:
        self.file = file
        self._offset = FILE_HEADER
        self._seen: list[Passed] = []
        said = file.with_suffix(".stderr")
        with said.open("wb") as errors:
            command = ["tcpdump", "-i", "switch", "--immediate-mode", "-U", "-Z", "root"]
            lab.switch.popen([*command, "-w", str(file), FILTER], stdout=errors, stderr=errors)
        lab.wait_until(lambda: b"listening on" in said.read_bytes(), 15.0, "a tap on the wire")

    def adverts(self) -> list[Passed]:
        """Every advert until now, in the order of the wire."""
        with self.file.open("rb") as capture:
            capture.seek(self._offset)
            data = capture.read()
        for length, one in _read(data):
            self._offset += length
            self._seen.append(one)
        return self._seen


def _read(data: bytes) -> Iterator[tuple[int, Passed]]:
    """The whole records in the data, each with its length in the file."""
    at = 0
    while len(data) - at >= RECORD.size:
        second, microsecond, length, _ = RECORD.unpack_from(data, at)
        frame = data[at + RECORD.size : at + RECORD.size + length]
        if len(frame) < length:
            return
        yield RECORD.size + length, _passed((second * 1_000_000 + microsecond) * 1_000, frame)
        at += RECORD.size + length


def _passed(time_ns: int, frame: bytes) -> Passed:
    packet = frame[ETHERNET_HEADER:]
    is_ipv6 = frame[ETHERTYPE_OFFSET:ETHERNET_HEADER] == IPV6
    message = packet[IPV6_HEADER if is_ipv6 else (packet[0] & 15) * 4 :]
    return Passed(time_ns=time_ns, mac=frame[6:12].hex(":"), vrid=message[1], priority=message[2])


def verdicts(file: Path, macs: frozenset[str], *, message_checksum: bool) -> list[Verdict]:
    """Ask tshark about every packet from these MAC addresses.

    `message_checksum` has it expect the checksum of VRRPv3 over IPv4 as RFC 9568 writes it.
    """
    senders = " or ".join(f"eth.src == {mac}" for mac in sorted(macs))
    preference = "TRUE" if message_checksum else "FALSE"
    command = ["tshark", "-n", "-r", str(file), "-Y", senders]
    command += ["-o", f"vrrp.v3_checksum_as_in_v2:{preference}", "-o", "ip.check_checksum:TRUE"]
    command += ["-T", "fields", "-E", "separator=/t"]
    command += [word for field in FIELDS for word in ("-e", field)]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return [_verdict(*line.split("\t")) for line in lines]


def _verdict(
    number: str, vrid: str, status: str, header_status: str, expert: str, malformed: str
) -> Verdict:
    complaints = [one for one in expert.split(",") if one and not one.startswith(BAD_CHECKSUM)]
    if header_status not in ("", GOOD):
        complaints.append("the checksum of the IP header")
    if malformed:
        complaints.append("malformed")
    return Verdict(
        number=int(number),
        vrid=int(vrid or 0),
        checksum_good=status == GOOD,
        complaints=", ".join(complaints),
    )
