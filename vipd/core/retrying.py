"""When an instance that could not hold its addresses tries again."""

from __future__ import annotations

from vipd.core.cause import CauseCode
from vipd.core.drifting import DRIFT_WINDOW
from vipd.core.timers import Deadlines, Timer
from vipd.core.units import SECOND, Duration, Instant

CLAIM_RETRY_FIRST: Duration = SECOND
CLAIM_RETRY_LONGEST: Duration = 60 * SECOND
"""The wait after a refused claim doubles from the first to the longest."""


class Retrying:
    """Keeps `Timer.CLAIM_RETRY` armed in a FAULT that no event may end."""

    __slots__ = ("_deadlines", "_wait")

    def __init__(self, deadlines: Deadlines) -> None:
        self._deadlines = deadlines
        self._wait = CLAIM_RETRY_FIRST

    @property
    def waits(self) -> bool:
        """Whether the instance must not stand for election yet."""
        return self._deadlines.at(Timer.CLAIM_RETRY) is not None

    def begin(self, code: CauseCode, now: Instant) -> None:
        """A FAULT begins: try again later, if it is one of the addresses."""
        if code in (CauseCode.CLAIM_FAILED, CauseCode.HOOK):
            self._deadlines.arm(Timer.CLAIM_RETRY, now + self._wait)
            self._wait = min(2 * self._wait, CLAIM_RETRY_LONGEST)
        elif code is CauseCode.DRIFT:
            self._deadlines.arm(Timer.CLAIM_RETRY, now + DRIFT_WINDOW)

    def hurry(self, now: Instant) -> None:
        """Other addresses may do better: try at once, if it waits."""
        if self.waits:
            self._deadlines.arm(Timer.CLAIM_RETRY, now)

    def succeed(self) -> None:
        """A claim was granted."""
        self._wait = CLAIM_RETRY_FIRST
