"""What vipd must reach in each row of the table, and what a row has missed.

Everything is judged by its worst repetition. Units: milliseconds, where nothing else is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from textwrap import shorten
from typing import Final

from chaos.scenario import (
    CUT,
    DELETED,
    FIREWALL_IN,
    FIREWALL_OUT,
    FROZEN,
    FROZEN_4S,
    HOLD_IN,
    HOLD_OUT,
    KILLED,
    RECREATED,
    RESTARTED,
    RETURNED,
    STOPPED,
)
from chaos.seen import (
    DESCRIPTORS,
    MISLED_ONCE_HEALED,
    NAMED,
    RESIDENT,
    TWO_ONCE_HEALED,
    TWO_UNTIL_HEALED,
    Row,
)
from vipd.core.election import master_down_interval
from vipd.core.units import MILLISECOND

HEIR_PRIORITY: Final = 100
ERROR: Final = 1.5
"""The client asks once in a millisecond, and neither it nor the monitors are real-time."""

HANDOVER: Final = 2.0
LEASE_OVERLAP: Final = 1100.0
"""At intervals of less than a second: Linux counts lifetimes in whole seconds."""

COUNTED: Final = frozenset({"changes", DESCRIPTORS, RESIDENT})
LONGEST_REASON: Final = 160
SLOW_MS: Final = 1000
"""From this interval on a lease ends before a takeover, and a restart is faster than one."""

LATE: Final = 150.0
"""For a busy machine, where a takeover waits for the protocol."""

BRIEFLY: Final = 100.0
"""Two hosts, while one hands over to the other: the linger, and what the machine adds."""

RIGHT_ONCE_HEALED: Final = 1000.0
REPAIRED: Final = 100.0
GROWN_KB: Final = 2048.0
SLACK: Final = 30.0
"""Where vipd is compared with something that has not waited for the processor just as long."""

GENEROUS: Final = 100.0
"""What a run among other programs may miss a bound by: a tenth of what keepalived loses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """The most that each measure of a row may be, by the measure's name in `Seen` or its `also`."""

    most: Mapping[str, float] = field(default_factory=dict)

    def loosened(self, by: float) -> Bound:
        """The same for a machine that is busy, but for what no load excuses."""
        return Bound(
            most={
                measure: limit if _is_absolute(measure, limit) else limit + by
                for measure, limit in self.most.items()
            }
        )


def _is_absolute(measure: str, limit: float) -> bool:
    """Whether it is a count, or forbids that there ever are two."""
    return measure in COUNTED or (measure.startswith("two") and limit == 0)


def bound(scenario: str, interval_ms: int, rival: Row | None = None) -> Bound:
    """What vipd must reach; `rival` is what keepalived has reached in the same run."""
    return Bound(most=dict(_limits(scenario, interval_ms, rival)))


def _limits(scenario: str, interval_ms: int, rival: Row | None) -> Iterator[tuple[str, float]]:
    down = master_down_interval(HEIR_PRIORITY, interval_ms * MILLISECOND) / MILLISECOND
    slow = interval_ms >= SLOW_MS
    overlap = 0.0 if slow else LEASE_OVERLAP
    if scenario == KILLED:
        yield from (("two_at_worst", overlap), ("outage", down + LATE))
    elif scenario in (FROZEN, FROZEN_4S):
        slowest = max(down, RIGHT_ONCE_HEALED)
        yield from ((TWO_UNTIL_HEALED, overlap), ("outage", slowest + LATE))
        yield from ((TWO_ONCE_HEALED, BRIEFLY), (MISLED_ONCE_HEALED, RIGHT_ONCE_HEALED))
    elif scenario in (STOPPED, RETURNED):
        yield from (("outage", HANDOVER + ERROR), ("two_at_worst", BRIEFLY))
    elif scenario == RESTARTED and slow:
        yield from (("outage", 0.0), ("changes", 1))  # It becomes MASTER again, and no more.
    elif scenario == DELETED:
        yield from (("outage", REPAIRED), ("changes", 0))
    elif scenario == CUT:
        # The moment of the cut is random: by luck a rival may stay below what the protocol costs.
        yield "outage", max(rival.worst("outage") if rival else 0.0, down) + SLACK
    elif scenario in (FIREWALL_IN, FIREWALL_OUT):
        yield from ((NAMED, 2.0 * interval_ms + SLACK), (TWO_ONCE_HEALED, interval_ms + BRIEFLY))
        yield MISLED_ONCE_HEALED, RIGHT_ONCE_HEALED
    elif scenario in (HOLD_IN, HOLD_OUT):
        yield from (("two_at_worst", 0.0), ("outage", 0.0), ("changes", 0))
    elif scenario == RECREATED:
        yield from ((DESCRIPTORS, 0), (RESIDENT, GROWN_KB))


def misses(row: Row, allowed: Bound) -> list[str]:
    """Everything that is not as it must be, for a person."""
    found = [] if row.broken is None else [shorten(row.broken, LONGEST_REASON)]
    found += dict.fromkeys(f"not in time: {what}" for one in row.seen for what in one.unmet)
    if not row.seen and not found:
        found.append("nothing was seen")
    for measure, limit in allowed.most.items():
        if row.seen and row.worst(measure) > limit:
            found.append(
                f"{measure.removesuffix('_at_worst')} {row.worst(measure):.6g} > {limit:g}"
            )
    return found
