"""The bystander's notes: which adverts passed the switch, from whom, and when."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass

from vipd.lab.lab import INTERFACE, Host, Lab


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """One advert on the wire. Units: `time_ns` counts on the wall clock."""

    time_ns: int
    host: str
    mac: str
    to_mac: str
    source: str
    ttl: int
    family: int
    vrid: int
    priority: int


class Bystander:
    """Watches the wire from a host until the lab ends."""

    def __init__(self, lab: Lab, host: Host) -> None:
        self._lab = lab
        self._file = host.directory / "tap.jsonl"
        with self._file.open("wb") as out:
            command = [sys.executable, "-m", "vipd.lab.tap", INTERFACE]
            host.popen(command, stdout=out, stderr=out)
        lab.wait_until(lambda: b"listening" in self._file.read_bytes(), 15.0, "a tap on the wire")

    def adverts(self) -> list[Passed]:
        """Every advert until now, in the order of the wire."""
        *lines, _ = self._file.read_text().split("\n")
        seen = [json.loads(line) for line in lines[1:]]
        return [Passed(host=self._lab.host_with_mac(one["mac"]), **one) for one in seen]
