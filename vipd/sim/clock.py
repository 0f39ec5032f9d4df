"""Time that passes only when asked to."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush

from vipd.core.units import Instant


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
