"""What one repetition of a scenario has shown, and what came of a row's repetitions together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from statistics import median

ALWAYS = ("outage", "outages", "lost", "two", "two_at_worst", "none", "misled", "changes")
"""The measures that every repetition has."""

TWO_UNTIL_HEALED = "two until healed"
TWO_ONCE_HEALED = "two once healed"
MISLED_ONCE_HEALED = "misled once healed"
NAMED = "named after"
DESCRIPTORS = "descriptors more"
RESIDENT = "kB more"
"""The measures that only some scenarios have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One repetition, as seen from outside. Units: milliseconds.

    `outage` is the client's longest, `outages` all of its together; both are infinite where the
    address was not back at the end. `two` is for how long two hosts had the address, `none` for how
    long nobody; `for_ever` says that there were still two at the end. `misled` is the longest that
    the client would have sent to a host that did not have it. `also` is what only this scenario
    measures. `unmet` is what was waited for in vain.
    """

    outage: float
    outages: float
    lost: int
    two: float
    none: float
    for_ever: bool
    misled: float
    transitions: Mapping[str, int]
    also: Mapping[str, float] = field(default_factory=dict)
    unmet: Sequence[str] = ()

    @property
    def two_at_worst(self) -> float:
        """The same as `two`, but infinite where there was no end of it."""
        return inf if self.for_ever else self.two

    @property
    def changes(self) -> int:
        """The transitions of both daemons."""
        return sum(self.transitions.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table: a scenario at an interval, done to a kind of daemon.

    `broken` says why its play ended before its time.
    """

    scenario: str
    interval_ms: int
    daemon: str
    seen: Sequence[Seen]
    broken: str | None = None

    def values(self, measure: str) -> Sequence[float]:
        """A measure in all repetitions that have it, by its name in `Seen` or in its `also`."""
        if measure in ALWAYS:
            return [float(getattr(one, measure)) for one in self.seen]
        return [one.also[measure] for one in self.seen if measure in one.also]

    def median(self, measure: str) -> float:
        """The median of a measure; infinite where nothing was seen."""
        values = self.values(measure)
        return median(values) if values else inf

    def worst(self, measure: str) -> float:
        """The greatest value of a measure; infinite where nothing was seen."""
        return max(self.values(measure), default=inf)
