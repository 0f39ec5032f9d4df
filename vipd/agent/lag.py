"""The loop's lag: how late this agent does what it should have done at a moment.

Counted in buckets, as a histogram wants them, so that one late wake-up among millions is not lost
in a mean. The bounds follow what matters: an advert interval is 10 ms at least.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

from vipd.core.units import MILLISECOND, SECOND, Duration

BOUNDS: Final[tuple[Duration, ...]] = (
    MILLISECOND // 10,
    MILLISECOND // 4,
    MILLISECOND // 2,
    MILLISECOND,
    5 * MILLISECOND // 2,
    5 * MILLISECOND,
    10 * MILLISECOND,
    25 * MILLISECOND,
    50 * MILLISECOND,
    100 * MILLISECOND,
    250 * MILLISECOND,
    SECOND,
    5 * SECOND,
)
"""The upper bounds of the buckets; one more bucket takes what is beyond them."""


class LoopLag:
    """Counts how late the loop was, and how often instances had to be told so."""

    __slots__ = ("counts", "stalls", "total", "worst")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.total: Duration = 0
        self.worst: Duration = 0
        self.stalls = 0

    def note(self, late: Duration) -> None:
        """Count one wake-up; one that was too early was not late."""
        late = max(late, 0)
        self.counts[bisect_left(BOUNDS, late)] += 1
        self.total += late
        self.worst = max(self.worst, late)

    def stall(self) -> None:
        """Count that the loop was so late that adverts may have been missed."""
        self.stalls += 1
