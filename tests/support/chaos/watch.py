"""The witnesses: a monitor of the kernel on every host, and what they say taken together."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from chaos.timeline import Moment, Timeline
from vipd.lab.lab import Host, Lab

MONITOR = Path(__file__).with_name("monitor.py")
START_TIMEOUT_S = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Event:
    """Either a host has the address from now on or not, or the client's target has changed."""

    at_ns: int
    host: str
    there: bool | None = None
    target: str | None = None


class Watch:
    """Watches the hosts' addresses and the client's neighbours until the lab ends."""

    def __init__(self, lab: Lab, hosts: Sequence[Host], client: Host) -> None:
        self._lab = lab
        self._client = client
        self._files = {host: _begin(host) for host in (*hosts, client)}
        self._read_to = dict.fromkeys(self._files, 0)
        self._events: dict[str, list[_Event]] = {}
        lab.wait_until(self._all_listen, START_TIMEOUT_S, "the monitors listen")

    def _all_listen(self) -> bool:
        return all(file.stat().st_size for file in self._files.values())

    def timeline(self, address: str) -> Timeline:
        """All that is known of one address until now."""
        now = time.monotonic_ns()
        self._read()
        events = sorted(self._events.get(address, ()), key=lambda one: one.at_ns)
        return Timeline(tuple(_moments(events)), now)

    def holders(self, address: str) -> frozenset[str]:
        """Which hosts have it now."""
        moments = self.timeline(address).moments
        return moments[-1].holders if moments else frozenset()

    def _read(self) -> None:
        """Take in the lines that the monitors have written since the last time."""
        for host, file in self._files.items():
            with file.open("rb") as lines:
                lines.seek(self._read_to[host])
                for line in lines:
                    if not line.endswith(b"\n"):
                        break
                    self._read_to[host] += len(line)
                    self._take(host, json.loads(line))

    def _take(self, host: Host, seen: dict[str, str | int | bool | None]) -> None:
        about = self._events.setdefault(str(seen.get("address")), [])
        at_ns = int(seen.get("at_ns") or 0)
        if seen.get("kind") == "address":
            about.append(_Event(at_ns=at_ns, host=host.name, there=bool(seen["there"])))
        elif seen.get("kind") == "neighbour" and host is self._client:
            mac = seen["mac"]
            target = self._lab.host_with_mac(str(mac)) if mac else None
            about.append(_Event(at_ns=at_ns, host=host.name, target=target))


def _begin(host: Host) -> Path:
    """Start a monitor and say where it writes."""
    file = host.directory / "monitor.jsonl"
    with file.open("wb") as out:
        host.popen([sys.executable, str(MONITOR)], stdout=out, stderr=out)
    return file


def _moments(events: Sequence[_Event]) -> Iterator[Moment]:
    """What was so after each event; a renewed address is no news."""
    holders: frozenset[str] = frozenset()
    target: str | None = None
    told: Moment | None = None
    for event in events:
        if event.there is None:
            target = event.target
        else:
            holders = holders | {event.host} if event.there else holders - {event.host}
        if told is None or (told.holders, told.target) != (holders, target):
            told = Moment(at_ns=event.at_ns, holders=holders, target=target)
            yield told
