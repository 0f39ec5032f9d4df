"""What can go wrong."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from vipd.core.units import Instant, format_duration
from vipd.sim.network import Path


class FaultKind(Enum):
    """What can befall a cluster, besides the storm on its network."""

    CUT = "packets are lost on some paths"
    FILTER = "adverts are lost on some paths, ARP is not"
    PAUSE = "a node does not run; packets and link events wait for it"
    DEAF_PAUSE = "a node does not run; packets are lost on it"
    UNPLUG = "a node has no carrier"
    FLAP = "a node loses its carrier for a moment, and its agent only sees that it did"
    NEW_MAC = "a node's interface is given another MAC address, for good"
    REFUSE = "a node's kernel refuses every claim and every renewal"
    DELETE = "somebody removes an address from a node, `count` times"
    STOP = "an agent is stopped, hands over, and is started later"
    STOP_AT_ONCE = "an agent is stopped and lets go at once, later started"
    CRASH = "an agent dies, its kernel keeps the addresses; it is restarted later"
    POWER_LOSS = "a host loses its power, later boots"
    RELOAD = "an agent is given another priority, for good"
    SICKEN = "what a host serves with is down: FAULT, if it tracks that"
    FAILOVER = "an operator wants another host to serve"
    MAINTENANCE = "an operator wants a host to serve nothing, though nobody may come"
    BURDEN = "something on a host is down that weighs, if it tracks that"


OF_A_HOST = frozenset(
    {
        FaultKind.PAUSE,
        FaultKind.DEAF_PAUSE,
        FaultKind.STOP,
        FaultKind.STOP_AT_ONCE,
        FaultKind.CRASH,
        FaultKind.POWER_LOSS,
        FaultKind.RELOAD,
        FaultKind.SICKEN,
        FaultKind.BURDEN,
        FaultKind.FAILOVER,
        FaultKind.MAINTENANCE,
    }
)
"""The faults that befall a host on all its links at once."""

SEPARATING = frozenset({FaultKind.CUT, FaultKind.FILTER})
"""The faults that keep live nodes from hearing each other: no protocol can tell that from death."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong, from when till when; on which link, if it is a matter of one."""

    kind: FaultKind
    begin: Instant
    end: Instant
    node: int = 0
    paths: tuple[Path, ...] = ()
    priority: int = 0
    count: int = 1
    link: int = 0

    def __str__(self) -> str:
        """One line of a story."""
        span = f"{format_duration(self.begin)} .. {format_duration(self.end)}"
        return f"{self.kind.name} {self._where()}, {span}"

    def _where(self) -> str:
        name = chr(ord("a") + self.node)
        if self.link:
            name += str(self.link + 1)
        match self.kind:
            case FaultKind.CUT | FaultKind.FILTER:
                ends = [(chr(ord("a") + one), chr(ord("a") + other)) for one, other in self.paths]
                paths = " ".join(f"{one}>{other}" for one, other in ends)
                return paths + (f" on link {self.link + 1}" if self.link else "")
            case FaultKind.RELOAD:
                return f"{name} to {self.priority}"
            case FaultKind.DELETE:
                return f"{name} {self.count} times"
            case _:
                return name
