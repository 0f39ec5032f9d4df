"""The throttle: a line that repeats itself is written once a minute, with how often it came."""

from __future__ import annotations

from vipd.agent.ports import Clock
from vipd.core.units import SECOND, Duration, Instant
from vipd.log import Logger

QUIET: Duration = 60 * SECOND
LINES_REMEMBERED = 1024
"""More different lines than this in one minute are the work of a flood: no more are written."""


class Throttle:
    """A log that nobody can flood."""

    def __init__(self, log: Logger, clock: Clock) -> None:
        self._log = log
        self._clock = clock
        self._lines: dict[tuple[str, ...], tuple[Instant, int]] = {}

    def warning(self, event: str, **fields: str) -> None:
        """Write a warning, unless the same one was written less than a minute ago."""
        now = self._clock()
        key = (event, *fields.values())
        since, suppressed = self._lines.get(key, (now - QUIET, 0))
        if now - since < QUIET:
            self._lines[key] = (since, suppressed + 1)
            return
        self._lines.pop(key, None)
        if not self._has_room(now):
            return
        self._lines[key] = (now, 0)
        if suppressed:
            self._log.warning(event, **fields, suppressed=suppressed)
        else:
            self._log.warning(event, **fields)

    def _has_room(self, now: Instant) -> bool:
        """Forget the line that was written first, if it is long ago. The lines stand in order."""
        if len(self._lines) < LINES_REMEMBERED:
            return True
        oldest = next(iter(self._lines))
        if now - self._lines[oldest][0] < QUIET:
            return False
        del self._lines[oldest]
        return True
