"""Time that passes only when asked to."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush

from vipd.core.units import Instant

MILLION = 1_000_000


class Clock:
    """A virtual clock and what is planned on it.

    Order: what is due at the same instant runs in the order in which it was planned.
    """

    __slots__ = ("_count", "_plans", "now")

    def __init__(self) -> None:
        self.now: Instant = 0
        self._plans: list[tuple[Instant, int, Callable[[], None]]] = []
        self._count = 0

    def plan(self, when: Instant, what: Callable[[], None]) -> None:
        """Run something at a moment that is not over yet."""
        assert when >= self.now, "the past cannot be planned"
        self._count += 1
        heappush(self._plans, (when, self._count, what))

    def run_until(self, end: Instant) -> None:
        """Let time pass, up to and including `end`."""
        while self._plans and self._plans[0][0] <= end:
            self.now, _, what = heappop(self._plans)
            what()
        self.now = end


class Dial:
    """The clock of one host: it began at a moment of its own, and may run fast or slow.

    Why: agents never compare their clocks, and no two quartzes agree.
    Units: `drift` is in parts per million; what is positive is fast.
    """

    __slots__ = ("_clock", "_origin", "_pace")

    def __init__(self, clock: Clock, *, origin: Instant, drift: int) -> None:
        self._clock = clock
        self._origin = origin
        self._pace = MILLION + drift

    @property
    def now(self) -> Instant:
        """What this clock shows."""
        return self._origin + self._clock.now * self._pace // MILLION

    def when(self, shown: Instant) -> Instant:
        """The first moment of the cluster's clock at which this one shows `shown`, or now."""
        return max(self._clock.now, -((self._origin - shown) * MILLION // self._pace))
