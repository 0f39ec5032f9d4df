"""Somebody else takes or changes our addresses: borne for a while, told each time."""

from __future__ import annotations

from collections import deque

from vipd.core.units import SECOND, Duration, Instant, format_duration

DRIFTS_BORNE = 5
DRIFT_WINDOW: Duration = 30 * SECOND
"""Put right so often in so long a time; what fights harder than that will not be won over."""


class Drifting:
    """Counts within a window of time."""

    __slots__ = ("_times",)

    def __init__(self) -> None:
        self._times: deque[Instant] = deque(maxlen=DRIFTS_BORNE + 1)

    def note(self, what: str, now: Instant) -> str:
        """It has happened once more: what, and how often, for a person."""
        self._times.append(now)
        while now - self._times[0] >= DRIFT_WINDOW:
            self._times.popleft()
        return self._describe(what)

    @property
    def unbearable(self) -> bool:
        """Whether it is a fight."""
        return len(self._times) > DRIFTS_BORNE

    def forget(self) -> None:
        """Begin to count anew."""
        self._times.clear()

    def _describe(self, what: str) -> str:
        window = format_duration(DRIFT_WINDOW)
        if self.unbearable:
            return f"{what}, more than {DRIFTS_BORNE} times in {window}: something else manages it"
        return f"{what}; put right ({len(self._times)} of {DRIFTS_BORNE} times in {window})"
